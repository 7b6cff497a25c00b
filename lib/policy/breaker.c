/* The rules of breaker.h. */
#include "policy/breaker.h"

#include <limits.h>

bool
breaker_fail(struct breaker *b, int limit, usec_t now)
{
	if (b->failures == 0)
		b->since = now;
	if (b->failures < INT_MAX)
		b->failures++;
	if (limit == 0 || b->tripped)
		return false;
	bool few = b->failures >= BREAKER_FEW && now - b->since > BREAKER_SPAN;
	b->tripped = few || b->failures >= limit;
	return b->tripped;
}

void
breaker_reset(struct breaker *b)
{
	*b = (struct breaker){ 0 };
}
