/* Holds: why the deliveries of an endpoint wait in the table `parked`, and who keeps them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The numbers are stored; never renumber. */
enum hold_state {
	HOLD_CLOSED = 0,   /* nothing is parked, but what has its order */
	HOLD_OPEN = 1,     /* the breaker is open: parked, but for a probe now and then */
	HOLD_DRAINING = 2, /* what was parked goes out; what is new goes its usual way */
	HOLD_PAUSED = 3,   /* by hand: parked until the pause ends */
};

/* What an endpoint's order is among. The texts are stored. */
enum ordering {
	ORDERING_NONE,
	ORDERING_ENDPOINT, /* all its events */
	ORDERING_KEY,      /* those with the same orderingKey; others go their usual way */
};

/* Whether new deliveries are parked. */
static inline bool
hold_parks(enum hold_state state)
{
	return state == HOLD_OPEN || state == HOLD_PAUSED;
}
