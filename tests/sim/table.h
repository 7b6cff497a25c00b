/* The model's tables: what PostgreSQL would hold of those that the delivery state machine uses.
 *
 * A row that was inserted by a transaction which has not committed names it as its writer and is
 * seen by nobody else; so does a row of slot or app that it has changed, whose new state stands
 * beside the old one until the commit. Rows of aborted transactions are taken out. All memory is of
 * one arena for each schedule. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"

#define SLOTS_COUNT      8 /* rows of slot; at most 32 */
#define APPS_MAX         8
#define ENDPOINTS_OF_APP 4
#define ENDPOINTS_MAX    (APPS_MAX * ENDPOINTS_OF_APP) /* at most 32 */

struct txn;
struct obligation;

#define NEVER INT64_MIN /* '-infinity' of timestamptz: INT64_MIN on the wire */

struct slot_values {
	int64_t owner; /* 0: null */
	int64_t epoch;
	struct wall lease_until;
	int64_t low_water;
	struct wall retry_low;
	bool dirty, spare;
	int64_t append_above;
};

struct slot_row {
	struct slot_values now, next;
	struct txn *writer; /* of next */
};

struct app_row {
	int64_t id;
	int64_t version;
	struct wall changed_at;
	bool deleted;
	int throttle_rate;             /* 0: null */
	int first_endpoint, endpoints; /* in the table of endpoints */
};

struct endpoint_row {
	int64_t app_id, id;
	int number;           /* its receiver */
	bool ordered, blocks; /* orders all its events by one key, or those with a key */
	bool by_key;
	int orders;                                   /* how often its order was changed */
	bool disabled, deleted, touched;              /* touched: it once was or would be */
	int timeout_ms, max_in_flight, throttle_rate; /* 0: null */
};

struct hold_values {
	bool exists;
	int slot, state;
	bool ordered;
	struct wall failing_since, probe_at; /* us == 0: null */
	int probes;
	int64_t low_no;
};

/* Of the endpoint of the same place. */
struct hold_row {
	struct hold_values now, next;
	struct txn *writer; /* of next */
};

/* Of the endpoint of the same place, and behind those of the applications. */
struct throttle_row {
	usec_t free_at, next; /* 0: there is no row */
	struct txn *writer;   /* of next */
};

/* The first fields of every row that is only inserted. */
struct row {
	struct txn *writer; /* NULL: committed */
};

/* What an endpoint's order was when a message was matched with it. */
struct regime {
	int orders;  /* as of the endpoint */
	bool queued; /* the message has a place in it … */
	int64_t key; /* … by this */
};

struct message_row {
	struct row row;
	int64_t app_id, id, version;
	struct str event_type, event_id, channels, targets, payload;
	int ntargets;
	struct obligation *owed; /* a list, from the commit on: one for each target and more */
	struct regime regime[ENDPOINTS_OF_APP];
	usec_t acknowledged; /* 0: not */
	int order_key;       /* 0: it has none */
	usec_t posted;       /* not before that time */
};

struct attempt_row {
	struct row row;
	int64_t app_id, msg_id, id, endpoint_id, chain;
	int seq, tries, status, trigger, http_status, transport;
	struct wall next_at;
};

struct retry {
	struct row row;
	struct wall due;
	int slot, seq, tries, trigger;
	int64_t app_id, msg_id, endpoint_id, chain;
};

struct dead_row {
	struct row row;
	int64_t app_id, id, msg_id, endpoint_id, chain;
	int seq, reason;
	int replayed;       /* how often: once */
	struct txn *marker; /* who is about to mark it as replayed */
};

struct parked_row {
	struct row row;
	struct wall at;
	int64_t no;
	int64_t app_id, endpoint_id, msg_id, chain;
	int seq, tries, trigger;
	bool ordered;
	int64_t key;
};

/* Of message_uid and of idempotency. */
struct name_row {
	struct row row;
	int64_t app_id;
	struct str name;
	int32_t bucket;
	struct str body; /* idempotency only */
	int64_t msg_id;
};

/* A table of rows in order of insertion. */
struct table {
	int n, room;
	void **row; /* each begins with a struct row */
};

enum table_name {
	TABLE_MESSAGE,
	TABLE_ATTEMPT,
	TABLE_RETRY,
	TABLE_DEAD_LETTER,
	TABLE_PARKED,
	TABLE_MESSAGE_UID,
	TABLE_IDEMPOTENCY,
	TABLES,
};

struct database {
	struct arena *arena;
	struct slot_row slot[SLOTS_COUNT];
	int napps, nendpoints;
	struct app_row app[APPS_MAX];
	struct endpoint_row endpoint[ENDPOINTS_MAX];
	struct hold_row hold[ENDPOINTS_MAX];
	struct throttle_row throttle[ENDPOINTS_MAX + APPS_MAX];
	int64_t parked_no; /* the sequence */
	struct table table[TABLES];
};

extern struct database db;

void db_reset(void); /* empty; all slots free */
/* A new row, zeroed, that t writes (NULL: committed). */
void *table_insert(enum table_name name, size_t size, struct txn *t);
/* Takes out the i-th row. */
void table_delete(enum table_name name, int i);
/* Whether t sees the row: it is committed, or t's own. */
bool row_seen(const void *row, const struct txn *t);

/* Iterates over the rows that t sees. */
#define FOR_ROWS(var, type, name, t)                                                               \
	for (int var##_i = 0; var##_i < db.table[name].n; var##_i++)                               \
		for (struct type *var = db.table[name].row[var##_i]; var && row_seen(var, t);      \
		     var = NULL)

struct app_row *app_find(int64_t id);
struct endpoint_row *endpoint_find(int64_t id);
struct message_row *message_find(int64_t app_id, int64_t id, const struct txn *t);
int target_at(struct str targets, int i, int64_t *ret); /* 0, or -1: no such */
