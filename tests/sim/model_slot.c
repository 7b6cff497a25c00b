/* Statements about slots: fence*.sql, slot_*.sql, beat.sql. */
#include "base/id.h"

#include "dice.h"
#include "model.h"
#include "sim_loop.h"
#include "wire.h"

static struct slot_row *
row_of(int64_t slot)
{
	return slot >= 0 && slot < SLOTS_COUNT ? &db.slot[slot] : NULL;
}

bool
model_held(const struct call *c, int64_t slot)
{
	struct values slots = values_of(c->arg[0], c->arena),
		      epochs = values_of(c->arg[1], c->arena);
	for (int i = 0; i < slots.n; i++) {
		if (value_int(slots.v[i]) != slot)
			continue;
		if (row_of(slot)->now.epoch != value_int(epochs.v[i]) &&
		    !model_without[WITHOUT_EPOCH])
			return false;
		txn_claim(c->txn, (int)slot, value_int(epochs.v[i]));
		return true;
	}
	return false;
}

bool
model_owns(const struct call *c, int64_t slot, int64_t epoch)
{
	if (row_of(slot)->now.epoch != epoch && !model_without[WITHOUT_EPOCH])
		return false;
	txn_claim(c->txn, (int)slot, epoch);
	return true;
}

enum ran
model_fence(const struct call *c, PGresult **ret)
{
	struct values slots = values_of(c->arg[0], c->arena);
	for (int i = 0; i < slots.n; i++)
		if (!txn_lock_shared(c->txn, (int)value_int(slots.v[i])))
			return RAN_WAITS;
	*ret = answer_new(1);
	answer_int8(*ret, 0, 0, slots.n);
	return RAN;
}

enum ran
model_fence_held(const struct call *c, PGresult **ret)
{
	struct values slots = values_of(c->arg[0], c->arena),
		      epochs = values_of(c->arg[1], c->arena);
	int rows = 0;
	*ret = answer_new(1);
	for (int i = 0; i < slots.n; i++) {
		const struct slot_row *s = row_of(value_int(slots.v[i]));
		if (s->now.epoch == value_int(epochs.v[i]))
			answer_int2(*ret, rows++, 0, value_int(slots.v[i]));
	}
	return RAN;
}

enum ran
model_slot_lock(const struct call *c, PGresult **ret)
{
	if (!txn_lock_exclusive(c->txn, (int)value_int(c->arg[0])))
		return RAN_WAITS;
	*ret = answer_new(1);
	answer_str(*ret, 0, 0, STR(""));
	return RAN;
}

enum ran
model_slot_evict(const struct call *c, PGresult **ret)
{
	const struct slot_row *s = row_of(value_int(c->arg[0]));
	int n = 0;
	if ((s->now.owner || s->now.dirty) && s->now.lease_until.us < txn_start(c->txn).us &&
	    !model_without[WITHOUT_EVICT])
		n = txn_evict(c->txn, (int)value_int(c->arg[0]));
	*ret = answer_new(1);
	answer_int8(*ret, 0, 0, n);
	return RAN;
}

enum ran
model_slot_adopt(const struct call *c, PGresult **ret)
{
	int64_t id = value_int(c->arg[0]);
	struct slot_row *s = row_of(id);
	if (!txn_lock_row(c->txn, (int)id))
		return RAN_WAITS;
	*ret = answer_new(5);
	if (s->now.owner && s->now.lease_until.us >= sim_wall().us && !model_without[WITHOUT_LEASE])
		return RAN;
	bool was_held = s->now.owner || s->now.dirty;
	s->next.owner = value_int(c->arg[1]);
	s->next.spare = false;
	s->next.epoch = s->now.epoch + 1;
	s->next.lease_until.us = sim_wall().us + value_int(c->arg[2]) * USEC_PER_MS;
	int64_t up = id_floor(sim_wall()) - 1;
	if (!was_held && up > s->now.low_water)
		s->next.low_water = up;
	answer_int8(*ret, 0, 0, s->next.epoch);
	answer_int8(*ret, 0, 1, s->next.low_water);
	answer_time(*ret, 0, 2, s->next.retry_low);
	answer_bool(*ret, 0, 3, was_held);
	answer_int8(*ret, 0, 4, s->now.append_above);
	return RAN;
}

enum ran
model_slot_append_above(const struct call *c, PGresult **ret)
{
	int64_t id = value_int(c->arg[0]), newest = value_int(c->arg[2]);
	struct slot_row *s = row_of(id);
	(void)ret;
	if (!txn_lock_row(c->txn, (int)id))
		return RAN_WAITS;
	if (s->now.epoch == value_int(c->arg[1]) && newest > s->now.append_above)
		s->next.append_above = newest;
	return RAN;
}

/* Ids, epochs and marks stand first, as in beat.sql and slot_release.sql. Changes those that the
 * caller owns and answers how many, with their ids in ret; -1: one of them has to be waited for. */
static int
put_marks(const struct call *c, int64_t ret[SLOTS_COUNT])
{
	struct values ids = values_of(c->arg[0], c->arena), epochs = values_of(c->arg[1], c->arena);
	struct values lows = values_of(c->arg[2], c->arena);
	struct values retries = values_of(c->arg[3], c->arena);
	int n = 0;
	for (int i = 0; i < ids.n; i++) {
		const struct slot_row *s = row_of(value_int(ids.v[i]));
		if (s->now.epoch == value_int(epochs.v[i]) && s->writer && s->writer != c->txn)
			return -1;
	}
	for (int i = 0; i < ids.n; i++) {
		int64_t id = value_int(ids.v[i]);
		struct slot_row *s = row_of(id);
		if (s->now.epoch != value_int(epochs.v[i]))
			continue;
		(void)txn_lock_row(c->txn, (int)id);
		s->next.low_water = value_int(lows.v[i]);
		s->next.retry_low = value_time(retries.v[i]);
		ret[n++] = id;
	}
	return n;
}

enum ran
model_slot_release(const struct call *c, PGresult **ret)
{
	int64_t id[SLOTS_COUNT];
	struct values ids = values_of(c->arg[0], c->arena), dirty = values_of(c->arg[4], c->arena);
	int n = put_marks(c, id);
	(void)ret;
	if (n < 0)
		return RAN_WAITS;
	for (int i = 0; i < n; i++) {
		struct slot_values *s = &row_of(id[i])->next;
		s->owner = 0;
		s->spare = false;
		s->lease_until = sim_wall();
		for (int k = 0; k < ids.n; k++)
			if (value_int(ids.v[k]) == id[i])
				s->dirty = value_bool(dirty.v[k]);
	}
	return RAN;
}

/* ---- the beat ----------------------------------------------------------------------------- */

static void
news(PGresult *r, int kind, int64_t id, int64_t value)
{
	int row = PQntuples(r);
	answer_int2(r, row, 0, kind);
	answer_int8(r, row, 1, id);
	answer_int8(r, row, 2, value);
}

static bool
listed(const struct call *c, int64_t slot)
{
	struct values ids = values_of(c->arg[0], c->arena);
	for (int i = 0; i < ids.n; i++)
		if (value_int(ids.v[i]) == slot)
			return true;
	return false;
}

static void
tell_lapsed(const struct call *c, PGresult *r)
{
	int64_t after = INT64_MIN; /* lease_until of the last one told */
	int last = -1;
	for (int told = 0; told < 4; told++) {
		int best = -1;
		for (int i = 0; i < SLOTS_COUNT; i++) {
			const struct slot_values *s = &db.slot[i].now;
			bool lapsed =
			    s->owner ? s->lease_until.us < txn_start(c->txn).us : s->dirty;
			bool told_already =
			    s->lease_until.us < after || (s->lease_until.us == after && i <= last);
			if (!lapsed || listed(c, i) || told_already)
				continue;
			if (best < 0 || s->lease_until.us < db.slot[best].now.lease_until.us)
				best = i;
		}
		if (best < 0)
			return;
		news(r, 2, best, 0);
		last = best;
		after = db.slot[best].now.lease_until.us;
	}
}

static void
tell_free(PGresult *r)
{
	int from = (int)dice(0, SLOTS_COUNT - 1);
	for (int i = 0; i < SLOTS_COUNT; i++) {
		int slot = (from + i) % SLOTS_COUNT;
		if (db.slot[slot].now.owner || db.slot[slot].now.dirty)
			continue;
		news(r, 3, slot, 0);
		return;
	}
}

enum ran
model_beat(const struct call *c, PGresult **ret)
{
	int64_t id[SLOTS_COUNT];
	int n = put_marks(c, id);
	if (n < 0)
		return RAN_WAITS;
	*ret = answer_new(3);
	usec_t lease = value_int(c->arg[4]) * USEC_PER_MS,
	       back = value_int(c->arg[6]) * USEC_PER_MS;
	for (int i = 0; i < n; i++) {
		row_of(id[i])->next.lease_until.us = sim_wall().us + lease;
		row_of(id[i])->next.spare = value_bool(c->arg[7]);
		news(*ret, 1, id[i], 0);
	}
	tell_lapsed(c, *ret);
	if (value_bool(c->arg[5]))
		tell_free(*ret);
	for (int i = 0; i < db.napps; i++)
		if (db.app[i].changed_at.us > txn_start(c->txn).us - back)
			news(*ret, 4, db.app[i].id, db.app[i].version);
	for (int i = 0; i < db.nendpoints; i++) {
		const struct hold_values *h = &db.hold[i].now;
		if (h->exists && (h->state || h->ordered) && listed(c, h->slot) &&
		    app_find(db.endpoint[i].app_id)->changed_at.us > txn_start(c->txn).us - back)
			news(*ret, 5, db.endpoint[i].app_id, db.endpoint[i].id);
	}
	news(*ret, 7, 0, sim_wall().us);
	for (int i = 0; i < SLOTS_COUNT; i++) {
		const struct slot_values *s = &db.slot[i].now;
		if (!s->spare || !s->owner || listed(c, i) ||
		    s->lease_until.us <= txn_start(c->txn).us)
			continue;
		news(*ret, 8, 0, 0);
		break;
	}
	return RAN;
}
