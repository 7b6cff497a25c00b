/* Exchanges: one signed request to one endpoint, from the lookup of its name to its answer. */
#pragma once

#include "config/config.h"
#include "http/client.h"
#include "http/resolver.h"
#include "loop/loop.h"
#include "send/delivery.h"
#include "send/route.h"

struct exchanges; /* opaque */

/* On the loop's stack, not after exchanges_free. */
struct exchange_events {
	void *arg;
	/* Whether d may still be sent, asked when its name had to be waited for. */
	bool (*goes)(void *arg, const struct delivery *d);
	/* The exchange is over: r holds the delivery, the transport's end and the answer. Owns r
	 * from now on. Once for each exchange_start. */
	void (*over)(void *arg, struct result *r);
};

struct exchanges *exchanges_new(
    struct loop *l, const struct config *c, const struct exchange_events *ev, struct err *e);
/* Aborts and frees what is under way. */
void exchanges_free(struct exchanges *xs);

/* Takes d, which has its payload. The route is referenced. When it may not be sent any more, the
 * end is TRANSPORT_ABORTED. */
void exchange_start(struct exchanges *xs, struct delivery *d, struct route *route);
bool exchanges_slot_busy(const struct exchanges *xs, int slot);
int exchanges_in_flight(const struct exchanges *xs);

/* For other requests to endpoints, under the same rules. */
struct client *exchanges_client(struct exchanges *xs);
struct resolver *exchanges_resolver(struct exchanges *xs);
