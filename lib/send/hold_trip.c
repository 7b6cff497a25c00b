/* Breakers that have tripped here. The endpoint's lane waits until its hold is stored and the
 * catalogue tells of it; from then on the catalogue parks, here as everywhere.
 *
 * Each ends: with the catalogue's news, or when the row cannot be written (the lane then goes on,
 * and trips again). */
#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

#include "send/hold-internal.h"

static struct trip *
trip_find(const struct holds *hs, int64_t endpoint_id)
{
	struct trip *t;
	HASH_FIND(hh, hs->trips, &endpoint_id, sizeof(endpoint_id), t);
	return t;
}

static void
trip_free(struct trip *t)
{
	if (t->ticket)
		pg_cancel(t->ticket);
	TAILQ_REMOVE(&t->app->trips, t, of_app);
	holds_app_trim(t->app);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the table */
	HASH_DEL(t->all->trips, t);
	arena_free(t->arena);
	free(t);
}

static void
trip_over(struct trip *t)
{
	struct holds *hs = t->all;
	int64_t endpoint_id = t->endpoint_id;
	trip_free(t);
	hs->ev.gate(hs->ev.arg, endpoint_id, LANE_GO);
}

void
trips_update(struct holds_app *x, const struct cat_app *app)
{
	struct trip *t, *next;
	TAILQ_FOREACH_SAFE(t, &x->trips, of_app, next)
		if (t->version && t->version <= app->version)
			trip_over(t);
}

bool
trips_again(struct holds *hs)
{
	const struct trip *t, *next;
	HASH_ITER(hh, hs->trips, t, next)
		if (t->version)
			holds_app_ask(t->app);
	return hs->trips;
}

void
trip_stored(struct holds *hs, int64_t endpoint_id, int64_t version)
{
	struct trip *t = trip_find(hs, endpoint_id);
	if (!t)
		return;
	t->version = version;
	holds_app_ask(t->app);
}

static void
on_opened(void *arg, const struct pg_result *r, const struct err *e)
{
	struct trip *t = arg;
	struct holds *hs = t->all;
	t->ticket = NULL;
	if (e || pg_rows(r->res[1]) == 0) {
		trip_over(t); /* not stored, or open or paused already: the catalogue will tell */
		return;
	}
	int64_t version = pg_int(r->res[1], 0, 0);
	metric_add(METRIC_BREAKER_TRIPS, !t->overflow);
	holds_news(hs, t->app_id, t->endpoint_id, version, t->slot, t->epoch);
	struct hold *h = hold_find(hs, t->endpoint_id);
	if (h)
		h->overflow = t->overflow;
	trip_stored(hs, t->endpoint_id, version);
}

/* The hold is kept here: it opens by itself, and is written by its step. */
static void
trip_kept(struct hold *h, usec_t failing_for)
{
	if (!h->failing_since)
		h->failing_since = loop_now(h->all->loop) - failing_for;
	metric_add(METRIC_BREAKER_TRIPS, 1);
	hold_set_state(h, HOLD_OPEN);
	hold_wake(h);
}

static struct trip *
trip_new(struct holds *hs, int64_t app_id, int64_t endpoint_id, int slot, int64_t epoch)
{
	struct trip *t = mem_zalloc(sizeof(*t));
	t->all = hs;
	t->app_id = app_id;
	t->endpoint_id = endpoint_id;
	t->slot = slot;
	t->epoch = epoch;
	t->app = holds_app_get(hs, app_id);
	TAILQ_INSERT_TAIL(&t->app->trips, t, of_app);
	HASH_ADD(hh, hs->trips, endpoint_id, sizeof(t->endpoint_id), t);
	holds_tick_soon(hs);
	return t;
}

void
holds_overflow(struct holds *hs, int64_t app_id, int64_t endpoint_id, int slot, int64_t epoch)
{
	struct hold *h = hold_find(hs, endpoint_id);
	if (trip_find(hs, endpoint_id) || hs->stopped || (h && h->state != HOLD_CLOSED))
		return;
	if (h) {
		hold_set_state(h, HOLD_DRAINING);
		h->overflow = true;
		hold_wake(h);
		return;
	}
	struct trip *t = trip_new(hs, app_id, endpoint_id, slot, epoch);
	t->overflow = true;
	t->arena = arena_new();
	hold_overflow(t, on_opened);
}

void
holds_trip(struct holds *hs, int64_t app_id, int64_t endpoint_id, int slot, int64_t epoch,
    usec_t failing_for)
{
	struct hold *h = hold_find(hs, endpoint_id);
	if (trip_find(hs, endpoint_id) || hs->stopped || (h && hold_parks(h->state)))
		return;
	struct trip *t = trip_new(hs, app_id, endpoint_id, slot, epoch);
	hs->ev.gate(hs->ev.arg, endpoint_id, LANE_WAIT);
	if (h) {
		trip_kept(h, failing_for);
		return;
	}
	t->arena = arena_new();
	hold_trip(t, failing_for, hs->config->probe_min * USEC_PER_MS, on_opened);
}

void
trips_drop(struct holds *hs, int slot)
{
	struct trip *t, *next;
	HASH_ITER(hh, hs->trips, t, next)
		if (t->slot == slot)
			trip_over(t);
}

void
trips_free(struct holds *hs)
{
	struct trip *t, *next;
	HASH_ITER(hh, hs->trips, t, next)
		trip_free(t);
}
