/* When an endpoint that fails is given up for a while: after so many failures in a row, or after a
 * few of them that span a long time, for endpoints that hear from us rarely. Pure: the caller has
 * the clock. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

#define BREAKER_FEW  5
#define BREAKER_SPAN (600 * USEC_PER_SEC) /* for a few failures to be enough */

/* All zero: nothing has failed. */
struct breaker {
	int failures; /* in a row */
	usec_t since; /* of the first of them */
	bool tripped;
};

/* Another failure. Returns true when it trips the breaker: once, until breaker_reset. `limit` is
 * how many failures do; 0: none ever. */
bool breaker_fail(struct breaker *b, int limit, usec_t now);
/* Something succeeded, or somebody decided to begin anew. */
void breaker_reset(struct breaker *b);
