/* Lanes and turns.
 *
 * Invariants: a lane is active iff it has a delivery waiting and may start it; a group
 * (application) is in the ring iff one of its lanes is active; `ready` is the number of deliveries
 * waiting in active lanes, `brisk` the number of those that wait behind a full window of an
 * endpoint which answers at once. lane_judge restores all of it after any change. */
#include "send/lane.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "base/metric.h"

#define IDLE_MAX         4096 /* lanes kept prepared without any delivery */
#define BREAKER_FAILURES 20
#define AGAIN            (500 * USEC_PER_MS) /* after an application could not be read */

/* An endpoint answers at once when it took at most so long on average, and did so just now. */
#define BRISK_TIME (50 * USEC_PER_MS)
#define BRISK_LAST USEC_PER_SEC
#define PACE_SHARE 8 /* the newest time counts one eighth */

TAILQ_HEAD(lane_list, lane);
TAILQ_HEAD(group_list, group);

struct lane {
	int64_t endpoint_id; /* key */
	struct group *group;
	struct route *route;        /* NULL: unknown (group->app NULL) or gone */
	struct delivery_list queue; /* new ones */
	struct delivery_list back;  /* those that were parked */
	bool back_turn;             /* of two that wait, the parked one is next */
	enum lane_gate gate;
	int failures; /* in a row */
	usec_t failing_since;
	int queued;
	int64_t queued_bytes;
	int in_flight;
	usec_t pace,
	    left_at;      /* how long one is in flight, on average; when the last one was through */
	int ready, brisk; /* its parts of what lanes counts */
	bool active, idle;
	bool stuck;               /* set aside (lanes_set_aside) */
	TAILQ_ENTRY(lane) turn;   /* in group->turns, while active */
	TAILQ_ENTRY(lane) member; /* in group->members */
	TAILQ_ENTRY(lane) rest;   /* in lanes->idle, while idle */
	UT_hash_handle hh;
};

/* The lanes of one application. */
struct group {
	struct lanes *lanes;
	int64_t app_id;            /* key */
	const struct cat_app *app; /* one reference; NULL while it is not known */
	bool loading;
	struct timer again;
	struct lane_list members, turns;
	bool in_ring;
	TAILQ_ENTRY(group) ring;
	UT_hash_handle hh;
};

struct lanes {
	struct loop *loop;
	struct catalogue *cat;
	int window; /* the server's */
	int lane_max, queue_max;
	int64_t bytes_max;
	void (*wake)(void *arg);
	void *arg;
	struct lane *by_endpoint;
	struct group *by_app;
	struct group_list ring;
	struct lane_list idle;
	int nidle;
	int queued, ready, brisk;
	int stuck; /* in flight in lanes that were set aside */
};

static int
lane_window(const struct lane *lane)
{
	const struct lanes *ls = lane->group->lanes;
	int own = lane->route ? lane->route->endpoint->max_in_flight : 0;
	return own > 0 && own < ls->window ? own : ls->window;
}

bool
lane_parks(const struct lane *lane)
{
	return lane->gate == LANE_PARK || (lane->route && hold_parks(lane->route->endpoint->hold));
}

/* The queue whose first delivery may start, or NULL. Without a route, or with a disabled endpoint,
 * a delivery ends at once: no window applies. */
static struct delivery_list *
lane_pick(struct lane *lane)
{
	if (!lane->group->app)
		return NULL;
	struct delivery_list *fresh = TAILQ_EMPTY(&lane->queue) ? NULL : &lane->queue;
	struct delivery_list *back = TAILQ_EMPTY(&lane->back) ? NULL : &lane->back;
	bool ends = !lane->route || lane->route->endpoint->disabled;
	if (fresh && (ends || lane_parks(lane)))
		return fresh;
	if (!ends && (lane->stuck || lane->in_flight >= lane_window(lane)))
		return NULL;
	if (lane->gate != LANE_GO)
		fresh = NULL;
	return back && (lane->back_turn || !fresh) ? back : fresh;
}

static bool
may_start(struct lane *lane)
{
	return lane_pick(lane) != NULL;
}

static void
lane_free(struct lane *lane)
{
	struct lanes *ls = lane->group->lanes;
	assert(!lane->active && lane->in_flight == 0 && TAILQ_EMPTY(&lane->queue) &&
	       TAILQ_EMPTY(&lane->back));
	if (lane->idle) {
		TAILQ_REMOVE(&ls->idle, lane, rest);
		ls->nidle--;
	}
	HASH_DEL(ls->by_endpoint, lane);
	TAILQ_REMOVE(&lane->group->members, lane, member);
	route_unref(lane->route);
	free(lane);
}

static void
group_free_if_empty(struct group *g)
{
	if (!TAILQ_EMPTY(&g->members) || g->loading)
		return;
	assert(!g->in_ring);
	HASH_DEL(g->lanes->by_app, g);
	cat_app_unref(g->app);
	timer_done(&g->again);
	free(g);
}

static void
lane_rest(struct lane *lane)
{
	struct lanes *ls = lane->group->lanes;
	bool idle = lane->queued == 0 && lane->in_flight == 0;
	if (idle == lane->idle)
		return;
	lane->idle = idle;
	metric_add(METRIC_LANES, idle ? -1 : 1);
	if (!idle) {
		TAILQ_REMOVE(&ls->idle, lane, rest);
		ls->nidle--;
		return;
	}
	TAILQ_INSERT_TAIL(&ls->idle, lane, rest);
	ls->nidle++;
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

static bool
is_brisk(const struct lane *lane)
{
	return lane->pace <= BRISK_TIME &&
	       lane->left_at + BRISK_LAST > loop_now(lane->group->lanes->loop);
}

static void
lane_count(struct lane *lane, int ready, int brisk)
{
	struct lanes *ls = lane->group->lanes;
	ls->ready += ready - lane->ready;
	ls->brisk += brisk - lane->brisk;
	lane->ready = ready;
	lane->brisk = brisk;
}

/* Restores the invariants after the lane changed. */
static void
lane_judge(struct lane *lane)
{
	struct group *g = lane->group;
	struct lanes *ls = g->lanes;
	bool active = lane->queued > 0 && may_start(lane);
	bool waits = lane->queued > 0 && !active;
	lane_count(lane, active ? lane->queued : 0, waits && is_brisk(lane) ? lane->queued : 0);
	if (active && !lane->active)
		TAILQ_INSERT_TAIL(&g->turns, lane, turn);
	else if (!active && lane->active)
		TAILQ_REMOVE(&g->turns, lane, turn);
	lane->active = active;
	bool in_ring = !TAILQ_EMPTY(&g->turns);
	if (in_ring && !g->in_ring)
		TAILQ_INSERT_TAIL(&ls->ring, g, ring);
	else if (!in_ring && g->in_ring)
		TAILQ_REMOVE(&ls->ring, g, ring);
	g->in_ring = in_ring;
	metric_set(METRIC_QUEUED, ls->queued);
	lane_rest(lane);
}

/* ---- the catalogue ------------------------------------------------------------------------ */

static void
lane_prepare(struct lane *lane)
{
	const struct cat_app *app = lane->group->app;
	const struct cat_endpoint *endpoint = cat_endpoint_get(app, lane->endpoint_id);
	struct route *old = lane->route;
	lane->route = endpoint ? route_new(app, endpoint) : NULL;
	route_unref(old);
}

static void
group_update(struct group *g, const struct cat_app *app)
{
	const struct cat_app *old = g->app;
	struct lane *lane, *next;
	g->app = cat_app_ref(app);
	cat_app_unref(old);
	TAILQ_FOREACH_SAFE(lane, &g->members, member, next) {
		lane_prepare(lane);
		lane_judge(lane);
	}
	g->lanes->wake(g->lanes->arg);
}

static void
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	struct group *g = arg;
	g->loading = false;
	if (app) {
		if (g->app != app)
			group_update(g, app);
	} else {
		/* Applications are never removed from the table, so "not found" is trouble as well.
		 */
		(void)e;
		timer_set(&g->again, AGAIN);
	}
	group_free_if_empty(g);
}

static void
group_load(struct group *g)
{
	g->loading = true;
	catalogue_load_id(g->lanes->cat, g->app_id, on_app, g);
}

static void
on_again(void *arg)
{
	group_load(arg);
}

void
lanes_update(struct lanes *ls, const struct cat_app *app)
{
	struct group *g;
	HASH_FIND(hh, ls->by_app, &app->id, sizeof(app->id), g);
	if (g && g->app != app)
		group_update(g, app);
}

static struct group *
group_get(struct lanes *ls, int64_t app_id)
{
	struct group *g;
	HASH_FIND(hh, ls->by_app, &app_id, sizeof(app_id), g);
	if (g)
		return g;
	g = mem_zalloc(sizeof(*g));
	g->lanes = ls;
	g->app_id = app_id;
	TAILQ_INIT(&g->members);
	TAILQ_INIT(&g->turns);
	timer_init(&g->again, ls->loop, on_again, g);
	HASH_ADD(hh, ls->by_app, app_id, sizeof(g->app_id), g);
	const struct cat_app *app = catalogue_find_id(ls->cat, app_id);
	if (app)
		g->app = cat_app_ref(app);
	else
		group_load(g);
	return g;
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
	TAILQ_INIT(&lane->queue);
	TAILQ_INIT(&lane->back);
	TAILQ_INSERT_TAIL(&lane->group->members, lane, member);
	TAILQ_INSERT_TAIL(&ls->idle, lane, rest);
	ls->nidle++;
	HASH_ADD(hh, ls->by_endpoint, endpoint_id, sizeof(lane->endpoint_id), lane);
	if (lane->group->app)
		lane_prepare(lane);
	return lane;
}

/* ---- queueing ----------------------------------------------------------------------------- */

static bool
over_share(const struct lanes *ls, const struct lane *lane)
{
	if (lane->active || lane->queued == 0)
		return false; /* it waits for us, not for its endpoint */
	/* All payloads in memory, as where acceptance stops (sender_backlogged): what is under way
	 * must not bring it there while lanes that wait for their endpoints hold the rest. */
	int64_t bytes_left = ls->bytes_max - metric_own(METRIC_QUEUED_BYTES);
	return lane->queued >= ls->lane_max || lane->queued >= ls->queue_max - ls->queued ||
	       lane->queued_bytes > bytes_left;
}

static void
count(struct lane *lane, struct delivery *d, int n)
{
	struct lanes *ls = lane->group->lanes;
	lane->queued += n;
	ls->queued += n;
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
	if (!d->parked && over_share(ls, lane))
		return false;
	d->lane = lane;
	d->due = loop_now(ls->loop);
	TAILQ_INSERT_TAIL(d->parked ? &lane->back : &lane->queue, d, entry);
	count(lane, d, 1);
	lane_judge(lane);
	return true;
}

struct delivery *
lanes_next(struct lanes *ls)
{
	struct group *g = TAILQ_FIRST(&ls->ring);
	if (!g)
		return NULL;
	struct lane *lane = TAILQ_FIRST(&g->turns);
	struct delivery_list *from = lane_pick(lane);
	assert(from);
	struct delivery *d = TAILQ_FIRST(from);
	TAILQ_REMOVE(from, d, entry);
	lane->back_turn = from == &lane->queue;
	count(lane, d, -1);
	lane->in_flight++;
	d->started = loop_now(ls->loop);
	/* To the end of both rings before judging, which may take them out. */
	TAILQ_REMOVE(&g->turns, lane, turn);
	TAILQ_INSERT_TAIL(&g->turns, lane, turn);
	TAILQ_REMOVE(&ls->ring, g, ring);
	TAILQ_INSERT_TAIL(&ls->ring, g, ring);
	lane_judge(lane);
	return d;
}

struct route *
lane_route(const struct lane *lane)
{
	return lane->route;
}

/* Whether a failure trips the breaker. */
static bool
lane_learn(struct lane *lane, const struct lane_end *end, usec_t now)
{
	if (end->outcome == OUTCOME_DELIVERED)
		lane->failures = 0;
	else if (lane->failures++ == 0)
		lane->failing_since = now;
	return lane->failures == BREAKER_FAILURES && lane->gate == LANE_GO;
}

void
lanes_gate(struct lanes *ls, int64_t endpoint_id, enum lane_gate gate)
{
	struct lane *lane;
	HASH_FIND(hh, ls->by_endpoint, &endpoint_id, sizeof(endpoint_id), lane);
	if (!lane)
		return;
	lane->gate = gate;
	if (gate == LANE_GO)
		lane->failures = 0;
	lane_judge(lane);
	ls->wake(ls->arg);
}

bool
lanes_leave(
    struct lanes *ls, struct delivery *d, const struct lane_end *end, usec_t *ret_failing_for)
{
	struct lane *lane = d->lane;
	assert(lane && lane->in_flight > 0);
	d->lane = NULL;
	lane->in_flight--;
	ls->stuck -= lane->stuck;
	lane->left_at = loop_now(ls->loop);
	lane->pace += (lane->left_at - d->started - lane->pace) / PACE_SHARE;
	bool tripped = end && lane_learn(lane, end, lane->left_at);
	*ret_failing_for = lane->left_at - lane->failing_since;
	lane_judge(lane);
	return tripped;
}

void
lanes_return(struct lanes *ls, struct delivery *d)
{
	struct lane *lane = d->lane;
	assert(lane->in_flight > 0);
	lane->in_flight--;
	ls->stuck -= lane->stuck;
	delivery_set(d, DELIVERY_QUEUED);
	TAILQ_INSERT_HEAD(d->parked ? &lane->back : &lane->queue, d, entry);
	count(lane, d, 1);
	lane_judge(lane);
}

static void
queue_drop(struct lane *lane, struct delivery_list *queue, int slot)
{
	struct delivery *d, *next;
	TAILQ_FOREACH_SAFE(d, queue, entry, next) {
		if (slot >= 0 && d->slot != slot)
			continue;
		TAILQ_REMOVE(queue, d, entry);
		count(lane, d, -1);
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
	ls->stuck = 0;
	HASH_ITER(hh, ls->by_endpoint, lane, next) {
		if (lane->in_flight == 0)
			continue;
		lane->stuck = true;
		ls->stuck += lane->in_flight;
		lane_judge(lane);
	}
}

int
lanes_stuck(const struct lanes *ls)
{
	return ls->stuck;
}

/* ---- questions ---------------------------------------------------------------------------- */

int
lanes_queued(const struct lanes *ls)
{
	return ls->queued;
}

int
lanes_ready(const struct lanes *ls)
{
	return ls->ready;
}

int
lanes_brisk(const struct lanes *ls)
{
	return ls->brisk;
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

usec_t
lanes_oldest(const struct lanes *ls)
{
	const struct group *g;
	const struct lane *lane;
	usec_t oldest = 0;
	TAILQ_FOREACH(g, &ls->ring, ring) {
		TAILQ_FOREACH(lane, &g->turns, turn) {
			const struct delivery *first = TAILQ_FIRST(&lane->queue);
			if (!first)
				first = TAILQ_FIRST(&lane->back);
			usec_t due = first->due;
			if (oldest == 0 || due < oldest)
				oldest = due;
		}
	}
	return oldest;
}

struct lanes *
lanes_new(struct loop *l, const struct config *c, struct catalogue *cat, void (*wake)(void *arg),
    void *arg)
{
	struct lanes *ls = mem_zalloc(sizeof(*ls));
	ls->loop = l;
	ls->cat = cat;
	ls->window = (int)c->endpoint_in_flight_max;
	ls->lane_max = (int)c->lane_max;
	ls->queue_max = (int)c->queue_max;
	ls->bytes_max = c->queue_bytes_max;
	ls->wake = wake;
	ls->arg = arg;
	TAILQ_INIT(&ls->ring);
	TAILQ_INIT(&ls->idle);
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
	free(ls);
}
