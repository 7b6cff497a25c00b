/* Payloads of stubs, read back in batches when their delivery is about to start. */
#pragma once

#include "loop/loop.h"
#include "pg/pg.h"
#include "send/delivery.h"

struct payloads; /* opaque */

/* The payload is there (found) or does not exist any more. Gives d back. Loop's stack, once per d.
 */
typedef void (*payload_fn)(void *arg, struct delivery *d, bool found);

struct payloads *payloads_new(struct loop *l, struct pg_pool *pool, payload_fn fn, void *arg);
/* Frees the deliveries it holds. */
void payloads_free(struct payloads *ps);
bool payloads_slot_busy(const struct payloads *ps, int slot);
void payloads_load(struct payloads *ps, struct delivery *d); /* takes d until fn */
