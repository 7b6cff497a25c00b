/* The statements of lib/store/sql, as the model runs them: one function for each, in the file of
 * its noun (model_slot.c, …). Their texts are the specification; tests/integration/test_model.c
 * compares some of them with the real ones. */
#pragma once

#include "pg/pg.h"
#include "txn.h"

/* Aborts for a statement that the model does not have. */
statement_fn model_statement(const struct pg_stmt *stmt);

/* Protections that can be switched off, to see that a seed finds it (--without). */
#define MODEL_PROTECTIONS(X)                                                                       \
	X(LOCK, "lock", "the owner's shared lock of a slot")                                       \
	X(EPOCH, "epoch", "the test of the epochs when something is written")                      \
	X(EVICT, "evict", "transactions that hang are ended before an adoption")                   \
	X(DOUBT, "doubt", "a batch that is sent again leaves out what is stored")                  \
	X(VERSION, "version", "an event is stored only under the catalogue it was matched with")   \
	X(LEASE, "lease", "a slot is taken only when its lease has lapsed")                        \
	X(KEY, "key", "an Idempotency-Key makes one message")                                      \
	X(LOT, "lot", "a lot of a limited rate is reserved by one worker")                         \
	X(PARK, "park", "who parks locks the hold, who closes it waits and looks")                 \
	X(ORDER, "order", "a hold that closes keeps the order that its row has")                   \
	X(REPLAY, "replay", "a dead letter is replayed by who marks it first")
enum model_protection {
#define X(name, text, help) WITHOUT_##name,
	MODEL_PROTECTIONS(X)
#undef X
	WITHOUT_COUNT
};
extern bool model_without[WITHOUT_COUNT];
int model_switch_off(const char *name); /* -1: no such protection */

/* ---- model_slot.c */
enum ran model_fence(const struct call *c, PGresult **ret);
enum ran model_fence_held(const struct call *c, PGresult **ret);
enum ran model_slot_lock(const struct call *c, PGresult **ret);
enum ran model_slot_evict(const struct call *c, PGresult **ret);
enum ran model_slot_append_above(const struct call *c, PGresult **ret);
enum ran model_slot_adopt(const struct call *c, PGresult **ret);
enum ran model_slot_release(const struct call *c, PGresult **ret);
enum ran model_beat(const struct call *c, PGresult **ret);
/* ---- model_message.c */
enum ran model_message_append(const struct call *c, PGresult **ret);
enum ran model_message_append_full(const struct call *c, PGresult **ret);
enum ran model_message_append_keyed(const struct call *c, PGresult **ret);
enum ran model_message_append_named(const struct call *c, PGresult **ret);
enum ran model_message_exist(const struct call *c, PGresult **ret);
enum ran model_message_why(const struct call *c, PGresult **ret);
enum ran model_message_uid_forget(const struct call *c, PGresult **ret);
enum ran model_payload_load(const struct call *c, PGresult **ret);
enum ran model_slot_newest(const struct call *c, PGresult **ret);
enum ran model_slot_recover(const struct call *c, PGresult **ret);
/* ---- model_attempt.c */
enum ran model_attempt_append(const struct call *c, PGresult **ret);
enum ran model_attempt_append_facts(const struct call *c, PGresult **ret);
enum ran model_attempt_tally(const struct call *c, PGresult **ret);
enum ran model_retry_append(const struct call *c, PGresult **ret);
enum ran model_retry_load(const struct call *c, PGresult **ret);
enum ran model_slot_drained(const struct call *c, PGresult **ret);
enum ran model_dead_letter_append(const struct call *c, PGresult **ret);
/* ---- model_replay.c */
enum ran model_resend(const struct call *c, PGresult **ret);
enum ran model_dead_letter_replay(const struct call *c, PGresult **ret);
/* ---- model_throttle.c */
enum ran model_throttle_reserve(const struct call *c, PGresult **ret);
/* ---- model_catalogue.c */
enum ran model_catalogue_by_id(const struct call *c, PGresult **ret);
enum ran model_catalogue_by_ref(const struct call *c, PGresult **ret);
enum ran model_notice_append(const struct call *c, PGresult **ret);
enum ran model_watched_list(const struct call *c, PGresult **ret);
enum ran model_endpoint_disable(const struct call *c, PGresult **ret);
/* ---- model_hold.c */
enum ran model_hold_open(const struct call *c, PGresult **ret);
enum ran model_hold_overflow(const struct call *c, PGresult **ret);
enum ran model_hold_set(const struct call *c, PGresult **ret);
enum ran model_hold_close(const struct call *c, PGresult **ret);
enum ran model_hold_get(const struct call *c, PGresult **ret);
enum ran model_hold_lock(const struct call *c, PGresult **ret);
enum ran model_hold_take(const struct call *c, PGresult **ret);
enum ran model_park_append(const struct call *c, PGresult **ret);
enum ran model_queue_append(const struct call *c, PGresult **ret);
enum ran model_parked_load(const struct call *c, PGresult **ret);

/* The condition that ends every fenced insert: which of the slots in $1 are held under the epochs
 * in $2. */
bool model_held(const struct call *c, int64_t slot);
/* The same of one slot, which has an owner. */
bool model_owns(const struct call *c, int64_t slot, int64_t epoch);
/* When a row of retry is due: not below the mark of its slot. */
struct wall model_due(struct wall due, int64_t slot);
/* A step of a chain is resolved when an attempt or a dead letter has that seq or a higher one; in
 * order, only by an attempt that succeeded or a dead letter. */
struct step {
	int64_t app_id, msg_id, endpoint_id, chain;
	int seq;
	bool ordered;
};
bool model_resolved(const struct call *c, const struct step *step);
