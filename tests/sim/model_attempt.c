/* Statements about attempts and what follows: attempt_append*.sql, retry_*.sql,
 * dead_letter_append.sql, slot_drained.sql. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#include "model.h"
#include "wire.h"

#define CLOCKS_APART (INT64_C(10) * 60 * 1000 << 22) /* 10 minutes of ids, as in the statements */
#define AHEAD        (16 * 60 * USEC_PER_SEC)

/* ---- attempts ----------------------------------------------------------------------------- */

enum column {
	COL_APP,
	COL_MSG,
	COL_ID,
	COL_ENDPOINT,
	COL_CHAIN,
	COL_SEQ,
	COL_TRIES,
	COL_STATUS,
	COL_TRIGGER,
	COL_HTTP_STATUS,
	COL_TRANSPORT,
	COL_DURATION,
	COL_URL_NO,
	COL_NEXT,
	COL_RESPONSE,
	COL_ERROR,
	COLUMNS,
};

struct attempts {
	int n;
	struct values column[COLUMNS];
};

static struct attempts
read_attempts(const struct call *c, int first)
{
	struct attempts in;
	for (int i = 0; i < COLUMNS; i++)
		in.column[i] = values_of(c->arg[first + i], c->arena);
	in.n = in.column[COL_APP].n;
	return in;
}

static int64_t
field(const struct attempts *in, enum column column, int i)
{
	return value_int(in->column[column].v[i]);
}

/* Whether the row is stored already; *ret_doubt: another transaction is about to store it. */
static bool
stored(const struct call *c, const struct attempts *in, int i, bool *ret_doubt)
{
	for (int k = db.table[TABLE_ATTEMPT].n; k-- > 0;) {
		const struct attempt_row *a = db.table[TABLE_ATTEMPT].row[k];
		if (a->id != field(in, COL_ID, i) || a->msg_id != field(in, COL_MSG, i) ||
		    a->app_id != field(in, COL_APP, i))
			continue;
		*ret_doubt = !row_seen(a, c->txn);
		return true;
	}
	return false;
}

static void
insert(const struct call *c, const struct attempts *in, int i)
{
	struct attempt_row *a = table_insert(TABLE_ATTEMPT, sizeof(*a), c->txn);
	a->app_id = field(in, COL_APP, i);
	a->msg_id = field(in, COL_MSG, i);
	a->id = field(in, COL_ID, i);
	a->endpoint_id = field(in, COL_ENDPOINT, i);
	a->chain = field(in, COL_CHAIN, i);
	a->seq = (int)field(in, COL_SEQ, i);
	a->tries = (int)field(in, COL_TRIES, i);
	a->status = (int)field(in, COL_STATUS, i);
	a->trigger = (int)field(in, COL_TRIGGER, i);
	a->http_status = (int)field(in, COL_HTTP_STATUS, i);
	a->transport = (int)field(in, COL_TRANSPORT, i);
	a->next_at = value_time(in->column[COL_NEXT].v[i]);
}

/* What a text column refuses: a NUL, here in an answer's bytes as well, so that it happens. */
static bool
refused(const struct attempts *in, int i)
{
	struct str response = in->column[COL_RESPONSE].v[i];
	return response.n && memchr(response.p, '\0', response.n);
}

/* slot: its column, or NULL: facts only. */
static enum ran
append(const struct call *c, const struct attempts *in, const struct values *slot, bool doubt)
{
	bool later;
	for (int i = 0; i < in->n; i++)
		if (refused(in, i))
			return txn_fail(c->txn, "22021", "invalid byte sequence");
	for (int i = 0; i < in->n; i++)
		if (stored(c, in, i, &later) && later)
			return RAN_WAITS; /* whether it is there will be known then */
	for (int i = 0; i < in->n; i++) {
		if (slot && field(in, COL_STATUS, i) != 0 && !model_held(c, value_int(slot->v[i])))
			continue;
		if (stored(c, in, i, &later)) {
			if (!doubt)
				return txn_fail(c->txn, "23505", "duplicate key");
			continue;
		}
		insert(c, in, i);
	}
	return RAN;
}

enum ran
model_attempt_append_facts(const struct call *c, PGresult **ret)
{
	struct attempts in = read_attempts(c, 0);
	(void)ret;
	return append(c, &in, NULL, false);
}

enum ran
model_attempt_append(const struct call *c, PGresult **ret)
{
	struct values slot = values_of(c->arg[2], c->arena);
	struct attempts in = read_attempts(c, 3);
	(void)ret;
	return append(
	    c, &in, &slot, value_bool(c->arg[3 + COLUMNS]) && !model_without[WITHOUT_DOUBT]);
}

/* Counts for people; nothing depends on them here. */
enum ran
model_attempt_tally(const struct call *c, PGresult **ret)
{
	(void)c;
	(void)ret;
	return RAN;
}

/* ---- retries ------------------------------------------------------------------------------ */

struct wall
model_due(struct wall due, int64_t slot)
{
	struct wall low = db.slot[slot].now.retry_low;
	return due.us < low.us ? low : due;
}

enum ran
model_retry_append(const struct call *c, PGresult **ret)
{
	struct values v[9];
	(void)ret;
	for (int i = 0; i < 9; i++)
		v[i] = values_of(c->arg[2 + i], c->arena);
	for (int i = 0; i < v[0].n; i++) {
		if (!model_held(c, value_int(v[1].v[i])))
			continue;
		struct retry *r = table_insert(TABLE_RETRY, sizeof(*r), c->txn);
		r->due = model_due(value_time(v[0].v[i]), value_int(v[1].v[i]));
		r->slot = (int)value_int(v[1].v[i]);
		r->seq = (int)value_int(v[2].v[i]);
		r->tries = (int)value_int(v[3].v[i]);
		r->trigger = (int)value_int(v[4].v[i]);
		r->app_id = value_int(v[5].v[i]);
		r->msg_id = value_int(v[6].v[i]);
		r->endpoint_id = value_int(v[7].v[i]);
		r->chain = value_int(v[8].v[i]);
	}
	return RAN;
}

bool
model_resolved(const struct call *c, const struct step *s)
{
	FOR_ROWS(a, attempt_row, TABLE_ATTEMPT, c->txn)
	if (a->app_id == s->app_id && a->msg_id == s->msg_id && a->endpoint_id == s->endpoint_id &&
	    a->chain == s->chain && a->seq >= s->seq && (!s->ordered || a->status == 0))
		return true;
	FOR_ROWS(d, dead_row, TABLE_DEAD_LETTER, c->txn)
	if (d->app_id == s->app_id && d->msg_id == s->msg_id && d->endpoint_id == s->endpoint_id &&
	    d->chain == s->chain && d->seq >= s->seq && d->id > s->msg_id - CLOCKS_APART)
		return true;
	return false;
}

/* Or it has been parked. */
static bool
retry_is_over(const struct call *c, const struct retry *r)
{
	const struct step step = { r->app_id, r->msg_id, r->endpoint_id, r->chain, r->seq, false };
	FOR_ROWS(p, parked_row, TABLE_PARKED, c->txn)
	if (p->app_id == r->app_id && p->msg_id == r->msg_id && p->endpoint_id == r->endpoint_id &&
	    p->chain == r->chain && p->seq >= r->seq)
		return true;
	return model_resolved(c, &step);
}

static void
answer_retry(PGresult *answer, const struct retry *r)
{
	int row = PQntuples(answer);
	answer_time(answer, row, 0, r->due);
	answer_int2(answer, row, 1, r->slot);
	answer_int2(answer, row, 2, r->seq);
	answer_int2(answer, row, 3, r->tries);
	answer_int2(answer, row, 4, r->trigger);
	answer_int8(answer, row, 5, r->app_id);
	answer_int8(answer, row, 6, r->msg_id);
	answer_int8(answer, row, 7, r->endpoint_id);
	answer_int8(answer, row, 8, r->chain);
}

/* In the order of retry_load.sql. */
static int
by_place(const void *left, const void *right)
{
	const struct retry *a = *(const struct retry *const *)left,
			   *b = *(const struct retry *const *)right;
	const int64_t order[][2] = { { a->due.us, b->due.us }, { a->msg_id, b->msg_id },
		{ a->endpoint_id, b->endpoint_id }, { a->chain, b->chain }, { b->seq, a->seq } };
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (order[i][0] != order[i][1])
			return order[i][0] < order[i][1] ? -1 : 1;
	return 0;
}

enum ran
model_retry_load(const struct call *c, PGresult **ret)
{
	int64_t slot = value_int(c->arg[0]), limit = value_int(c->arg[6]);
	struct wall until = value_time(c->arg[5]);
	const struct retry from = {
		.due = value_time(c->arg[1]),
		.msg_id = value_int(c->arg[2]),
		.endpoint_id = value_int(c->arg[3]),
		.chain = value_int(c->arg[4]),
		.seq = INT16_MAX,
	};
	const struct retry *first = &from, **list;
	int n = 0;
	*ret = answer_new(9);
	list =
	    arena_alloc(c->arena, sizeof(struct retry *) * (size_t)(db.table[TABLE_RETRY].n + 1));
	FOR_ROWS(r, retry, TABLE_RETRY, c->txn)
	{
		const struct retry *row = r;
		if (r->slot == slot && by_place(&row, &first) >= 0 && r->due.us < until.us &&
		    (r->due.us > txn_start(c->txn).us + AHEAD || !retry_is_over(c, r)))
			list[n++] = r;
	}
	qsort(list, (size_t)n, sizeof(struct retry *), by_place);
	for (int i = 0; i < n && i < limit; i++)
		answer_retry(*ret, list[i]);
	return RAN;
}

enum ran
model_slot_drained(const struct call *c, PGresult **ret)
{
	struct values slots = values_of(c->arg[0], c->arena);
	struct wall from = value_time(c->arg[1]);
	*ret = answer_new(1);
	for (int i = 0; i < slots.n; i++) {
		bool any = false;
		FOR_ROWS(r, retry, TABLE_RETRY, c->txn)
		any = any || (r->slot == value_int(slots.v[i]) && r->due.us >= from.us);
		for (int k = 0; k < db.nendpoints; k++) {
			const struct hold_values *h = &db.hold[k].now;
			any = any || (h->exists && h->slot == value_int(slots.v[i]) &&
					 (h->state || h->ordered));
		}
		if (!any)
			answer_int2(*ret, PQntuples(*ret), 0, value_int(slots.v[i]));
	}
	return RAN;
}

/* ---- dead letters ------------------------------------------------------------------------- */

enum ran
model_dead_letter_append(const struct call *c, PGresult **ret)
{
	struct values slot = values_of(c->arg[2], c->arena), app = values_of(c->arg[3], c->arena);
	struct values id = values_of(c->arg[4], c->arena), msg = values_of(c->arg[5], c->arena);
	struct values endpoint = values_of(c->arg[6], c->arena),
		      chain = values_of(c->arg[8], c->arena);
	struct values seq = values_of(c->arg[9], c->arena),
		      reason = values_of(c->arg[10], c->arena);
	bool doubt = value_bool(c->arg[15]) && !model_without[WITHOUT_DOUBT];
	(void)ret;
	for (int i = 0; i < id.n; i++) {
		bool there = false;
		if (!model_held(c, value_int(slot.v[i])))
			continue;
		for (int k = 0; k < db.table[TABLE_DEAD_LETTER].n; k++) {
			const struct dead_row *d = db.table[TABLE_DEAD_LETTER].row[k];
			if (d->app_id != value_int(app.v[i]) || d->id != value_int(id.v[i]))
				continue;
			if (!row_seen(d, c->txn))
				return RAN_WAITS;
			there = true;
		}
		if (there && !doubt)
			return txn_fail(c->txn, "23505", "duplicate key");
		if (there)
			continue;
		struct dead_row *d = table_insert(TABLE_DEAD_LETTER, sizeof(*d), c->txn);
		d->app_id = value_int(app.v[i]);
		d->id = value_int(id.v[i]);
		d->msg_id = value_int(msg.v[i]);
		d->endpoint_id = value_int(endpoint.v[i]);
		d->chain = value_int(chain.v[i]);
		d->seq = (int)value_int(seq.v[i]);
		d->reason = (int)value_int(reason.v[i]);
	}
	return RAN;
}
