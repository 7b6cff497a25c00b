/* What a transaction of the model server locks, claims and writes, for its statements (txn.h). */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "txn-internal.h"

static int64_t next_xid = 1;

static void
get_number(struct txn *t)
{
	if (!t->xid)
		t->xid = next_xid++;
}

enum ran
txn_fail(struct txn *t, const char *sqlstate, const char *text)
{
	err_set(&t->err,
	    strcmp(sqlstate, "23505") == 0 ? ERR_CONFLICT
	    : sqlstate[0] == '2'           ? ERR_INTERNAL
					   : ERR_UNAVAILABLE,
	    "%s", text);
	snprintf(t->err.origin, sizeof(t->err.origin), "%s", sqlstate);
	return RAN_FAILED;
}

struct wall
txn_start(const struct txn *t)
{
	return t->start;
}

bool
txn_lock_shared(struct txn *t, int slot)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &txns, entry)
		if (o != t && o->exclusive & 1U << slot)
			return false;
	t->shared |= model_without[WITHOUT_LOCK] ? 0 : 1U << slot;
	return true;
}

bool
txn_lock_exclusive(struct txn *t, int slot)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &txns, entry)
		if (o != t && (o->exclusive | o->shared) & 1U << slot)
			return false;
	t->exclusive |= 1U << slot;
	return true;
}

bool
txn_lock_row(struct txn *t, int slot)
{
	struct slot_row *row = &db.slot[slot];
	if (row->writer && row->writer != t)
		return false;
	if (!row->writer)
		row->next = row->now;
	row->writer = t;
	t->rows |= 1U << slot;
	get_number(t);
	return true;
}

bool
txn_touch_app(struct txn *t, struct app_row *app)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &txns, entry)
		if (o != t && o->touches == app && !o->ended)
			return false;
	t->touches = app;
	get_number(t);
	return true;
}

void
txn_lock_throttle(struct txn *t, struct throttle_row *row)
{
	row->writer = t;
	get_number(t);
}

void
txn_disable(struct txn *t, struct endpoint_row *endpoint)
{
	t->disables = endpoint;
	get_number(t);
}

static bool
conflicts(const struct txn *o, int endpoint, enum hold_lock lock)
{
	/* Sets of locks that exclude each one (manual, "Row-Level Locks"). */
	static const unsigned excluded[] = {
		[HOLD_KEY_SHARE] = 1U << HOLD_UPDATE,
		[HOLD_SHARE] = 1U << HOLD_CHANGE | 1U << HOLD_UPDATE,
		[HOLD_CHANGE] = 1U << HOLD_SHARE | 1U << HOLD_CHANGE | 1U << HOLD_UPDATE,
		[HOLD_UPDATE] = ~0U,
	};
	for (int i = 0; i < HOLD_LOCKS; i++)
		if (o->holds[i] & 1U << endpoint && excluded[lock] & 1U << i)
			return true;
	return false;
}

bool
txn_lock_hold(struct txn *t, int endpoint, enum hold_lock lock)
{
	struct hold_row *row = &db.hold[endpoint];
	const struct txn *o;
	TAILQ_FOREACH(o, &txns, entry)
		if (o != t && conflicts(o, endpoint, lock))
			return false;
	t->holds[lock] |= 1U << endpoint;
	get_number(t);
	if (lock < HOLD_CHANGE)
		return true;
	if (!row->writer)
		row->next = row->now;
	row->writer = t;
	return true;
}

bool
txn_is_changing(int endpoint, const struct app_row *app)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &txns, entry)
		if (conflicts(o, endpoint, HOLD_UPDATE) || (o->touches == app && !o->ended))
			return true;
	return false;
}

int64_t
txn_oldest(void)
{
	const struct txn *o;
	int64_t oldest = next_xid;
	TAILQ_FOREACH(o, &txns, entry)
		if (o->xid && !o->ended && o->xid < oldest)
			oldest = o->xid;
	return oldest;
}

int64_t
txn_next(void)
{
	return next_xid;
}

void
txn_claim(struct txn *t, int slot, int64_t epoch)
{
	for (int i = 0; i < t->nclaims; i++)
		if (t->claim[i].slot == slot)
			return;
	assert(t->nclaims < CLAIMS_MAX);
	t->claim[t->nclaims++] = (struct claim){ slot, epoch };
}

void
txn_inserted(struct txn *t)
{
	t->inserted++;
	get_number(t);
}
