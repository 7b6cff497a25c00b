/* The slots of this worker: heartbeat, adoption, recovery, release.
 *
 * Invariants
 *   1. A slot's low-water mark, as stored, is below every unresolved message of the slot: messages
 * are listed before their append is sent and unlisted after what resolved them was committed.
 *   2. New ids of the home slot are above every mark that was stored.
 *   3. A slot that a beat did not confirm is not ours: what belongs to it is dropped at once, and
 *      nothing of it can be committed any more, because its epoch has changed (fence.sql).
 *
 * The lists of a slot: what recovery brought (old) and what was accepted here (fresh), each in id
 * order, so that the oldest unresolved message is the head of one of them. */
#include "send/slot.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"

#include "statements.h"

#define SLOTS_MAX    64 /* held by one worker: its own and adopted ones */
#define BEAT_MAX     USEC_PER_SEC
#define RECOVER_ROWS 2000 /* per page */
#define CHANGED_MS                                                                                 \
	10000 /* how far back before the last beat one asks for catalogue changes; beats overlap,  \
	       * so that a change that commits late is still seen */
#define DRAINED_EVERY 60 /* beats: a slot without retries has all of them looked through */

TAILQ_HEAD(message_list, message);

enum slot_state {
	SLOT_RECOVERING,
	SLOT_HELD,
};

struct slot {
	int16_t id;
	int64_t epoch;
	enum slot_state state;
	bool fresh_claim;       /* was free: nothing to recover */
	int64_t low_water;      /* recovery's position; later the last mark stored */
	int64_t until;          /* the newest message when it was adopted: where recovery ends */
	struct wall retry_from; /* its retries are not in memory yet from here; us == 0: they are */
	struct page *page;      /* on its way, or NULL */
	bool in_beat;           /* the beat under way asks for it */
	int64_t restored;       /* messages that recovery brought */
	struct message_list old, fresh;
};

struct slots {
	struct loop *loop;
	struct pg_pool *lease_pool, *load_pool;
	struct slots_events ev;
	int64_t owner;
	usec_t lease;
	int n;
	struct slot *slot[SLOTS_MAX];
	struct slot *home;    /* NULL: none */
	struct id_source ids; /* of home; of the last one when it was lost */
	bool had_home;
	struct timer beat_timer;
	struct arena *beat_arena;
	struct pg_ticket *beat;
	usec_t beat_sent, confirmed_at;
	int beats;
	bool late_logged;
	struct arena *adopt_arena;
	struct pg_ticket *adopting; /* one adoption at a time */
	int16_t adopting_id;
	bool adopt_more; /* the last beat named more slots than this one */
	struct arena *drain_arena;
	struct pg_ticket *drained; /* the question which adopted slots are empty */
	bool releasing;
	void (*release_done)(void *arg);
	void *release_arg;
};

/* Messages of a slot being read by its recovery. */
struct page {
	struct slots *slots;
	struct slot *slot;
	struct arena *arena;
	struct pg_ticket *ticket;
};

static void recover_next(struct slots *s, struct slot *slot);

static struct slot *
slot_get(const struct slots *s, int id)
{
	for (int i = 0; i < s->n; i++)
		if (s->slot[i]->id == id)
			return s->slot[i];
	return NULL;
}

/* ---- marks -------------------------------------------------------------------------------- */

static int64_t
slot_low_water(struct slots *s, struct slot *slot)
{
	int64_t low;
	const struct message *old = TAILQ_FIRST(&slot->old), *fresh = TAILQ_FIRST(&slot->fresh);
	if (slot->state == SLOT_RECOVERING)
		low = slot->low_water;
	else
		low = id_floor(loop_wall(s->loop)) - 1;
	if (old && old->id - 1 < low)
		low = old->id - 1;
	if (fresh && fresh->id - 1 < low)
		low = fresh->id - 1;
	/* With a clock set back the mark stays where it was; with nothing open new ids go above it.
	 */
	if (low < slot->low_water && !old && !fresh)
		low = slot->low_water;
	if (slot->state == SLOT_HELD)
		slot->low_water = low;
	if (slot == s->home && s->ids.last < low)
		s->ids.last = low;
	return low;
}

static struct wall
slot_retry_low(struct slots *s, const struct slot *slot)
{
	if (slot->retry_from.us)
		return slot->retry_from;
	return s->ev.retry_low(s->ev.arg, slot->id);
}

/* ---- giving up and taking ----------------------------------------------------------------- */

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

static void
page_free(struct page *p)
{
	p->slot->page = NULL;
	arena_free(p->arena);
	free(p);
}

static void
slot_forget(struct slots *s, struct slot *slot)
{
	if (slot->page) {
		pg_cancel(slot->page->ticket);
		page_free(slot->page);
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

static void
slot_lost(struct slots *s, struct slot *slot)
{
	int id = slot->id;
	LOG_WARN(SLOT_LOST, KV("slot", id));
	slot_forget(s, slot);
	s->ev.lost(s->ev.arg, id);
}

static void
make_home(struct slots *s, struct slot *slot)
{
	if (s->home)
		return;
	s->home = slot;
	s->had_home = true;
	id_source_init(
	    &s->ids, slot->id, slot->until > slot->low_water ? slot->until : slot->low_water);
	s->ev.ready(s->ev.arg);
}

/* The beats are too far apart to take the slots of a dead machine one a beat. */
static void
adoption_over(struct slots *s)
{
	if (s->adopt_more && !s->releasing)
		timer_set(&s->beat_timer, 0);
	s->adopt_more = false;
}

static void
on_newest(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	s->adopting = NULL;
	adoption_over(s);
	struct slot *slot = slot_get(s, s->adopting_id);
	if (!slot)
		return;
	if (e) {
		/* Without it nothing can be recovered: let the lease lapse and be adopted again. */
		slot_lost(s, slot);
		return;
	}
	slot->until = pg_rows(r->res[0]) ? pg_int(r->res[0], 0, 0) : slot->low_water;
	make_home(s, slot);
	s->ev.adopted(s->ev.arg, slot->id, slot->retry_from);
}

static void
ask_newest(struct slots *s, struct slot *slot)
{
	struct pg_args args;
	arena_reset(s->adopt_arena);
	pg_args_init(&args, s->adopt_arena);
	pg_arg_int2(&args, slot->id);
	pg_arg_int8(&args, slot->low_water);
	struct pg_call call = { &stmt_slot_newest, &args };
	s->adopting = pg_submit(s->load_pool, &call, 1, on_newest, s);
}

static void
slot_taken(struct slots *s, const PGresult *r)
{
	struct slot *slot = mem_zalloc(sizeof(*slot));
	slot->id = s->adopting_id;
	slot->epoch = pg_int(r, 0, 0);
	slot->low_water = slot->until = pg_int(r, 0, 1);
	slot->retry_from = pg_time(r, 0, 2);
	slot->fresh_claim = !pg_bool(r, 0, 3);
	TAILQ_INIT(&slot->old);
	TAILQ_INIT(&slot->fresh);
	s->slot[s->n++] = slot;
	metric_set(METRIC_SLOTS, s->n);
	if (slot->fresh_claim) {
		LOG_INFO(SLOT_CLAIM, KV("slot", (int)slot->id), KV("epoch", slot->epoch));
		slot->state = SLOT_HELD;
		slot->retry_from.us = 0;
		make_home(s, slot);
		return;
	}
	LOG_INFO(SLOT_ADOPT, KV("slot", (int)slot->id), KV("epoch", slot->epoch));
	metric_add(METRIC_ADOPTED, 1);
	slot->state = SLOT_RECOVERING;
	ask_newest(s, slot);
}

static void
on_adopted(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	s->adopting = NULL;
	if (e || s->releasing)
		return; /* the next beat tries again */
	if (pg_rows(r->res[2]) == 0)
		adoption_over(s); /* somebody else was quicker */
	else
		slot_taken(s, r->res[2]);
}

static void
adopt(struct slots *s, int16_t id)
{
	if (s->adopting || s->n >= SLOTS_MAX || slot_get(s, id))
		return;
	struct pg_args slot, take;
	arena_reset(s->adopt_arena);
	s->adopting_id = id;
	pg_args_init(&slot, s->adopt_arena);
	pg_arg_int2(&slot, id);
	pg_args_init(&take, s->adopt_arena);
	pg_arg_int2(&take, id);
	pg_arg_int8(&take, s->owner);
	pg_arg_int8(&take, s->lease / USEC_PER_MS);
	struct pg_call calls[] = { { &stmt_slot_evict, &slot }, { &stmt_slot_lock, &slot },
		{ &stmt_slot_adopt, &take } };
	s->adopting = pg_submit(s->load_pool, calls, 3, on_adopted, s);
}

/* ---- the beat ----------------------------------------------------------------------------- */

enum news {
	NEWS_HELD = 1,
	NEWS_LAPSED = 2,
	NEWS_FREE = 3,
	NEWS_APP = 4,
};

/* What this beat did not confirm is lost. A slot that was adopted while it was under way is not
 * judged. */
static void
judge(struct slots *s, const PGresult *r)
{
	for (int i = s->n - 1; i >= 0; i--) {
		struct slot *slot = s->slot[i];
		bool confirmed = !slot->in_beat;
		for (int row = 0; row < pg_rows(r) && !confirmed; row++)
			confirmed = pg_int(r, row, 0) == NEWS_HELD && pg_int(r, row, 1) == slot->id;
		if (!confirmed)
			slot_lost(s, slot);
	}
}

static void
read_news(struct slots *s, const PGresult *r)
{
	for (int row = 0; row < pg_rows(r); row++) {
		switch ((enum news)pg_int(r, row, 0)) {
		case NEWS_HELD:
			break;
		case NEWS_LAPSED:
			s->adopt_more = s->adopting;
			adopt(s, (int16_t)pg_int(r, row, 1));
			break;
		case NEWS_FREE:
			adopt(s, (int16_t)pg_int(r, row, 1));
			break;
		case NEWS_APP:
			s->ev.app_changed(s->ev.arg, pg_int(r, row, 1), pg_int(r, row, 2));
			break;
		}
	}
}

static void release_drained(struct slots *s);

static void
on_beat(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	s->beat = NULL;
	if (e || s->releasing) {
		if (e && !slots_confirmed(s) && !s->late_logged) {
			s->late_logged = true;
			LOG_WARN(SLOT_LATE, KV("reason", e->text));
		}
		return;
	}
	bool was_confirmed = slots_confirmed(s);
	s->confirmed_at = s->beat_sent;
	s->late_logged = false;
	judge(s, r->res[0]);
	read_news(s, r->res[0]);
	if (!was_confirmed && slots_confirmed(s))
		s->ev.ready(s->ev.arg);
	slots_continue(s);
	if (++s->beats % DRAINED_EVERY == 0)
		release_drained(s);
}

/* The arrays that beat.sql and slot_release.sql have in common. */
static void
put_marks(struct slots *s, struct pg_args *args, struct slot *const *list, int n)
{
	struct arena *a = args->arena;
	struct buf *out = arena_zalloc(a, sizeof(*out) * 4);
	struct pg_array ids, epochs, lows, retries;
	for (int i = 0; i < 4; i++) {
		buf_init(&out[i], 4096);
		arena_own(a, &out[i], (void (*)(void *))buf_free);
	}
	pg_array_begin(&ids, &out[0], PG_INT2);
	pg_array_begin(&epochs, &out[1], PG_INT8);
	pg_array_begin(&lows, &out[2], PG_INT8);
	pg_array_begin(&retries, &out[3], PG_TIMESTAMPTZ);
	for (int i = 0; i < n; i++) {
		pg_array_int2(&ids, list[i]->id);
		pg_array_int8(&epochs, list[i]->epoch);
		pg_array_int8(&lows, slot_low_water(s, list[i]));
		pg_array_time(&retries, slot_retry_low(s, list[i]));
	}
	pg_array_end(&ids, args);
	pg_array_end(&epochs, args);
	pg_array_end(&lows, args);
	pg_array_end(&retries, args);
}

static void
send_beat(struct slots *s)
{
	struct pg_args args;
	usec_t silence = s->confirmed_at ? clock_mono() - s->confirmed_at : 0;
	arena_reset(s->beat_arena);
	pg_args_init(&args, s->beat_arena);
	put_marks(s, &args, s->slot, s->n);
	pg_arg_int8(&args, s->lease / USEC_PER_MS);
	pg_arg_bool(&args, !s->home && !s->adopting);
	pg_arg_int8(&args, CHANGED_MS + silence / USEC_PER_MS);
	struct pg_call call = { &stmt_beat, &args };
	for (int i = 0; i < s->n; i++)
		s->slot[i]->in_beat = true;
	s->beat_sent = clock_mono();
	s->beat = pg_submit(s->lease_pool, &call, 1, on_beat, s);
}

static usec_t
beat_interval(const struct slots *s)
{
	/* Without a home nothing can be accepted, so ask often. */
	if (!s->home)
		return 50 * USEC_PER_MS;
	return s->lease / 4 < BEAT_MAX ? s->lease / 4 : BEAT_MAX;
}

static void
on_beat_due(void *arg)
{
	struct slots *s = arg;
	if (s->releasing)
		return;
	if (!s->beat)
		send_beat(s);
	metric_set(METRIC_LEASE_AGE, s->confirmed_at ? clock_mono() - s->confirmed_at : 0);
	timer_set(&s->beat_timer, beat_interval(s));
}

/* ---- recovery ----------------------------------------------------------------------------- */

static bool
contains(const int64_t *list, int n, int64_t id)
{
	for (int i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return false;
}

static void
recover_row(struct slots *s, struct slot *slot, const PGresult *r, int row, struct arena *a)
{
	int64_t *done;
	int ndone = pg_int8s(r, row, 4, a, &done), n = 0;
	struct str targets = pg_str(r, row, 3);
	int64_t *open = arena_alloc(a, targets.n + 8);
	for (size_t at = 0; at + 8 <= targets.n; at += 8) {
		uint64_t wire;
		memcpy(&wire, targets.p + at, sizeof(wire));
		int64_t id = (int64_t)be64toh(wire);
		if (!contains(done, ndone, id))
			open[n++] = id;
	}
	if (n == 0)
		return;
	struct recovered m = { slot->id, slot->epoch, pg_int(r, row, 0), pg_int(r, row, 1),
		pg_str(r, row, 2), n, open };
	slot->restored++;
	s->ev.recovered(s->ev.arg, &m);
}

static void
recovery_over(struct slots *s, struct slot *slot)
{
	slot->state = SLOT_HELD;
	LOG_INFO(SLOT_RECOVERED, KV("slot", (int)slot->id), KV("messages", slot->restored));
	if (s->home == slot)
		s->ev.ready(s->ev.arg);
}

static void
on_page(void *arg, const struct pg_result *r, const struct err *e)
{
	struct page *p = arg;
	struct slots *s = p->slots;
	struct slot *slot = p->slot;
	int rows = e ? 0 : pg_rows(r->res[0]);
	bool more = e || rows == RECOVER_ROWS;
	for (int row = 0; row < rows; row++) {
		int64_t id = pg_int(r->res[0], row, 1);
		if (id > slot->until) {
			more = false;
			break;
		}
		recover_row(s, slot, r->res[0], row, p->arena);
		slot->low_water = id;
	}
	page_free(p);
	if (!more)
		recovery_over(s, slot);
	else if (!e)
		recover_next(s, slot); /* after an error the next relief or beat goes on */
}

static void
recover_next(struct slots *s, struct slot *slot)
{
	if (slot->state != SLOT_RECOVERING || slot->page || slot->retry_from.us ||
	    !s->ev.room(s->ev.arg))
		return;
	struct page *p = mem_zalloc(sizeof(*p));
	*p = (struct page){ s, slot, arena_new(), NULL };
	struct pg_args args;
	pg_args_init(&args, p->arena);
	pg_arg_int2(&args, slot->id);
	pg_arg_int8(&args, slot->low_water);
	pg_arg_int4(&args, RECOVER_ROWS);
	struct pg_call call = { &stmt_slot_recover, &args };
	slot->page = p;
	p->ticket = pg_submit(s->load_pool, &call, 1, on_page, p);
}

void
slots_retries_loaded(struct slots *s, int id)
{
	struct slot *slot = slot_get(s, id);
	if (!slot)
		return;
	slot->retry_from.us = 0;
	recover_next(s, slot);
}

void
slots_continue(struct slots *s)
{
	for (int i = 0; i < s->n; i++)
		recover_next(s, s->slot[i]);
}

/* ---- release ------------------------------------------------------------------------------ */

static bool
slot_quiet(struct slots *s, const struct slot *slot)
{
	return slot->state == SLOT_HELD && TAILQ_EMPTY(&slot->old) && TAILQ_EMPTY(&slot->fresh) &&
	       !s->ev.busy(s->ev.arg, slot->id);
}

static void
submit_release(struct slots *s, struct slot *const *list, int n, bool dirty, pg_fn fn)
{
	struct pg_args args;
	struct arena *a = s->drain_arena;
	arena_reset(a);
	pg_args_init(&args, a);
	put_marks(s, &args, list, n);
	struct buf *out = arena_zalloc(a, sizeof(*out));
	buf_init(out, 1024);
	arena_own(a, out, (void (*)(void *))buf_free);
	struct pg_array flags;
	pg_array_begin(&flags, out, PG_BOOL);
	for (int i = 0; i < n; i++)
		pg_array_bool(&flags, dirty);
	pg_array_end(&flags, &args);
	struct pg_call call = { &stmt_slot_release, &args };
	s->drained = pg_submit(s->lease_pool, &call, 1, fn, s);
}

static void
on_released_drained(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	(void)r;
	(void)e; /* when it did not work, the next beat finds the slot lapsed and it is adopted
		    again */
	s->drained = NULL;
}

static void
on_drained(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	struct slot *empty[SLOTS_MAX];
	int n = 0;
	s->drained = NULL;
	if (e || s->releasing)
		return;
	for (int row = 0; row < pg_rows(r->res[0]); row++) {
		struct slot *slot = slot_get(s, (int)pg_int(r->res[0], row, 0));
		if (slot && slot != s->home && slot_quiet(s, slot))
			empty[n++] = slot;
	}
	if (n == 0)
		return;
	submit_release(s, empty, n, false, on_released_drained);
	for (int i = 0; i < n; i++) {
		int id = empty[i]->id;
		LOG_INFO(SLOT_RELEASE, KV("slot", id));
		slot_forget(s, empty[i]);
		s->ev.lost(s->ev.arg, id);
	}
}

/* Adopted slots in which nothing is left go back to the free ones. */
static void
release_drained(struct slots *s)
{
	int16_t ids[SLOTS_MAX];
	struct wall low = { INT64_MAX };
	int n = 0;
	for (int i = 0; i < s->n && !s->drained; i++) {
		if (s->slot[i] == s->home || !slot_quiet(s, s->slot[i]))
			continue;
		struct wall mark = slot_retry_low(s, s->slot[i]);
		if (mark.us < low.us)
			low = mark;
		ids[n++] = s->slot[i]->id;
	}
	if (n == 0)
		return;
	struct arena *a = s->drain_arena;
	struct pg_args args;
	struct pg_array array;
	arena_reset(a);
	pg_args_init(&args, a);
	struct buf *out = arena_zalloc(a, sizeof(*out));
	buf_init(out, 1024);
	arena_own(a, out, (void (*)(void *))buf_free);
	pg_array_begin(&array, out, PG_INT2);
	for (int i = 0; i < n; i++)
		pg_array_int2(&array, ids[i]);
	pg_array_end(&array, &args);
	pg_arg_time(&args, low);
	struct pg_call call = { &stmt_slot_drained, &args };
	s->drained = pg_submit(s->load_pool, &call, 1, on_drained, s);
}

static void
on_released(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	(void)r;
	(void)e; /* the leases lapse by themselves */
	s->drained = NULL;
	s->release_done(s->release_arg);
}

void
slots_release(struct slots *s, void (*done)(void *arg), void *arg)
{
	s->releasing = true;
	s->release_done = done;
	s->release_arg = arg;
	timer_stop(&s->beat_timer);
	if (s->drained)
		pg_cancel(s->drained);
	for (int i = 0; i < s->n; i++)
		LOG_INFO(SLOT_RELEASE, KV("slot", (int)s->slot[i]->id));
	submit_release(s, s->slot, s->n, true, on_released);
}

/* ---- questions ---------------------------------------------------------------------------- */

bool
slots_confirmed(const struct slots *s)
{
	return s->confirmed_at && clock_mono() - s->confirmed_at < s->lease * 4 / 5;
}

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
	s->beat_arena = arena_new();
	s->adopt_arena = arena_new();
	s->drain_arena = arena_new();
	timer_init(&s->beat_timer, l, on_beat_due, s);
	timer_set(&s->beat_timer, 0);
	return s;
}

void
slots_free(struct slots *s)
{
	if (!s)
		return;
	if (s->beat)
		pg_cancel(s->beat);
	if (s->adopting)
		pg_cancel(s->adopting);
	if (s->drained)
		pg_cancel(s->drained);
	while (s->n > 0)
		slot_forget(s, s->slot[0]);
	timer_done(&s->beat_timer);
	arena_free(s->beat_arena);
	arena_free(s->adopt_arena);
	arena_free(s->drain_arena);
	free(s);
}
