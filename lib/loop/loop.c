/* The event loop over libevent.
 *
 * A turn is: one event_base_loop(EVLOOP_ONCE), then the deferred calls that were scheduled up to
 * that point. libevent 2.1 has no hook between the wait and the callbacks, so the turn's clock is
 * read at its first use and kept until the turn ends; that is also when its work is taken to have
 * begun, unless the turn did not wait at all. */
#include "loop/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/decay.h"
#include "base/mem.h"
#include "base/metric.h"

TAILQ_HEAD(defer_list, defer);

struct signal_handler {
	struct event *ev;
	void (*fn)(int signum, void *arg);
	void *arg;
	struct signal_handler *next;
};

struct loop {
	struct event_base *base;
	struct defer_list deferred;
	struct signal_handler *signals;
	bool stopping;
	usec_t now;          /* 0: not read in this turn */
	struct wall wall;    /* us == 0: not read in this turn */
	usec_t ended;        /* the last turn, or when the loop was made */
	usec_t longest_turn; /* since loop_longest_turn */
	struct decay work;   /* microseconds of turns without their waits */
};

struct loop *
loop_new(void)
{
	struct loop *l = mem_zalloc(sizeof(*l));
	struct event_config *config = event_config_new();
	/* One thread: no locks. The change list saves an epoll_ctl for events that are deleted and
	 * added again in one turn; it is unsafe only for duplicated descriptors, which we have none
	 * of. Timers use CLOCK_MONOTONIC_COARSE unless asked otherwise; retries and deadlines want
	 * milliseconds, so the precise one. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	l->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!l->base)
		abort();
	TAILQ_INIT(&l->deferred);
	l->ended = clock_mono();
	l->work = (struct decay){ .at = l->ended, .span = LOOP_BUSY_SPAN };
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->signals) {
		struct signal_handler *h = l->signals;
		l->signals = h->next;
		event_free(h->ev);
		free(h);
	}
	event_base_free(l->base);
	free(l);
}

struct event_base *
loop_base(struct loop *l)
{
	return l->base;
}

/* Runs what was deferred before this call; what these calls defer waits for the next turn. A marker
 * ends the round rather than a second list, so that defer_cancel always finds its entry here. */
static void
run_deferred(struct loop *l)
{
	if (TAILQ_EMPTY(&l->deferred))
		return;
	struct defer end = { 0 };
	TAILQ_INSERT_TAIL(&l->deferred, &end, entry);
	struct defer *d;
	while ((d = TAILQ_FIRST(&l->deferred)) != &end) {
		TAILQ_REMOVE(&l->deferred, d, entry);
		d->pending = false;
		d->fn(d->arg);
	}
	TAILQ_REMOVE(&l->deferred, &end, entry);
}

static void
on_wait_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* The turn has ended: how long did it work, and how busy does that make the loop? */
static void
account(struct loop *l, bool waited)
{
	usec_t now = clock_mono();
	usec_t began = !waited ? l->ended : l->now ? l->now : now;
	l->ended = now;
	if (now - began > l->longest_turn)
		l->longest_turn = now - began;
	decay_add(&l->work, now, (double)(now - began));
	metric_set(METRIC_BUSY, (int64_t)(loop_busy(l) * 1e6));
	metric_set(METRIC_LOOP_TURNED, now);
}

void
loop_turn(struct loop *l, int wait_ms)
{
	bool poll = wait_ms == 0 || !TAILQ_EMPTY(&l->deferred);
	struct event *limit = NULL;
	if (!poll && wait_ms > 0) {
		struct timeval tv = { wait_ms / 1000, wait_ms % 1000 * 1000 };
		limit = evtimer_new(l->base, on_wait_over, NULL);
		evtimer_add(limit, &tv);
	}
	l->now = 0;
	l->wall.us = 0;
	/* ONCE also when polling: NONBLOCK alone goes on for as long as anything is ready, and busy
	 * sockets would keep the deferred calls waiting for ever. */
	event_base_loop(l->base, EVLOOP_ONCE | (poll ? EVLOOP_NONBLOCK : EVLOOP_NO_EXIT_ON_EMPTY));
	run_deferred(l);
	account(l, !poll);
	l->now = 0;
	l->wall.us = 0;
	if (limit)
		event_free(limit);
}

void
loop_run(struct loop *l)
{
	l->stopping = false;
	l->ended = clock_mono();
	while (!l->stopping)
		loop_turn(l, -1);
}

void
loop_stop(struct loop *l)
{
	l->stopping = true;
}

usec_t
loop_now(const struct loop *l)
{
	struct loop *cache = (struct loop *)(uintptr_t)l; /* the clock is a cache, not state */
	if (!cache->now)
		cache->now = clock_mono();
	return cache->now;
}

struct wall
loop_wall(const struct loop *l)
{
	struct loop *cache = (struct loop *)(uintptr_t)l;
	if (!cache->wall.us)
		cache->wall = clock_wall();
	return cache->wall;
}

usec_t
loop_longest_turn(struct loop *l)
{
	usec_t t = l->longest_turn;
	l->longest_turn = 0;
	return t;
}

double
loop_busy(const struct loop *l)
{
	double busy = l->work.sum / (double)LOOP_BUSY_SPAN;
	return busy < 1 ? busy : 1;
}

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
defer_schedule_first(struct defer *d)
{
	defer_cancel(d);
	d->pending = true;
	TAILQ_INSERT_HEAD(&d->loop->deferred, d, entry);
}

void
defer_cancel(struct defer *d)
{
	if (!d->pending)
		return;
	d->pending = false;
	TAILQ_REMOVE(&d->loop->deferred, d, entry);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct timer *t = arg;
	t->fn(t->arg);
}

void
timer_init(struct timer *t, struct loop *l, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){ .fn = fn, .arg = arg, .loop = l };
	t->ev = evtimer_new(l->base, on_timer, t);
	if (!t->ev)
		abort();
}

void
timer_set(struct timer *t, usec_t after)
{
	if (after < 0)
		after = 0;
	struct timeval tv = { (time_t)(after / USEC_PER_SEC), (suseconds_t)(after % USEC_PER_SEC) };
	evtimer_add(t->ev, &tv);
}

void
timer_stop(struct timer *t)
{
	evtimer_del(t->ev);
}

bool
timer_pending(const struct timer *t)
{
	return evtimer_pending(t->ev, NULL);
}

void
timer_done(struct timer *t)
{
	if (t->ev)
		event_free(t->ev);
	t->ev = NULL;
}

static void
on_signal(evutil_socket_t signum, short what, void *arg)
{
	(void)what;
	struct signal_handler *h = arg;
	h->fn((int)signum, h->arg);
}

void
loop_signal(struct loop *l, int signum, void (*fn)(int signum, void *arg), void *arg)
{
	struct signal_handler *h = mem_zalloc(sizeof(*h));
	h->fn = fn;
	h->arg = arg;
	h->ev = evsignal_new(l->base, signum, on_signal, h);
	if (!h->ev || evsignal_add(h->ev, NULL))
		abort();
	h->next = l->signals;
	l->signals = h;
}
