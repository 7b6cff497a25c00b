/* The slots of this worker: their parts together (slot-internal.h), and what others ask of them. */
#include "send/slot.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"

#include "send/slot-internal.h"

bool
slots_home(const struct slots *s, int *ret_slot, int64_t *ret_epoch)
{
	if (!s->home || s->releasing || !slots_confirmed(s))
		return false;
	*ret_slot = s->home->id;
	*ret_epoch = s->home->epoch;
	return true;
}

int
slots_home_id(const struct slots *s)
{
	return s->home ? s->home->id : -1;
}

int64_t
slots_id(struct slots *s)
{
	assert(s->had_home);
	return id_next(&s->ids, loop_wall(s->loop));
}

int64_t
slots_epoch(const struct slots *s, int slot)
{
	const struct slot *found = slot_get(s, slot);
	return found ? found->epoch : -1;
}

bool
slots_mine(const struct slots *s, int slot, int64_t epoch)
{
	return slots_epoch(s, slot) == epoch;
}

bool
slots_starts(const struct slots *s, int slot, int64_t epoch)
{
	const struct slot *found = slot_get(s, slot);
	return found && found->epoch == epoch && found->state != SLOT_LEAVING;
}

void
slots_leave(struct slots *s)
{
	s->leaving = true;
}

void
slots_release(struct slots *s, void (*done)(void *arg), void *arg)
{
	s->releasing = true;
	slot_beat_stop(s);
	slot_release_all(s, done, arg);
}

struct slots *
slots_new(struct loop *l, const struct config *c, struct pg_pool *lease, struct pg_pool *load,
    const struct slots_events *ev)
{
	struct slots *s = mem_zalloc(sizeof(*s));
	s->loop = l;
	s->lease_pool = lease;
	s->load_pool = load;
	s->ev = *ev;
	s->lease = c->lease * USEC_PER_MS;
	rand_bytes(&s->owner, sizeof(s->owner));
	s->owner &= INT64_MAX;
	s->release.arena = arena_new();
	s->adoption.arena = arena_new();
	/* Beats are too far apart to take the slots of a dead machine one a beat. */
	s->adoption.over = slot_beat_soon;
	slot_beat_init(s);
	slot_beat_soon(s);
	return s;
}

void
slots_free(struct slots *s)
{
	if (!s)
		return;
	if (s->beat.ticket)
		pg_cancel(s->beat.ticket);
	if (s->adoption.ticket)
		pg_cancel(s->adoption.ticket);
	if (s->release.ticket)
		pg_cancel(s->release.ticket);
	while (s->n > 0)
		slot_forget(s, s->slot[0]);
	timer_done(&s->beat.timer);
	arena_free(s->beat.arena);
	arena_free(s->adoption.arena);
	arena_free(s->release.arena);
	free(s);
}
