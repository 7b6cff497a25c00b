/* loop.h in virtual time: linked before the library, it takes the real one's place, and an hour
 * passes as fast as its events are worked off. Nothing ever waits; a timer's time is exact, and
 * timers of the same time run in the order in which they were set. */
#pragma once

#include "loop/loop.h"

/* Runs all that is due until then, and lets that time come. */
void virtual_run(struct loop *l, usec_t until);
/* The turn under way takes so long on top: what is due meanwhile comes late. */
void virtual_spend(struct loop *l, usec_t time);
