/* What dispatch asks of the query before a handler looks into it (call.h has the rest). */
#pragma once

#include "rest/call.h"

bool query_well_encoded(const struct call *c);
