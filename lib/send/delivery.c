/* Deliveries and their results as objects. */
#include "send/delivery.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct delivery *
delivery_new(struct message *m, int64_t endpoint_id, int slot, int64_t epoch)
{
	struct delivery *d = mem_zalloc(sizeof(*d));
	d->message = message_ref(m);
	d->endpoint_id = endpoint_id;
	d->slot = (int16_t)slot;
	d->epoch = epoch;
	return d;
}

void
delivery_free(struct delivery *d)
{
	message_unref(d->message);
	free(d);
}

void
delivery_set(struct delivery *d, enum delivery_state state)
{
	/* Bit sets of the states that may come next. */
	static const unsigned next[] = {
		[DELIVERY_QUEUED] = 1U << DELIVERY_LOADING | 1U << DELIVERY_RESOLVING |
				    1U << DELIVERY_SENDING | 1U << DELIVERY_RECORDING |
				    1U << DELIVERY_QUEUED, /* out of its lane and back */
		[DELIVERY_LOADING] = 1U << DELIVERY_RESOLVING | 1U << DELIVERY_SENDING |
				     1U << DELIVERY_RECORDING | 1U << DELIVERY_QUEUED,
		[DELIVERY_RESOLVING] =
		    1U << DELIVERY_SENDING | 1U << DELIVERY_RECORDING | 1U << DELIVERY_QUEUED,
		[DELIVERY_SENDING] = 1U << DELIVERY_RECORDING | 1U << DELIVERY_QUEUED,
		[DELIVERY_RECORDING] = 0,
	};
	assert(next[d->state] & 1U << state);
	d->state = state;
}

struct result *
result_new(struct delivery *d)
{
	struct result *r = mem_zalloc(sizeof(*r));
	r->delivery = d;
	return r;
}

void
result_free(struct result *r)
{
	if (r->delivery)
		delivery_free(r->delivery);
	free((char *)(uintptr_t)r->response.p);
	free(r);
}
