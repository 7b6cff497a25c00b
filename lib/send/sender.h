/* The sender: from stored events to recorded outcomes.
 *
 *   sender_deliver / retries / recovery → lanes → start → client → classify → record → resolved
 *
 * Owns slots (slot.h), lanes (lane.h), retries in memory (retry.h), the HTTP client, the resolver
 * and the record batches (record.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

#include "config/config.h"
#include "pg/pg.h"
#include "send/message.h"
#include "store/catalogue.h"

struct sender; /* opaque */

struct challenges;

struct sender_pools {
	struct pg_pool *record; /* one connection */
	struct pg_pool *load;   /* reads: payloads, retries, recovery */
	struct pg_pool *lease;  /* one connection: the beat and adoptions */
};

struct sender *sender_new(struct loop *l, const struct config *c, struct catalogue *cat,
    const struct sender_pools *pools, struct err *e);
/* Stops starting attempts; `done` runs once when what was in flight is recorded and the slots are
 * released, or when the configured stop timeout has passed. */
void sender_drain(struct sender *s, void (*done)(void *arg), void *arg);
void sender_free(struct sender *s);

/* The slot that new events and ids of this worker belong to. False while the worker holds none (at
 * the start, or after its lease lapsed): nothing may be stored then. */
bool sender_home(const struct sender *s, int *ret_slot, int64_t *ret_epoch);
/* A fresh id of the home slot; only while sender_home says true. */
int64_t sender_id(struct sender *s);

/* Registers a message as unresolved before its append is sent, so that the low-water mark stays
 * below it; in id order. `targets` deliveries will be resolved. */
void sender_expect(struct sender *s, struct message *m, int targets);
/* The append committed: hand its deliveries to the lanes. n as expected. */
void sender_deliver(struct sender *s, struct message *m, const int64_t *endpoint_ids, int n);
/* The same for a message whose first steps the append has stored as retries, due then (seq 0, tries
 * 0, chain 0): expected without deliveries. */
void sender_deliver_at(
    struct sender *s, struct message *m, const int64_t *endpoint_ids, int n, struct wall due);
/* The append has parked one of its deliveries, in order (queue_append.sql): tells the endpoint's
 * keeper, if that is here. */
void sender_queued(struct sender *s, int64_t app_id, int64_t endpoint_id);
/* The append failed: forget it. */
void sender_forget(struct sender *s, struct message *m);

/* True while so much waits that no event should be accepted. Changes are told by the callback. */
bool sender_backlogged(struct sender *s);
void sender_on_relief(struct sender *s, void (*fn)(void *arg), void *arg);

/* What started a chain of attempts. The numbers are stored. */
enum trigger {
	TRIGGER_SCHEDULED = 0,
	TRIGGER_RESEND = 1, /* one attempt, nothing after it */
	TRIGGER_REPLAY = 2, /* the whole schedule again */
};
/* A delivery started by hand: the caller has committed its retry row (retry_append.sql: this due
 * time, the home slot, seq 0, tries 0, the chain a fresh id). */
void sender_replay(struct sender *s, struct wall due, int64_t app_id, int64_t msg_id,
    int64_t endpoint_id, int64_t chain, enum trigger trigger);
/* The same when it is not known whether the row was committed: looked up after a while. */
void sender_replay_doubt(struct sender *s, struct wall due);
/* Whether a row that was committed under that slot and epoch is still this worker's to start, even
 * while its lease is not confirmed. */
bool sender_mine(const struct sender *s, int slot, int64_t epoch);

/* Calls fn when the database has notices (table `notice`), about once a second while it has. */
void sender_on_notices(struct sender *s, void (*fn)(void *arg), void *arg);

/* What asks the owners of URLs whether they want our requests (challenge.h). */
struct challenges *sender_challenges(struct sender *s);

/* For /readyz: NULL when all is well, else a static text naming what stalls. */
const char *sender_stalled(const struct sender *s);
