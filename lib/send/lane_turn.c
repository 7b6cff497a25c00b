/* Whose turn it is: deficit round robin (Shreedhar and Varghese 1995) on two levels, applications
 * and their endpoints.
 *
 * Each visit earns a lane and its group one turn, more is never saved up, and what they have is
 * spent afterwards, when its cost is known: a turn costs one, more for a large payload, and much
 * more for a request that hung. Debts are bounded, and each visit pays off one, so visits that
 * start nothing cost no more than the debts that were made.
 *
 * Invariants: a lane is in its group's ring iff it is LANE_RUNS, a group is in the ring iff one of
 * its lanes is, and the sums of `lanes` are those of all parts. */
#include <assert.h>

#include "send/lane-internal.h"

#define TURN_BYTES 16384               /* of payload, for which a turn costs one more */
#define TURN_HANG  (250 * USEC_PER_MS) /* under way, for which it does */
#define DEBT_MAX   16

/* An endpoint answers at once when it took at most so long on average, and did so just now. */
#define BRISK_TIME (50 * USEC_PER_MS)
#define BRISK_LAST USEC_PER_SEC

/* ---- states ------------------------------------------------------------------------------- */

/* The place for whatever else may hold a lane up. */
static enum lane_state
work_out(const struct lane *lane)
{
	if (lane->queued == 0)
		return LANE_EMPTY;
	if (!lane->group->app || lane->doubt)
		return LANE_UNKNOWN;
	if (lane_passes(lane))
		return lane_takes_turn(lane) ? rate_state(lane) : LANE_RUNS;
	if (lane->aside || (lane->gate != LANE_GO && TAILQ_EMPTY(&lane->back)))
		return LANE_SHUT;
	if (lane->quiet_until > 0)
		return LANE_QUIET;
	if (lane->in_flight >= flight_window(lane))
		return LANE_FULL;
	/* When many endpoints fall silent at once, what they take until they are late must not be
	 * all there is. It lasts until an answer comes or is late. */
	if (lane->group->lanes->scarce && flight_is_hushed(lane))
		return LANE_HUSHED;
	return share_allows(lane) ? rate_state(lane) : LANE_BLOCKED;
}

static bool
is_brisk(const struct lane *lane)
{
	return lane->pace <= BRISK_TIME &&
	       lane->left_at + BRISK_LAST > loop_now(lane->group->lanes->loop) &&
	       !rate_holds_up(lane->state);
}

/* What is above a limited rate does not wait for us. */
static void
lane_sum(struct lane *lane)
{
	struct lane_sums part = { 0 }, *sum = &lane->group->lanes->sum;
	if (lane->state == LANE_RUNS || (lane->state == LANE_BLOCKED && share_is_ours(lane)))
		part.ready = rate_allows(lane);
	else if (is_brisk(lane))
		part.brisk = lane->queued;
	part.stuck = lane->queued - part.ready;
	if (part.stuck > 0)
		part.stuck_bytes = lane->queued_bytes;
	sum->ready += part.ready - lane->part.ready;
	sum->brisk += part.brisk - lane->part.brisk;
	sum->stuck += part.stuck - lane->part.stuck;
	sum->stuck_bytes += part.stuck_bytes - lane->part.stuck_bytes;
	lane->part = part;
}

static void
lane_set(struct lane *lane, enum lane_state state)
{
	struct group *g = lane->group;
	struct lanes *ls = g->lanes;
	if (lane->state == LANE_RUNS)
		TAILQ_REMOVE(&g->turns, lane, turn);
	else if (lane->state == LANE_BLOCKED)
		share_unblock(lane);
	else if (lane->state == LANE_RATIONED)
		TAILQ_REMOVE(&g->rationed, lane, turn);
	metric_add(METRIC_LANES_THROTTLED, rate_holds_up(state) - rate_holds_up(lane->state));
	lane->state = state;
	if (state == LANE_RUNS)
		TAILQ_INSERT_TAIL(&g->turns, lane, turn);
	else if (state == LANE_BLOCKED)
		share_block(lane);
	else if (state == LANE_RATIONED)
		TAILQ_INSERT_TAIL(&g->rationed, lane, turn);
	bool in_ring = !TAILQ_EMPTY(&g->turns);
	if (in_ring == g->in_ring)
		return;
	g->in_ring = in_ring;
	if (in_ring)
		TAILQ_INSERT_TAIL(&ls->ring, g, ring);
	else
		TAILQ_REMOVE(&ls->ring, g, ring);
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
	lane_rests(lane);
	ls->nidle++;
}

void
lane_judge(struct lane *lane)
{
	flight_class(lane);
	enum lane_state before = lane->state, state = work_out(lane);
	if (state != before)
		lane_set(lane, state);
	else if (state == LANE_BLOCKED)
		share_moved(lane);
	lane_sum(lane);
	lane_rest(lane);
	if (lane->limit || lane->group->limit)
		rate_judge(lane, before);
}

/* ---- quiet -------------------------------------------------------------------------------- */

static void
on_quiet_over(void *arg)
{
	struct lane *lane = arg;
	struct lanes *ls = lane->group->lanes;
	lane->quiet_until = 0;
	metric_add(METRIC_LANES_QUIET, -1);
	lane_judge(lane);
	ls->wake(ls->arg);
}

void
lane_quiet(struct lane *lane, usec_t until)
{
	struct lanes *ls = lane->group->lanes;
	if (until <= lane->quiet_until)
		return;
	if (lane->quiet_until == 0)
		metric_add(METRIC_LANES_QUIET, 1);
	if (!lane->quiet.ev)
		timer_init(&lane->quiet, ls->loop, on_quiet_over, lane);
	lane->quiet_until = until;
	timer_set(&lane->quiet, until - loop_now(ls->loop));
}

/* ---- turns -------------------------------------------------------------------------------- */

/* One visit; whether it may have a turn. */
static bool
earn(int *credit)
{
	if (*credit < 1)
		++*credit;
	return *credit > 0;
}

static void
spend(int *credit, int64_t cost)
{
	*credit = *credit - cost < -DEBT_MAX ? -DEBT_MAX : (int)(*credit - cost);
}

static void
lane_spend(struct lane *lane, int64_t cost)
{
	spend(&lane->credit, cost);
	spend(&lane->group->credit, cost);
}

static struct group *
next_group(struct lanes *ls)
{
	struct group *g;
	while ((g = TAILQ_FIRST(&ls->ring))) {
		if (TAILQ_NEXT(g, ring)) {
			TAILQ_REMOVE(&ls->ring, g, ring);
			TAILQ_INSERT_TAIL(&ls->ring, g, ring);
		}
		if (earn(&g->credit))
			return g;
	}
	return NULL;
}

static struct lane *
next_lane(struct group *g)
{
	struct lane *lane;
	while ((lane = TAILQ_FIRST(&g->turns))) {
		if (TAILQ_NEXT(lane, turn)) {
			TAILQ_REMOVE(&g->turns, lane, turn);
			TAILQ_INSERT_TAIL(&g->turns, lane, turn);
		}
		if (earn(&lane->credit))
			return lane;
	}
	return NULL;
}

static struct delivery *
lane_start(struct lane *lane)
{
	bool takes_turn = lane_takes_turn(lane);
	struct delivery_list *from = lane_pick(lane);
	struct delivery *d = TAILQ_FIRST(from);
	TAILQ_REMOVE(from, d, entry);
	lane->back_turn = from == &lane->queue;
	lane_count(lane, d, -1);
	flight_start(lane, d);
	d->send_by = takes_turn ? rate_take(lane) : 0;
	lane_spend(lane, 1 + d->queued_bytes / TURN_BYTES);
	lane_judge(lane);
	return d;
}

struct delivery *
lanes_next(struct lanes *ls)
{
	struct group *g;
	share_admit(ls);
	while ((g = next_group(ls))) {
		struct lane *lane = next_lane(g);
		assert(lane); /* a group in the ring has one */
		/* Others may have taken the room since it was judged, or its time at a limited rate
		 * may have passed. */
		lane_judge(lane);
		if (lane->state == LANE_RUNS)
			return lane_start(lane);
	}
	return NULL;
}

bool
lanes_leave(
    struct lanes *ls, struct delivery *d, const struct lane_end *end, usec_t *ret_failing_for)
{
	struct lane *lane = d->lane;
	usec_t now = loop_now(ls->loop), held = now - d->started;
	bool tripped = false;
	d->lane = NULL;
	flight_end(lane, d);
	if (held >= TURN_HANG)
		lane_spend(lane, held / TURN_HANG);
	if (end) {
		flight_learn(lane, end, d->started);
		if (end->outcome == OUTCOME_DELIVERED)
			breaker_reset(&lane->breaker);
		else if (lane->gate == LANE_GO)
			tripped = breaker_fail(&lane->breaker, ls->breaker_failures, now);
	}
	*ret_failing_for = now - lane->breaker.since;
	lane_judge(lane);
	return tripped;
}

void
lanes_return(struct lanes *ls, struct delivery *d)
{
	struct lane *lane = d->lane;
	(void)ls;
	flight_end(lane, d);
	delivery_set(d, DELIVERY_QUEUED);
	TAILQ_INSERT_HEAD(d->parked ? &lane->back : &lane->queue, d, entry);
	lane_count(lane, d, 1);
	lane_judge(lane);
}
