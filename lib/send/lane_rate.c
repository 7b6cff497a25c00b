/* Limited rates: an endpoint's and an application's throttleRate, as they hold lanes up.
 *
 * What goes out takes one of each, both at once: while a lane waits for one of the two it uses up
 * nothing of the other. Lanes that wait for their application's are let go one at a time, each by
 * one that ran before it, so that nothing walks over all of them.
 *
 * Invariants: while an application's limit is open and lanes of it are LANE_RATIONED, another one
 * is LANE_RUNS; `wanting` of a group is the sum of its lanes' parts. */
#include "send/lane-internal.h"

/* ---- questions ---------------------------------------------------------------------------- */

enum lane_state
rate_state(const struct lane *lane)
{
	if (lane->limit && !limit_open(lane->limit))
		return LANE_THROTTLED;
	if (lane->group->limit && !limit_open(lane->group->limit))
		return LANE_RATIONED;
	return LANE_RUNS;
}

bool
rate_holds_up(enum lane_state state)
{
	return state == LANE_THROTTLED || state == LANE_RATIONED;
}

int
rate_allows(const struct lane *lane)
{
	int n = lane->queued;
	if ((!lane->limit && !lane->group->limit) || !lane_takes_turn(lane))
		return n;
	if (lane->limit && limit_due(lane->limit) < n)
		n = limit_due(lane->limit);
	/* The application's other lanes may have what it allows as well. */
	return lane->group->limit && n > 1 ? 1 : n;
}

/* ---- changes ------------------------------------------------------------------------------ */

usec_t
rate_take(struct lane *lane)
{
	usec_t until = lane->limit ? limit_take(lane->limit) : 0;
	usec_t of_group = lane->group->limit ? limit_take(lane->group->limit) : 0;
	return until == 0 || (of_group > 0 && of_group < until) ? of_group : until;
}

static void
let_go(struct group *g)
{
	struct lane *lane;
	while (g->limit && limit_open(g->limit) && (lane = TAILQ_FIRST(&g->rationed))) {
		lane_judge(lane);
		if (lane->state == LANE_RUNS)
			return;
	}
}

/* Of its application: no more than it may have of its own, so that others get the rest. */
static void
group_want(struct lane *lane, int n)
{
	struct group *g = lane->group;
	if (lane->limit && limit_left(lane->limit) < n)
		n = limit_left(lane->limit);
	g->wanting += n - lane->wanting;
	lane->wanting = n;
	if (g->limit)
		limit_want(g->limit, g->wanting);
}

void
rate_judge(struct lane *lane, enum lane_state before)
{
	bool goes =
	    rate_holds_up(lane->state) || (lane->state == LANE_RUNS && lane_takes_turn(lane));
	int n = goes ? lane->queued : 0;
	if (lane->limit)
		limit_want(lane->limit, n);
	group_want(lane, n);
	if (before == LANE_RUNS)
		let_go(lane->group);
}

static void
on_lane_open(void *arg)
{
	struct lane *lane = arg;
	struct lanes *ls = lane->group->lanes;
	lane_judge(lane);
	ls->wake(ls->arg);
}

static void
on_group_open(void *arg)
{
	struct group *g = arg;
	let_go(g);
	g->lanes->wake(g->lanes->arg);
}

/* ---- limits come and go -------------------------------------------------------------------- */

void
rate_prepare_lane(struct lane *lane)
{
	int rate = lane->route ? lane->route->endpoint->throttle_rate : 0;
	if (lane->limit && limit_rate(lane->limit) == rate)
		return;
	limit_free(lane->limit);
	lane->limit = rate > 0 ? limit_new(lane->group->lanes->throttle, lane->group->app_id,
				     lane->endpoint_id, rate, on_lane_open, lane)
			       : NULL;
}

void
rate_prepare_group(struct group *g)
{
	int rate = g->app->throttle_rate;
	if (g->limit && limit_rate(g->limit) == rate)
		return;
	limit_free(g->limit);
	g->limit =
	    rate > 0 ? limit_new(g->lanes->throttle, g->app_id, 0, rate, on_group_open, g) : NULL;
}

void
rate_done_lane(struct lane *lane)
{
	lane->group->wanting -= lane->wanting;
	limit_free(lane->limit);
}

void
rate_done_group(struct group *g)
{
	limit_free(g->limit);
}
