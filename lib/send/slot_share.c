/* Sharing: work goes to the workers that have time.
 *
 * Each beat says whether its worker has time for more (slot.spare) and tells whether another one
 * has. While one has, a worker without time leaves lapsed slots to it, for some beats; and when it
 * has had no time for a while, it gives an adopted slot that has much to do back to it.
 *
 * A slot that is given back is LEAVING first: nothing of it starts any more, what waited is
 * forgotten and the marks stand still; when what was under way has been recorded the slot is
 * released with work left in it, so it has one owner at any time. The next owner is one that had
 * time a moment ago, keeps it for KEEP_MIN whatever comes, and says at its next beat what it has
 * left: a slot does not wander. */
#include "base/log.h"
#include "base/metric.h"

#include "send/slot-internal.h"

#define WAIT_BEATS  6                   /* how long a lapsed slot waits for a worker with time */
#define SHED_AFTER  (3 * USEC_PER_SEC)  /* without time, before one is given back, and the next */
#define KEEP_MIN    (10 * USEC_PER_SEC) /* of an adopted slot */
#define SHED_QUEUED 100                 /* deliveries that wait: with fewer it is not worth it */

bool
slot_left_to_others(struct slots *s)
{
	struct share *share = &s->share;
	share->lapsed = true;
	return s->home && share->other_spare && s->ev.load(s->ev.arg) == LOAD_OVER &&
	       share->waited < WAIT_BEATS;
}

bool
slot_spare(const struct slots *s)
{
	return s->home && !s->leaving && s->n < SLOTS_MAX && s->ev.load(s->ev.arg) == LOAD_LIGHT;
}

/* The slot that is worth most to another worker, or NULL. */
static struct slot *
choose(struct slots *s, usec_t now)
{
	struct slot *best = NULL;
	int most = SHED_QUEUED - 1;
	for (int i = 0; i < s->n; i++) {
		struct slot *slot = s->slot[i];
		bool asked = s->adoption.ticket && s->adoption.id == slot->id;
		if (slot == s->home || asked || now - slot->since < KEEP_MIN)
			continue;
		int queued = s->ev.queued(s->ev.arg, slot->id);
		if (slot->state == SLOT_RECOVERING)
			queued += SHED_QUEUED; /* and nobody knows what is to come */
		if (queued > most) {
			most = queued;
			best = slot;
		}
	}
	return best;
}

static void
leave(struct slots *s, struct slot *slot)
{
	LOG_INFO(SLOT_SHED, KV("slot", (int)slot->id));
	metric_add(METRIC_SHED, 1);
	slot_set(slot, SLOT_LEAVING); /* which takes the marks while all is still here */
	if (slot->page) {
		pg_cancel(slot->page);
		slot->page = NULL;
		arena_free(slot->page_arena);
	}
	s->ev.lost(s->ev.arg, slot->id);
}

static struct slot *
leaving_one(const struct slots *s)
{
	for (int i = 0; i < s->n; i++)
		if (s->slot[i]->state == SLOT_LEAVING)
			return s->slot[i];
	return NULL;
}

void
slot_share(struct slots *s)
{
	struct share *share = &s->share;
	usec_t now = loop_now(s->loop);
	share->waited = share->lapsed ? share->waited + 1 : 0;
	share->lapsed = false;
	if (s->ev.load(s->ev.arg) != LOAD_OVER || !share->over_since)
		share->over_since = s->ev.load(s->ev.arg) == LOAD_OVER ? now : 0;
	struct slot *slot = leaving_one(s);
	if (slot) {
		if (!s->ev.under_way(s->ev.arg, slot->id))
			slot_release_dirty(s, slot);
		return;
	}
	if (s->leaving || !share->other_spare || !share->over_since ||
	    now - share->over_since < SHED_AFTER)
		return;
	slot = choose(s, now);
	if (!slot)
		return;
	share->over_since = now;
	leave(s, slot);
}
