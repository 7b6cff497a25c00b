/* The names' faults. */
#pragma once

/* Of a thousand lookups so many fail. */
void sim_resolver_set_failures(int per_mille);
