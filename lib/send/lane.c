/* Lanes: what waits for an endpoint. */
#include "send/lane.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#include "send/lane-internal.h"

#define IDLE_MAX   4096                     /* lanes kept prepared without any delivery */
#define REST_MAX   (15 * 60 * USEC_PER_SEC) /* … and how long: as the catalogue's applications */
#define LOOK_AFTER (60 * USEC_PER_SEC)
#define LOOK_MAX   1000 /* lanes of one look, so that no turn takes long */

/* ---- a lane ------------------------------------------------------------------------------- */

bool
lane_parks(const struct lane *lane)
{
	return lane->parks;
}

void
lane_weigh(struct lane *lane)
{
	const struct cat_endpoint *endpoint = lane->route ? lane->route->endpoint : NULL;
	lane->ends = !endpoint || endpoint->disabled;
	lane->parks = endpoint && hold_parks(endpoint->hold);
	lane->paused = endpoint && endpoint->hold == HOLD_PAUSED;
}

struct route *
lane_route(const struct lane *lane)
{
	return lane->route;
}

struct delivery_list *
lane_pick(struct lane *lane)
{
	struct delivery_list *fresh = TAILQ_EMPTY(&lane->queue) ? NULL : &lane->queue;
	struct delivery_list *back = TAILQ_EMPTY(&lane->back) ? NULL : &lane->back;
	if (fresh && lane_passes(lane))
		return fresh;
	if (lane->gate != LANE_GO)
		fresh = NULL;
	return back && (lane->back_turn || !fresh) ? back : fresh;
}

static void
lane_free(struct lane *lane)
{
	struct lanes *ls = lane->group->lanes;
	assert(lane->state == LANE_EMPTY && lane->in_flight == 0);
	if (lane->idle) {
		TAILQ_REMOVE(&ls->idle, lane, rest);
		ls->nidle--;
	}
	metric_add(METRIC_LANES_QUIET, -(lane->quiet_until > 0));
	metric_add(METRIC_LANES_SILENT, -lane->silent);
	timer_done(&lane->quiet);
	rate_done_lane(lane);
	HASH_DEL(ls->by_endpoint, lane);
	TAILQ_REMOVE(&lane->group->members, lane, member);
	route_unref(lane->route);
	free(lane);
}

/* Lanes that have rested longest make room. Only before a new one is made, so that no change of a
 * lane frees another one. */
static void
trim_idle(struct lanes *ls)
{
	while (ls->nidle > IDLE_MAX) {
		struct lane *oldest = TAILQ_FIRST(&ls->idle);
		struct group *g = oldest->group;
		lane_free(oldest);
		group_free_if_empty(g);
	}
}

/* What a lane must not forget: failures, for a few of them far apart are the breaker's business
 * too; what the receiver asked for; a decision that is being stored. */
static bool
remembers(const struct lane *lane)
{
	return lane->route &&
	       (lane->breaker.failures > 0 || lane->quiet_until > 0 || lane->gate != LANE_GO);
}

/* Lanes that have rested for long go, with what they hold: a route, its keys' states, a snapshot of
 * the application. */
static void
on_look(void *arg)
{
	struct lanes *ls = arg;
	usec_t before = loop_now(ls->loop) - REST_MAX;
	for (int i = 0; i < LOOK_MAX; i++) {
		struct lane *oldest = TAILQ_FIRST(&ls->idle);
		if (!oldest || oldest->rests_from > before)
			break;
		struct group *g = oldest->group;
		if (remembers(oldest)) {
			TAILQ_REMOVE(&ls->idle, oldest, rest);
			lane_rests(oldest);
		} else {
			lane_free(oldest);
			group_free_if_empty(g);
		}
	}
	if (!TAILQ_EMPTY(&ls->idle))
		timer_set(&ls->look, LOOK_AFTER);
}

void
lane_rests(struct lane *lane)
{
	struct lanes *ls = lane->group->lanes;
	lane->rests_from = loop_now(ls->loop);
	TAILQ_INSERT_TAIL(&ls->idle, lane, rest);
	if (!timer_pending(&ls->look))
		timer_set(&ls->look, LOOK_AFTER);
}

static struct lane *
lane_get(struct lanes *ls, int64_t app_id, int64_t endpoint_id)
{
	struct lane *lane;
	HASH_FIND(hh, ls->by_endpoint, &endpoint_id, sizeof(endpoint_id), lane);
	if (lane)
		return lane;
	trim_idle(ls);
	lane = mem_zalloc(sizeof(*lane));
	lane->endpoint_id = endpoint_id;
	lane->group = group_get(ls, app_id);
	lane->idle = true;
	lane->class = CLASS_SLOW; /* until it answers */
	lane->cap = ls->window_max;
	window_init(&lane->window);
	TAILQ_INIT(&lane->queue);
	TAILQ_INIT(&lane->back);
	TAILQ_INSERT_TAIL(&lane->group->members, lane, member);
	lane_rests(lane);
	ls->nidle++;
	HASH_ADD(hh, ls->by_endpoint, endpoint_id, sizeof(lane->endpoint_id), lane);
	if (lane->group->app)
		lane_prepare(lane);
	return lane;
}

/* ---- its queues --------------------------------------------------------------------------- */

void
lane_count(struct lane *lane, struct delivery *d, int n)
{
	struct lanes *ls = lane->group->lanes;
	lane->queued += n;
	ls->queued += n;
	metric_set(METRIC_QUEUED, ls->queued);
	if (n > 0) {
		/* A stub's payload may be read for another delivery while this one waits. */
		d->queued_bytes = (int64_t)d->message->payload.n;
		lane->queued_bytes += d->queued_bytes;
	} else {
		lane->queued_bytes -= d->queued_bytes;
	}
}

bool
lanes_add(struct lanes *ls, struct delivery *d)
{
	struct lane *lane = lane_get(ls, d->message->app_id, d->endpoint_id);
	if (!d->parked && share_is_over(lane))
		return false;
	d->lane = lane;
	d->due = loop_now(ls->loop);
	TAILQ_INSERT_TAIL(d->parked ? &lane->back : &lane->queue, d, entry);
	lane_count(lane, d, 1);
	lane_judge(lane);
	return true;
}

void
lanes_gate(struct lanes *ls, int64_t endpoint_id, enum lane_gate gate)
{
	struct lane *lane;
	HASH_FIND(hh, ls->by_endpoint, &endpoint_id, sizeof(endpoint_id), lane);
	if (!lane)
		return;
	if (gate == LANE_GO)
		breaker_reset(&lane->breaker);
	lane->gate = gate;
	lane_weigh(lane);
	lane_judge(lane);
	ls->wake(ls->arg);
}

static void
queue_drop(struct lane *lane, struct delivery_list *queue, int slot)
{
	struct delivery *d, *next;
	TAILQ_FOREACH_SAFE(d, queue, entry, next) {
		if (slot >= 0 && d->slot != slot)
			continue;
		TAILQ_REMOVE(queue, d, entry);
		lane_count(lane, d, -1);
		delivery_free(d);
	}
}

static void
lane_drop(struct lane *lane, int slot)
{
	queue_drop(lane, &lane->queue, slot);
	queue_drop(lane, &lane->back, slot);
	lane_judge(lane);
}

void
lanes_drop(struct lanes *ls, int slot)
{
	struct lane *lane, *next;
	HASH_ITER(hh, ls->by_endpoint, lane, next)
		lane_drop(lane, slot);
}

void
lanes_set_aside(struct lanes *ls)
{
	struct lane *lane, *next;
	ls->aside = 0;
	HASH_ITER(hh, ls->by_endpoint, lane, next) {
		if (lane->in_flight == 0)
			continue;
		lane->aside = true;
		ls->aside += lane->in_flight;
		lane_judge(lane);
	}
}

int
lanes_stuck(const struct lanes *ls)
{
	return ls->aside;
}

/* ---- questions ---------------------------------------------------------------------------- */

int
lanes_kept(const struct lanes *ls)
{
	return (int)HASH_COUNT(ls->by_endpoint);
}

int
lanes_queued(const struct lanes *ls)
{
	return ls->queued;
}

int
lanes_ready(const struct lanes *ls)
{
	return ls->sum.ready;
}

int
lanes_brisk(const struct lanes *ls)
{
	return ls->sum.brisk;
}

int
lanes_slot_queued(const struct lanes *ls, int slot)
{
	const struct lane *lane, *next;
	int n = 0;
	HASH_ITER(hh, ls->by_endpoint, lane, next) {
		const struct delivery *d;
		TAILQ_FOREACH(d, &lane->queue, entry)
			n += d->slot == slot;
		TAILQ_FOREACH(d, &lane->back, entry)
			n += d->slot == slot;
	}
	return n;
}

bool
lanes_slot_busy(const struct lanes *ls, int slot)
{
	const struct lane *lane, *next;
	HASH_ITER(hh, ls->by_endpoint, lane, next) {
		const struct delivery *d;
		TAILQ_FOREACH(d, &lane->queue, entry)
			if (d->slot == slot)
				return true;
		TAILQ_FOREACH(d, &lane->back, entry)
			if (d->slot == slot)
				return true;
	}
	return false;
}

static void
find_oldest(const struct lane *lane, usec_t *oldest)
{
	if (lane->limit || lane->group->limit)
		return; /* it could not have started when it came */
	const struct delivery *first = TAILQ_FIRST(&lane->queue);
	if (!first)
		first = TAILQ_FIRST(&lane->back);
	if (*oldest == 0 || first->due < *oldest)
		*oldest = first->due;
}

usec_t
lanes_oldest(const struct lanes *ls)
{
	const struct group *g;
	const struct lane *lane;
	usec_t oldest = 0;
	TAILQ_FOREACH(g, &ls->ring, ring)
		TAILQ_FOREACH(lane, &g->turns, turn)
			find_oldest(lane, &oldest);
	for (int i = 0; i < ROOMS; i++)
		TAILQ_FOREACH(lane, &ls->pool[CLASS_SOUND].blocked[i], turn)
			find_oldest(lane, &oldest);
	return oldest;
}

/* ---- all of them -------------------------------------------------------------------------- */

struct lanes *
lanes_new(struct loop *l, const struct config *c, struct catalogue *cat, struct throttle *throttle,
    void (*wake)(void *arg), void *arg)
{
	struct lanes *ls = mem_zalloc(sizeof(*ls));
	ls->loop = l;
	ls->cat = cat;
	ls->throttle = throttle;
	ls->window_max =
	    (int)(c->endpoint_in_flight_max < c->in_flight_max ? c->endpoint_in_flight_max
							       : c->in_flight_max);
	ls->breaker_failures = (int)c->breaker_failures;
	ls->in_flight_max = (int)c->in_flight_max;
	ls->lane_max = (int)c->lane_max;
	ls->queue_max = (int)c->queue_max;
	ls->bytes_max = c->queue_bytes_max;
	ls->wake = wake;
	ls->arg = arg;
	TAILQ_INIT(&ls->ring);
	TAILQ_INIT(&ls->idle);
	timer_init(&ls->look, l, on_look, ls);
	share_init(ls);
	flights_init(ls);
	return ls;
}

void
lanes_free(struct lanes *ls)
{
	if (!ls)
		return;
	struct lane *lane, *next;
	HASH_ITER(hh, ls->by_endpoint, lane, next)
		lane_drop(lane, -1);
	HASH_ITER(hh, ls->by_endpoint, lane, next) {
		struct group *g = lane->group;
		lane->in_flight = 0; /* the exchanges were aborted before */
		lane_free(lane);
		group_free_if_empty(g);
	}
	timer_done(&ls->look);
	flights_done(ls);
	free(ls);
}
