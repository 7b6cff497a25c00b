/* Adoption: a slot that lapsed or is free becomes ours.
 *
 * Its old owner is shut out first (slot_evict.sql, slot_lock.sql), then its epoch is raised
 * (slot_adopt.sql): nothing that the old owner still sends can be committed (fence.sql). */
#include "base/log.h"
#include "base/metric.h"

#include "send/slot-internal.h"
#include "statements.h"

static void
adoption_over(struct slots *s)
{
	bool more = s->adoption.more;
	s->adoption.more = false;
	if (more && !s->releasing)
		s->adoption.over(s);
}

static void
make_home(struct slots *s, struct slot *slot)
{
	if (s->home)
		return;
	s->home = slot;
	s->had_home = true;
	int64_t floor = slot->until > slot->low_water ? slot->until : slot->low_water;
	id_source_init(&s->ids, slot->id, floor > slot->append_above ? floor : slot->append_above);
	s->ev.ready(s->ev.arg);
}

static void
on_newest(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	s->adoption.ticket = NULL;
	adoption_over(s);
	struct slot *slot = slot_get(s, s->adoption.id);
	if (!slot)
		return;
	if (e) {
		/* Without it nothing can be recovered: let the lease lapse and be adopted again. */
		slot_lost(s, slot);
		return;
	}
	slot->until = pg_rows(r->res[0]) ? pg_int(r->res[0], 0, 0) : slot->low_water;
	make_home(s, slot);
	slot->retry_mark.us = 0;
	s->ev.adopted(s->ev.arg, slot->id, slot->retry_since);
}

static void
ask_newest(struct slots *s, struct slot *slot)
{
	struct pg_args args;
	arena_reset(s->adoption.arena);
	pg_args_init(&args, s->adoption.arena);
	pg_arg_int2(&args, slot->id);
	pg_arg_int8(&args, slot->low_water);
	struct pg_call call = { &stmt_slot_newest, &args };
	s->adoption.ticket = pg_submit_at(NEWEST, s->load_pool, &call, 1, on_newest, s);
}

static void
slot_taken(struct slots *s, const PGresult *r)
{
	struct slot *slot = slot_new(s, s->adoption.id);
	bool was_held = pg_bool(r, 0, 3); /* else it was free: nothing to recover */
	slot->epoch = pg_int(r, 0, 0);
	slot->low_water = slot->until = pg_int(r, 0, 1);
	slot->append_above = pg_int(r, 0, 4);
	if (!was_held) {
		LOG_INFO(SLOT_CLAIM, KV("slot", (int)slot->id), KV("epoch", slot->epoch));
		slot_set(slot, SLOT_HELD);
		make_home(s, slot);
		return;
	}
	LOG_INFO(SLOT_ADOPT, KV("slot", (int)slot->id), KV("epoch", slot->epoch));
	metric_add(METRIC_ADOPTED, 1);
	slot_set(slot, SLOT_RECOVERING);
	slot->retry_since = slot->retry_mark = pg_time(r, 0, 2);
	ask_newest(s, slot);
}

static void
on_adopted(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	s->adoption.ticket = NULL;
	if (e || s->releasing)
		return; /* the next beat tries again */
	/* An answer so late that the lease may have lapsed, unknown to the beat: whoever finds it
	 * so takes the slot, we perhaps. */
	bool late = clock_mono() - s->adoption.sent >= s->lease * 4 / 5;
	if (pg_rows(r->res[2]) == 0 || late)
		adoption_over(s); /* somebody else was or will be quicker */
	else
		slot_taken(s, r->res[2]);
}

void
slot_adopt(struct slots *s, int16_t id)
{
	struct adoption *a = &s->adoption;
	if (a->ticket || s->leaving || s->n >= SLOTS_MAX || slot_get(s, id))
		return;
	struct pg_args slot, take;
	arena_reset(a->arena);
	a->id = id;
	pg_args_init(&slot, a->arena);
	pg_arg_int2(&slot, id);
	pg_args_init(&take, a->arena);
	pg_arg_int2(&take, id);
	pg_arg_int8(&take, s->owner);
	pg_arg_int8(&take, s->lease / USEC_PER_MS);
	struct pg_call calls[] = { { &stmt_slot_evict, &slot }, { &stmt_slot_lock, &slot },
		{ &stmt_slot_adopt, &take } };
	a->sent = clock_mono();
	a->ticket = pg_submit_at(ADOPT, s->load_pool, calls, 3, on_adopted, s);
}
