/* Statements about holds and what is parked: hold_*.sql, park_append.sql, queue_append.sql,
 * parked_load.sql. */
#include "model.h"
#include "sim_loop.h"
#include "store/hold.h"
#include "wire.h"

enum argument { /* of hold_open.sql, hold_set.sql and hold_close.sql */
	ARG_APP,
	ARG_ENDPOINT,
	ARG_SLOT,
	ARG_EPOCH,
	ARG_OPEN_FAILING_MS,
	ARG_OPEN_PROBE_MS,
	ARG_SET_STORED = 4,
	ARG_SET_STATE,
	ARG_SET_FAILING_MS,
	ARG_SET_PROBE_MS,
	ARG_SET_PROBES,
	ARG_SET_LOW_NO,
	ARG_CLOSE_LOW_NO = 4,
};

/* Its place, or -1. */
static int
place_of(int64_t endpoint_id)
{
	const struct endpoint_row *e = endpoint_find(endpoint_id);
	return e ? (int)(e - db.endpoint) : -1;
}

static struct wall
from_now(struct str ms, int sign)
{
	return (struct wall){ ms.p ? sim_wall().us + sign * value_int(ms) * USEC_PER_MS : 0 };
}

static bool
is_kept(const struct hold_values *h)
{
	return h->exists && (h->state != HOLD_CLOSED || h->ordered);
}

/* Columns of hold_get.sql and hold_take.sql. */
static void
answer_hold(PGresult *r, int place, const struct hold_values *h)
{
	int row = PQntuples(r);
	answer_int8(r, row, 0, db.endpoint[place].app_id);
	answer_int8(r, row, 1, db.endpoint[place].id);
	answer_int2(r, row, 2, h->slot);
	answer_int2(r, row, 3, h->state);
	if (h->failing_since.us)
		answer_int8(r, row, 4, (sim_wall().us - h->failing_since.us) / USEC_PER_MS);
	if (h->probe_at.us)
		answer_int8(r, row, 5, (h->probe_at.us - sim_wall().us) / USEC_PER_MS);
	answer_int4(r, row, 6, h->probes);
	answer_int8(r, row, 7, h->low_no);
	answer_bool(r, row, 8, h->ordered);
}

enum ran
model_hold_open(const struct call *c, PGresult **ret)
{
	int place = place_of(value_int(c->arg[ARG_ENDPOINT]));
	const struct endpoint_row *e = &db.endpoint[place];
	int64_t slot = value_int(c->arg[ARG_SLOT]);
	*ret = answer_new(1);
	if (place < 0 || e->deleted || e->disabled || !db.slot[slot].now.owner ||
	    !model_owns(c, slot, value_int(c->arg[ARG_EPOCH])))
		return RAN;
	struct app_row *app = app_find(e->app_id);
	if (!txn_lock_hold(c->txn, place, HOLD_CHANGE))
		return RAN_WAITS;
	struct hold_values *h = &db.hold[place].next;
	if (h->exists && h->state != HOLD_CLOSED && h->state != HOLD_DRAINING)
		return RAN;
	if (!txn_touch_app(c->txn, app))
		return RAN_WAITS;
	if (!is_kept(h))
		h->slot = (int)slot;
	h->exists = true;
	h->state = HOLD_OPEN;
	if (!h->failing_since.us)
		h->failing_since = from_now(c->arg[ARG_OPEN_FAILING_MS], -1);
	h->probe_at = from_now(c->arg[ARG_OPEN_PROBE_MS], 1);
	answer_int8(*ret, 0, 0, app->version + 1);
	return RAN;
}

enum ran
model_hold_overflow(const struct call *c, PGresult **ret)
{
	int place = place_of(value_int(c->arg[ARG_ENDPOINT]));
	const struct endpoint_row *e = &db.endpoint[place];
	int64_t slot = value_int(c->arg[ARG_SLOT]);
	*ret = answer_new(1);
	if (place < 0 || e->deleted || e->disabled || !db.slot[slot].now.owner ||
	    !model_owns(c, slot, value_int(c->arg[ARG_EPOCH])))
		return RAN;
	struct app_row *app = app_find(e->app_id);
	if (!txn_lock_hold(c->txn, place, HOLD_CHANGE))
		return RAN_WAITS;
	struct hold_values *h = &db.hold[place].next;
	if (h->exists && h->state != HOLD_CLOSED)
		return RAN;
	if (!txn_touch_app(c->txn, app))
		return RAN_WAITS;
	if (!is_kept(h))
		h->slot = (int)slot;
	h->exists = true;
	h->state = HOLD_DRAINING;
	answer_int8(*ret, 0, 0, app->version + 1);
	return RAN;
}

enum ran
model_hold_set(const struct call *c, PGresult **ret)
{
	int place = place_of(value_int(c->arg[ARG_ENDPOINT]));
	int64_t slot = value_int(c->arg[ARG_SLOT]);
	*ret = answer_new(2);
	if (place < 0 || !model_owns(c, slot, value_int(c->arg[ARG_EPOCH])))
		return RAN;
	if (!txn_lock_hold(c->txn, place, HOLD_CHANGE))
		return RAN_WAITS;
	struct hold_values *h = &db.hold[place].next;
	struct app_row *app = app_find(db.endpoint[place].app_id);
	if (!h->exists || h->slot != slot || h->state != value_int(c->arg[ARG_SET_STORED]))
		return RAN;
	bool changes = h->state != value_int(c->arg[ARG_SET_STATE]);
	if (changes && !txn_touch_app(c->txn, app))
		return RAN_WAITS;
	h->state = (int)value_int(c->arg[ARG_SET_STATE]);
	h->failing_since = from_now(c->arg[ARG_SET_FAILING_MS], -1);
	h->probe_at = from_now(c->arg[ARG_SET_PROBE_MS], 1);
	h->probes = (int)value_int(c->arg[ARG_SET_PROBES]);
	h->low_no = value_int(c->arg[ARG_SET_LOW_NO]);
	answer_int8(*ret, 0, 0, app->id);
	answer_int8(*ret, 0, 1, changes ? app->version + 1 : 0);
	return RAN;
}

enum ran
model_hold_lock(const struct call *c, PGresult **ret)
{
	int place = place_of(value_int(c->arg[ARG_ENDPOINT]));
	*ret = answer_new(1);
	if (place < 0 || !db.hold[place].now.exists)
		return RAN;
	if (!model_without[WITHOUT_PARK] && !txn_lock_hold(c->txn, place, HOLD_UPDATE))
		return RAN_WAITS;
	answer_int2(*ret, 0, 0, db.hold[place].now.state);
	return RAN;
}

static bool
is_resolved(const struct call *c, const struct parked_row *p)
{
	const struct step step = { p->app_id, p->msg_id, p->endpoint_id, p->chain, p->seq,
		p->ordered };
	return model_resolved(c, &step);
}

static bool
anything_parked(const struct call *c, int place, int64_t beyond, bool ordered)
{
	FOR_ROWS(p, parked_row, TABLE_PARKED, c->txn)
	if (p->endpoint_id == db.endpoint[place].id && p->no > beyond && !(ordered && p->ordered) &&
	    !is_resolved(c, p))
		return true;
	return false;
}

enum ran
model_hold_close(const struct call *c, PGresult **ret)
{
	int place = place_of(value_int(c->arg[ARG_ENDPOINT]));
	int64_t slot = value_int(c->arg[ARG_SLOT]), low = value_int(c->arg[ARG_CLOSE_LOW_NO]);
	*ret = answer_new(2);
	if (place < 0 || !model_owns(c, slot, value_int(c->arg[ARG_EPOCH])))
		return RAN;
	if (!txn_lock_hold(c->txn, place, HOLD_CHANGE))
		return RAN_WAITS;
	struct hold_values *h = &db.hold[place].next;
	bool ordered = h->ordered && !db.endpoint[place].deleted && !model_without[WITHOUT_ORDER];
	if (!h->exists || h->slot != slot || h->state != HOLD_DRAINING ||
	    anything_parked(c, place, low, ordered))
		return RAN;
	struct app_row *app = app_find(db.endpoint[place].app_id);
	if (!txn_touch_app(c->txn, app))
		return RAN_WAITS;
	h->state = HOLD_CLOSED;
	h->ordered = ordered;
	h->failing_since.us = h->probe_at.us = 0;
	h->probes = 0;
	h->low_no = low;
	answer_int8(*ret, 0, 0, app->version + 1);
	answer_bool(*ret, 0, 1, ordered);
	return RAN;
}

enum ran
model_hold_get(const struct call *c, PGresult **ret)
{
	int place = place_of(value_int(c->arg[ARG_ENDPOINT]));
	*ret = answer_new(9);
	if (place >= 0 && is_kept(&db.hold[place].now))
		answer_hold(*ret, place, &db.hold[place].now);
	return RAN;
}

enum ran
model_hold_take(const struct call *c, PGresult **ret)
{
	int64_t slot = value_int(c->arg[0]), home = value_int(c->arg[2]);
	*ret = answer_new(9);
	if (!model_owns(c, slot, value_int(c->arg[1])) || home < 0 ||
	    !model_owns(c, home, value_int(c->arg[3])))
		return RAN;
	for (int i = 0; i < db.nendpoints; i++)
		if (is_kept(&db.hold[i].now) && db.hold[i].now.slot == slot &&
		    !txn_lock_hold(c->txn, i, HOLD_CHANGE))
			return RAN_WAITS;
	for (int i = 0; i < db.nendpoints; i++) {
		if (!is_kept(&db.hold[i].now) || db.hold[i].now.slot != slot)
			continue;
		db.hold[i].next.slot = (int)home;
		answer_hold(*ret, i, &db.hold[i].next);
	}
	return RAN;
}

/* ---- what is parked ----------------------------------------------------------------------- */

static void
park(const struct call *c, const struct values *v, int i)
{
	struct parked_row *p = table_insert(TABLE_PARKED, sizeof(*p), c->txn);
	p->at = sim_wall();
	p->no = ++db.parked_no;
	p->app_id = value_int(v[1].v[i]);
	p->endpoint_id = value_int(v[2].v[i]);
	p->msg_id = value_int(v[3].v[i]);
	p->chain = value_int(v[4].v[i]);
	p->seq = (int)value_int(v[5].v[i]);
	p->tries = (int)value_int(v[6].v[i]);
	p->trigger = (int)value_int(v[7].v[i]);
}

static void
announce(const struct call *c, const struct values *v, int i)
{
	struct retry *r = table_insert(TABLE_RETRY, sizeof(*r), c->txn);
	r->slot = (int)value_int(v[0].v[i]);
	r->due = model_due(value_time(c->arg[10]), r->slot);
	r->app_id = value_int(v[1].v[i]);
	r->endpoint_id = value_int(v[2].v[i]);
	r->msg_id = value_int(v[3].v[i]);
	r->chain = value_int(v[4].v[i]);
	r->seq = (int)value_int(v[5].v[i]);
	r->tries = (int)value_int(v[6].v[i]);
	r->trigger = (int)value_int(v[7].v[i]);
}

enum ran
model_park_append(const struct call *c, PGresult **ret)
{
	struct values v[8];
	uint32_t unparked = 0;
	for (int i = 0; i < 8; i++)
		v[i] = values_of(c->arg[2 + i], c->arena);
	for (int i = 0; i < v[0].n; i++) {
		int place = place_of(value_int(v[2].v[i]));
		if (place >= 0 && db.hold[place].now.exists && !model_without[WITHOUT_PARK] &&
		    !txn_lock_hold(c->txn, place, HOLD_KEY_SHARE))
			return RAN_WAITS;
	}
	for (int i = 0; i < v[0].n; i++) {
		int place = place_of(value_int(v[2].v[i]));
		if (!model_held(c, value_int(v[0].v[i])))
			continue;
		if (place >= 0 && db.hold[place].now.exists && db.hold[place].now.state) {
			park(c, v, i);
			continue;
		}
		announce(c, v, i);
		unparked |= 1U << value_int(v[0].v[i]);
	}
	*ret = answer_new(1);
	for (int i = 0; i < SLOTS_COUNT; i++)
		if (unparked & 1U << i)
			answer_int2(*ret, PQntuples(*ret), 0, i);
	return RAN;
}

/* Arguments: slot, due, then applications, messages, endpoints, keys. */
enum ran
model_queue_append(const struct call *c, PGresult **ret)
{
	struct values msgs = values_of(c->arg[3], c->arena),
		      endpoints = values_of(c->arg[4], c->arena);
	struct values apps = values_of(c->arg[2], c->arena), keys = values_of(c->arg[5], c->arena);
	for (int i = 0; i < msgs.n; i++) {
		int place = place_of(value_int(endpoints.v[i]));
		if (place >= 0 && db.hold[place].now.exists && !model_without[WITHOUT_PARK] &&
		    !txn_lock_hold(c->txn, place, HOLD_KEY_SHARE))
			return RAN_WAITS;
	}
	*ret = answer_new(1);
	for (int i = 0; i < msgs.n; i++) {
		int place = place_of(value_int(endpoints.v[i]));
		int64_t app = value_int(apps.v[i]), msg = value_int(msgs.v[i]);
		if (!message_find(app, msg, c->txn))
			continue;
		if (is_kept(&db.hold[place].now)) {
			struct parked_row *p = table_insert(TABLE_PARKED, sizeof(*p), c->txn);
			p->at = sim_wall();
			p->no = ++db.parked_no;
			p->app_id = app;
			p->endpoint_id = value_int(endpoints.v[i]);
			p->msg_id = msg;
			p->ordered = true;
			p->key = value_int(keys.v[i]);
			continue;
		}
		struct retry *r = table_insert(TABLE_RETRY, sizeof(*r), c->txn);
		r->slot = (int)value_int(c->arg[0]);
		r->due = model_due(value_time(c->arg[1]), r->slot);
		r->app_id = app;
		r->msg_id = msg;
		r->endpoint_id = value_int(endpoints.v[i]);
		answer_int8(*ret, PQntuples(*ret), 0, msg);
	}
	return RAN;
}

static void
answer_progress(const struct call *c, PGresult *r, int row, const struct parked_row *p)
{
	const struct attempt_row *last = NULL;
	FOR_ROWS(a, attempt_row, TABLE_ATTEMPT, c->txn)
	if (a->msg_id == p->msg_id && a->app_id == p->app_id && a->endpoint_id == p->endpoint_id &&
	    a->chain == p->chain && a->seq >= p->seq && (!last || a->seq > last->seq))
		last = a;
	if (!last)
		return;
	answer_int2(r, row, 12, last->seq);
	answer_int2(r, row, 13, last->tries);
	if (last->next_at.us)
		answer_time(r, row, 14, last->next_at);
}

static void
answer_parked(const struct call *c, PGresult *r, int nth, const struct parked_row *p)
{
	int row = PQntuples(r);
	answer_int8(r, row, 0, txn_oldest());
	if (value_bool(c->arg[4]))
		answer_int8(r, row, 1, txn_next());
	answer_int8(r, row, 2, db.parked_no);
	answer_int8(r, row, 3, nth);
	if (!p)
		return;
	answer_int8(r, row, 4, p->no);
	answer_time(r, row, 5, p->at);
	answer_int8(r, row, 6, p->msg_id);
	answer_int8(r, row, 7, p->chain);
	answer_int2(r, row, 8, p->seq);
	answer_int2(r, row, 9, p->tries);
	answer_int2(r, row, 10, p->trigger);
	if (p->ordered) {
		answer_int8(r, row, 11, p->key);
		answer_progress(c, r, row, p);
	}
}

/* Rows lie in the order of insertion, not of commit: by number. */
enum ran
model_parked_load(const struct call *c, PGresult **ret)
{
	struct values endpoints = values_of(c->arg[1], c->arena);
	struct values beyond = values_of(c->arg[2], c->arena);
	int64_t limit = value_int(c->arg[3]);
	*ret = answer_new(15);
	for (int i = 0; i < endpoints.n; i++) {
		int rows = 0;
		FOR_ROWS(p, parked_row, TABLE_PARKED, c->txn)
		if (p->endpoint_id == value_int(endpoints.v[i]) && p->no > value_int(beyond.v[i]) &&
		    rows < limit && !is_resolved(c, p)) {
			answer_parked(c, *ret, i + 1, p);
			rows++;
		}
		if (rows == 0)
			answer_parked(c, *ret, i + 1, NULL);
	}
	return RAN;
}
