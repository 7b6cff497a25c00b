/* A sum over time that forgets: what was added fades to 1/e within `span`, so that sum / span is a
 * rate that follows the last spans and has no windows with edges. */
#pragma once

#include "base/clock.h"

struct decay {
	double sum; /* as of `at` */
	usec_t at;
	usec_t span; /* positive */
};

/* `now` does not go back from one call to the next. */
void decay_add(struct decay *d, usec_t now, double n);
double decay_get(const struct decay *d, usec_t now);
