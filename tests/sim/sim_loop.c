/* loop/loop.h on the agenda: each worker has a loop; a turn is one happening or more of one
 * instant, then the deferred calls, as in loop/loop.c. Within a turn the clocks stand. Also
 * base/clock.h's clocks and base/metric.h's row, which belong to the worker whose turn it is. */
#include "sim_loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

#include "dice.h"
#include "trace.h"

TAILQ_HEAD(defer_list, defer);

/* What loop.h calls struct event: its timer's happening. */
struct event {
	struct happening h;
};

struct loop {
	const char *name;
	struct defer_list deferred;
	struct happening again; /* a turn for what is still deferred */
	usec_t frozen_until;
	usec_t skew;
	double busy;
	int hiccups;
	usec_t hiccup_longest;
	int timers;
	int64_t metric[METRIC_COUNT];
};

int64_t sim_wall_zero = INT64_C(1790000000000000);

static struct loop *current;

struct loop *
sim_loop_current(void)
{
	return current;
}

const char *
sim_loop_name(void)
{
	return current ? current->name : "";
}

void
sim_loop_enter(struct loop *l)
{
	current = l;
}

void
sim_loop_set_name(struct loop *l, const char *name)
{
	l->name = name;
}

int64_t *
sim_loop_metrics(struct loop *l)
{
	return l->metric;
}

static void
nothing(void *arg)
{
	(void)arg;
}

struct loop *
loop_new(void)
{
	struct loop *l = mem_zalloc(sizeof(*l));
	l->name = "";
	l->again = (struct happening){ .fn = nothing, .loop = l };
	TAILQ_INIT(&l->deferred);
	return l;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->timers)
		violation("%d timers are left", l->timers);
	if (!TAILQ_EMPTY(&l->deferred))
		violation("a deferred call is left");
	agenda_remove(&l->again);
	if (current == l)
		current = NULL;
	free(l);
}

/* ---- turns -------------------------------------------------------------------------------- */

static void
run_deferred(struct loop *l)
{
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

void
sim_loop_turn(struct loop *l, struct happening *h)
{
	if (l->frozen_until > agenda_now()) {
		agenda_put(h, l->frozen_until);
		return;
	}
	sim_loop_call(l, h->fn, h->arg);
}

void
sim_loop_call(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct happening *h;
	current = l;
	fn(arg);
	while (dice_chance(500) && (h = agenda_due(l)))
		h->fn(h->arg);
	run_deferred(l);
	if (!TAILQ_EMPTY(&l->deferred) && !l->again.place)
		agenda_put(&l->again, agenda_now() + 1); /* time goes on whatever they do */
	if (dice_chance(l->hiccups))
		l->frozen_until = agenda_now() + dice_skewed(1, l->hiccup_longest);
	current = NULL;
}

void
sim_loop_freeze(struct loop *l, usec_t until)
{
	if (until > l->frozen_until)
		l->frozen_until = until;
}

usec_t
sim_loop_frozen(const struct loop *l)
{
	return l->frozen_until > agenda_now() ? l->frozen_until : 0;
}

void
sim_loop_set_skew(struct loop *l, usec_t skew)
{
	l->skew = skew;
}

void
sim_loop_set_busy(struct loop *l, double busy)
{
	l->busy = busy;
}

void
sim_loop_set_hiccups(struct loop *l, int per_mille, usec_t longest)
{
	l->hiccups = per_mille;
	l->hiccup_longest = longest;
}

/* ---- clocks ------------------------------------------------------------------------------- */

struct wall
sim_wall(void)
{
	return (struct wall){ sim_wall_zero + agenda_now() };
}

usec_t __wrap_clock_mono(void);
struct wall __wrap_clock_wall(void);

usec_t
__wrap_clock_mono(void)
{
	return agenda_now();
}

struct wall
__wrap_clock_wall(void)
{
	struct wall t = sim_wall();
	t.us += current ? current->skew : 0;
	return t;
}

usec_t
loop_now(const struct loop *l)
{
	(void)l;
	return agenda_now();
}

struct wall
loop_wall(const struct loop *l)
{
	return (struct wall){ sim_wall_zero + agenda_now() + l->skew };
}

double
loop_busy(const struct loop *l)
{
	return l->busy;
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
	if (d->loop != current && !d->loop->again.place)
		agenda_put(&d->loop->again, agenda_now());
}

void
defer_cancel(struct defer *d)
{
	if (!d->pending)
		return;
	d->pending = false;
	TAILQ_REMOVE(&d->loop->deferred, d, entry);
}

/* ---- timers ------------------------------------------------------------------------------- */

void
timer_init(struct timer *t, struct loop *l, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){ .fn = fn, .arg = arg, .loop = l };
	t->ev = mem_zalloc(sizeof(*t->ev));
	t->ev->h = (struct happening){ .fn = fn, .arg = arg, .loop = l };
	l->timers++;
}

void
timer_set(struct timer *t, usec_t after)
{
	agenda_put(&t->ev->h, agenda_now() + (after > 0 ? after : 0));
}

void
timer_stop(struct timer *t)
{
	agenda_remove(&t->ev->h);
}

bool
timer_pending(const struct timer *t)
{
	return t->ev->h.place != 0;
}

void
timer_done(struct timer *t)
{
	if (!t->ev)
		return;
	agenda_remove(&t->ev->h);
	t->loop->timers--;
	free(t->ev);
	t->ev = NULL;
}

/* ---- metrics ------------------------------------------------------------------------------ */

void __wrap_metric_add(enum metric m, int64_t n);
void __wrap_metric_set(enum metric m, int64_t v);
int64_t __wrap_metric_own(enum metric m);
void __wrap_metric_observe(enum metric_histogram h, int64_t usec);

void
__wrap_metric_add(enum metric m, int64_t n)
{
	if (current)
		current->metric[m] += n;
}

void
__wrap_metric_set(enum metric m, int64_t v)
{
	if (current)
		current->metric[m] = v;
}

int64_t
__wrap_metric_own(enum metric m)
{
	return current ? current->metric[m] : 0;
}

void
__wrap_metric_observe(enum metric_histogram h, int64_t usec)
{
	(void)h;
	(void)usec;
}
