/* Exponential decay. exp() is exact whatever the steps are: many short ones and a long one come to
 * the same, which cheaper formulas get wrong for a process that sleeps. */
#include "base/decay.h"

#include <math.h>

double
decay_get(const struct decay *d, usec_t now)
{
	return d->sum * exp(-(double)(now - d->at) / (double)d->span);
}

void
decay_add(struct decay *d, usec_t now, double n)
{
	d->sum = decay_get(d, now) + n;
	d->at = now;
}
