/* Events whose append ended without an answer: the connection broke, so they may be stored or not.
 * Their producers were told to try again, but an Idempotency-Key may find them stored, and then
 * they count as accepted. So they are looked up, under the slot's lock, when the database answers
 * again. */
#pragma once

#include "ingest/targets.h"
#include "loop/loop.h"
#include "pg/pg.h"
#include "send/sender.h"

struct limbo; /* opaque */

struct limbo *limbo_new(struct loop *l, struct sender *s, struct pg_pool *pool);
void limbo_free(struct limbo *lb);
/* Takes a reference of m, which the sender expects and which was appended under that epoch; in
 * the order of their ids. The targets are copied. */
void limbo_add(struct limbo *lb, struct message *m, int64_t epoch, const struct targets *targets);
