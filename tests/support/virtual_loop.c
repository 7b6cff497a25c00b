/* The loop in virtual time: a heap of timers, a list of deferred calls. */
#include "virtual_loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

/* What stands behind timer.ev. */
struct event {
	struct timer *timer;
	usec_t due;
	int64_t order;
	int at; /* in the heap; -1: not set */
};

struct loop {
	usec_t now;
	int64_t order;
	struct event **heap; /* owned; the earliest first */
	int n, room;
	TAILQ_HEAD(, defer) deferred;
	struct defer end; /* of those that were deferred before a turn began */
};

struct loop *
loop_new(void)
{
	struct loop *l = mem_zalloc(sizeof(*l));
	l->now = USEC_PER_SEC;
	TAILQ_INIT(&l->deferred);
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(l->n == 0);
	free(l->heap);
	free(l);
}

usec_t
loop_now(const struct loop *l)
{
	return l->now;
}

struct wall
loop_wall(const struct loop *l)
{
	return (struct wall){ l->now };
}

/* ---- the heap ----------------------------------------------------------------------------- */

static bool
before(const struct event *a, const struct event *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void
put(struct loop *l, int at, struct event *ev)
{
	l->heap[at] = ev;
	ev->at = at;
}

static void
sift(struct loop *l, struct event *ev)
{
	int at = ev->at, child;
	while (at > 0 && before(ev, l->heap[(at - 1) / 2])) {
		put(l, at, l->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	while ((child = 2 * at + 1) < l->n) {
		if (child + 1 < l->n && before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!before(l->heap[child], ev))
			break;
		put(l, at, l->heap[child]);
		at = child;
	}
	put(l, at, ev);
}

static void
heap_remove(struct loop *l, struct event *ev)
{
	int at = ev->at;
	if (at < 0)
		return;
	ev->at = -1;
	struct event *last = l->heap[--l->n];
	if (last == ev)
		return;
	put(l, at, last);
	sift(l, last);
}

/* ---- timers ------------------------------------------------------------------------------- */

void
timer_init(struct timer *t, struct loop *l, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){ .fn = fn, .arg = arg, .loop = l };
	t->ev = mem_zalloc(sizeof(*t->ev));
	t->ev->timer = t;
	t->ev->at = -1;
}

void
timer_set(struct timer *t, usec_t after)
{
	struct loop *l = t->loop;
	heap_remove(l, t->ev);
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		l->heap = mem_realloc(l->heap, (size_t)l->room * sizeof(*l->heap));
	}
	t->ev->due = l->now + (after > 0 ? after : 0);
	t->ev->order = l->order++;
	put(l, l->n++, t->ev);
	sift(l, t->ev);
}

void
timer_stop(struct timer *t)
{
	heap_remove(t->loop, t->ev);
}

bool
timer_pending(const struct timer *t)
{
	return t->ev->at >= 0;
}

void
timer_done(struct timer *t)
{
	if (!t->ev)
		return;
	heap_remove(t->loop, t->ev);
	free(t->ev);
	t->ev = NULL;
}

/* ---- deferred calls ----------------------------------------------------------------------- */

void
defer_init(struct defer *d, struct loop *l, void (*fn)(void *arg), void *arg)
{
	*d = (struct defer){ .fn = fn, .arg = arg, .loop = l };
}

void
defer_schedule(struct defer *d)
{
	if (d->pending)
		return;
	d->pending = true;
	TAILQ_INSERT_TAIL(&d->loop->deferred, d, entry);
}

void
defer_cancel(struct defer *d)
{
	if (!d->pending)
		return;
	d->pending = false;
	TAILQ_REMOVE(&d->loop->deferred, d, entry);
}

/* ---- turns -------------------------------------------------------------------------------- */

/* All timers that are due, then what was deferred before. */
static void
turn(struct loop *l)
{
	usec_t now = l->now;
	struct defer *d;
	while (l->n > 0 && l->heap[0]->due <= now) {
		struct timer *t = l->heap[0]->timer;
		heap_remove(l, t->ev);
		t->fn(t->arg);
	}
	TAILQ_INSERT_TAIL(&l->deferred, &l->end, entry);
	while ((d = TAILQ_FIRST(&l->deferred)) != &l->end) {
		TAILQ_REMOVE(&l->deferred, d, entry);
		d->pending = false;
		d->fn(d->arg);
	}
	TAILQ_REMOVE(&l->deferred, &l->end, entry);
}

void
virtual_run(struct loop *l, usec_t until)
{
	for (;;) {
		if (TAILQ_EMPTY(&l->deferred)) {
			usec_t next = l->n > 0 ? l->heap[0]->due : until;
			if (next > l->now)
				l->now = next < until ? next : until;
		}
		if (l->now >= until)
			return;
		turn(l);
	}
}

void
virtual_spend(struct loop *l, usec_t time)
{
	l->now += time;
}
