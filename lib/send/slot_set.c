/* The slots that this worker holds, and their lists of unresolved messages.
 *
 * Invariant: a message is listed before its append is sent and unlisted after what resolved it was
 * committed, so that the marks (slot_mark.c) stay below everything unresolved. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "send/slot-internal.h"

struct slot *
slot_get(const struct slots *s, int id)
{
	for (int i = 0; i < s->n; i++)
		if (s->slot[i]->id == id)
			return s->slot[i];
	return NULL;
}

struct slot *
slot_new(struct slots *s, int id)
{
	assert(s->n < SLOTS_MAX);
	struct slot *slot = mem_zalloc(sizeof(*slot));
	slot->set = s;
	slot->id = (int16_t)id;
	slot->since = loop_now(s->loop);
	TAILQ_INIT(&slot->old);
	TAILQ_INIT(&slot->fresh);
	s->slot[s->n++] = slot;
	metric_set(METRIC_SLOTS, s->n);
	return slot;
}

void
slot_set(struct slot *slot, enum slot_state state)
{
	if (state == SLOT_LEAVING) {
		slot->low_water = slot_low_water(slot->set, slot);
		slot->retry_mark = slot_retry_low(slot->set, slot);
	}
	slot->state = state;
}

static void
list_drop(struct message_list *list)
{
	struct message *m;
	while ((m = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, m, entry);
		m->listed = false;
		message_unref(m);
	}
}

void
slot_forget(struct slots *s, struct slot *slot)
{
	if (slot->page) {
		pg_cancel(slot->page);
		arena_free(slot->page_arena);
	}
	for (int i = 0; i < s->n; i++) {
		if (s->slot[i] == slot) {
			s->slot[i] = s->slot[--s->n];
			break;
		}
	}
	if (s->home == slot)
		s->home = NULL;
	list_drop(&slot->old);
	list_drop(&slot->fresh);
	metric_set(METRIC_SLOTS, s->n);
	free(slot);
}

void
slot_lost(struct slots *s, struct slot *slot)
{
	int id = slot->id;
	LOG_WARN(SLOT_LOST, KV("slot", id));
	slot_forget(s, slot);
	s->ev.lost(s->ev.arg, id);
}

/* ---- unresolved messages ------------------------------------------------------------------ */

void
slots_expect(struct slots *s, struct message *m)
{
	struct slot *slot = slot_get(s, id_slot(m->id));
	if (!slot)
		return;
	struct message_list *list = m->accepted ? &slot->fresh : &slot->old;
	const struct message *last = TAILQ_LAST(list, message_list);
	assert(!last || last->id < m->id);
	m->listed = true;
	message_ref(m); /* not inside the macro, which would take four */
	TAILQ_INSERT_TAIL(list, m, entry);
}

void
slots_resolved(struct slots *s, struct message *m)
{
	if (!m->listed)
		return;
	struct slot *slot = slot_get(s, id_slot(m->id));
	assert(slot);
	TAILQ_REMOVE(m->accepted ? &slot->fresh : &slot->old, m, entry);
	m->listed = false;
	message_unref(m);
}
