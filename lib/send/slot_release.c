/* Release: slots go back to the free ones, adopted ones when nothing is left in them, all of them
 * when the worker stops. */
#include "base/log.h"

#include "send/slot-internal.h"
#include "statements.h"

#define ASK_MIN (60 * USEC_PER_SEC) /* whether a slot is drained; each time after twice as long */
#define ASK_MAX (3600 * USEC_PER_SEC)

static bool
slot_quiet(struct slots *s, const struct slot *slot)
{
	return slot->state == SLOT_HELD && TAILQ_EMPTY(&slot->old) && TAILQ_EMPTY(&slot->fresh) &&
	       !s->ev.busy(s->ev.arg, slot->id);
}

/* A buffer that lives as long as the arguments of the statement under way. */
static struct buf *
array_buf(struct arena *a)
{
	struct buf *out = arena_zalloc(a, sizeof(*out));
	buf_init(out, 1024);
	arena_own(a, out, (void (*)(void *))buf_free);
	return out;
}

static void
submit_release(struct slots *s, struct slot *const *list, int n, bool dirty, pg_fn fn)
{
	struct pg_args args;
	struct arena *a = s->release.arena;
	arena_reset(a);
	pg_args_init(&args, a);
	slot_put_marks(s, &args, list, n);
	struct pg_array flags;
	pg_array_begin(&flags, array_buf(a), PG_BOOL);
	for (int i = 0; i < n; i++)
		pg_array_bool(&flags, dirty);
	pg_array_end(&flags, &args);
	struct pg_call call = { &stmt_slot_release, &args };
	s->release.ticket = pg_submit_at(RELEASE, s->lease_pool, &call, 1, fn, s);
}

/* ---- those in which nothing is left ------------------------------------------------------- */

static void
on_released_drained(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	(void)r;
	(void)e; /* when it did not work, the next beat finds the slot lapsed and it is adopted
		    again */
	s->release.ticket = NULL;
}

static void
on_drained(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	struct slot *empty[SLOTS_MAX];
	int n = 0;
	s->release.ticket = NULL;
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

void
slot_release_dirty(struct slots *s, struct slot *slot)
{
	if (s->release.ticket)
		return; /* at the next beat */
	submit_release(s, &slot, 1, true, on_released_drained);
	LOG_INFO(SLOT_RELEASE, KV("slot", (int)slot->id));
	slot_forget(s, slot);
}

/* Memory says that they are quiet; the tables have the last word. */
static void
ask_drained(struct slots *s, const int16_t *ids, int n, struct wall low)
{
	struct arena *a = s->release.arena;
	struct pg_args args;
	struct pg_array array;
	arena_reset(a);
	pg_args_init(&args, a);
	pg_array_begin(&array, array_buf(a), PG_INT2);
	for (int i = 0; i < n; i++)
		pg_array_int2(&array, ids[i]);
	pg_array_end(&array, &args);
	pg_arg_time(&args, low);
	struct pg_call call = { &stmt_slot_drained, &args };
	s->release.ticket = pg_submit(s->load_pool, &call, 1, on_drained, s);
}

/* A slot whose few retries are far ahead has those of all others looked through for them: rarely.
 */
static void
ask_later(struct slot *slot, usec_t now)
{
	slot->ask_wait = slot->ask_wait ? slot->ask_wait * 2 : ASK_MIN;
	if (slot->ask_wait > ASK_MAX)
		slot->ask_wait = ASK_MAX;
	slot->ask_at = now + slot->ask_wait;
}

void
slot_release_drained(struct slots *s)
{
	int16_t ids[SLOTS_MAX];
	struct wall low = { INT64_MAX };
	usec_t now = loop_now(s->loop);
	int n = 0;
	for (int i = 0; i < s->n && !s->release.ticket; i++) {
		if (s->slot[i] == s->home || now < s->slot[i]->ask_at || !slot_quiet(s, s->slot[i]))
			continue;
		ask_later(s->slot[i], now);
		struct wall mark = slot_retry_low(s, s->slot[i]);
		if (mark.us < low.us)
			low = mark;
		ids[n++] = s->slot[i]->id;
	}
	if (n > 0)
		ask_drained(s, ids, n, low);
}

/* ---- all of them -------------------------------------------------------------------------- */

static void
on_released(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	(void)r;
	(void)e; /* the leases lapse by themselves */
	s->release.ticket = NULL;
	s->release.done(s->release.arg);
}

void
slot_release_all(struct slots *s, void (*done)(void *arg), void *arg)
{
	s->release.done = done;
	s->release.arg = arg;
	if (s->release.ticket)
		pg_cancel(s->release.ticket);
	for (int i = 0; i < s->n; i++)
		LOG_INFO(SLOT_RELEASE, KV("slot", (int)s->slot[i]->id));
	submit_release(s, s->slot, s->n, true, on_released);
}
