/* The room that lanes share: requests under way, and memory for what waits.
 *
 * Each bound is a dynamic threshold (Choudhury and Hahne 1998): a lane may take no more than is
 * left, so that k greedy lanes leave 1/(k+1), and the last of it goes to those that use little.
 * Lanes that are slow, or have never answered, share a part of the room only; the rest is a reserve
 * for those that are not.
 *
 * Lanes without room wait in lists by how many they have under way: those with few come first. Room
 * is looked for when something starts, one lane of each class at a time, so nothing walks over all
 * of them. */
#include <assert.h>

#include "send/lane-internal.h"

/* Of in_flight_max, in quarters: for lanes of that class and of those after it. */
static const int class_quarters[] = {
	[CLASS_SOUND] = 4,
	[CLASS_SLOW] = 3,
	[CLASS_SILENT] = 2,
};

/* Of queue_bytes_max: for what is under way, of all lanes and of those that are not sound; for all
 * payloads, as long as something that waits for its endpoint is taken; for what waits in one lane.
 */
#define FLIGHT_BYTES(max) ((max) / 2)
#define SLOW_BYTES(max)   ((max) / 4)
#define STUCK_BYTES(max)  ((max) / 4 * 3)
#define LANE_BYTES(max)   ((max) / 4)

/* Of queue_max. */
#define STUCK_MAX(max) ((max) - (max) / 4)

/* ---- under way ---------------------------------------------------------------------------- */

/* After anything started or ended, or a lane changed its class. */
static void
measure(struct lanes *ls)
{
	int max = ls->in_flight_max, quarter = max / 4, used = 0, left[CLASS_COUNT], least = max;
	int64_t slow = ls->pool[CLASS_SLOW].bytes + ls->pool[CLASS_SILENT].bytes;
	for (int c = CLASS_COUNT - 1; c >= 0; c--) {
		used += ls->pool[c].in_flight;
		left[c] = max - quarter * (4 - class_quarters[c]) - used;
	}
	for (int c = 0; c < CLASS_COUNT; c++) {
		least = left[c] < least ? left[c] : least;
		ls->room[c] = least;
		ls->bytes_room[c] = slow > 0 ? SLOW_BYTES(ls->bytes_max) - slow : INT64_MAX;
	}
	/* A sound lane with nothing under way may always start one. */
	int64_t bytes = FLIGHT_BYTES(ls->bytes_max) - slow - ls->pool[CLASS_SOUND].bytes;
	ls->bytes_room[CLASS_SOUND] = bytes > 0 ? bytes : 1;
	ls->scarce = ls->room[CLASS_SOUND] <= quarter;
}

void
share_init(struct lanes *ls)
{
	for (int c = 0; c < CLASS_COUNT; c++)
		for (int i = 0; i < ROOMS; i++)
			TAILQ_INIT(&ls->pool[c].blocked[i]);
	measure(ls);
}

bool
share_is_ours(const struct lane *lane)
{
	return lane->class == CLASS_SOUND && share_allows_bytes(lane);
}

static int
room_of(const struct lane *lane)
{
	int room = 0;
	for (int n = lane->in_flight; n > 0 && room < ROOMS - 1; n >>= 1)
		room++;
	return room;
}

void
share_block(struct lane *lane)
{
	struct pool *pool = &lane->group->lanes->pool[lane->class];
	lane->room = room_of(lane);
	TAILQ_INSERT_TAIL(&pool->blocked[lane->room], lane, turn);
	pool->nblocked++;
	metric_add(METRIC_LANES_BLOCKED, 1);
}

void
share_unblock(struct lane *lane)
{
	struct pool *pool = &lane->group->lanes->pool[lane->class];
	TAILQ_REMOVE(&pool->blocked[lane->room], lane, turn);
	pool->nblocked--;
	metric_add(METRIC_LANES_BLOCKED, -1);
}

void
share_moved(struct lane *lane)
{
	if (room_of(lane) == lane->room)
		return;
	share_unblock(lane);
	share_block(lane);
}

static void
pool_admit(struct pool *pool)
{
	int i = 0;
	while (TAILQ_EMPTY(&pool->blocked[i]))
		i++;
	struct lane *lane = TAILQ_FIRST(&pool->blocked[i]);
	/* Once more, or to the end of its list: another one may need less. */
	share_unblock(lane);
	share_block(lane);
	lane_judge(lane);
}

void
share_admit(struct lanes *ls)
{
	for (int c = 0; c < CLASS_COUNT; c++)
		if (ls->pool[c].nblocked > 0 && ls->room[c] > 0)
			pool_admit(&ls->pool[c]);
}

static void
account(struct lane *lane, int n, int64_t bytes)
{
	struct lanes *ls = lane->group->lanes;
	struct pool *pool = &ls->pool[lane->class];
	pool->in_flight += n;
	pool->bytes += bytes;
	measure(ls);
	if (lane->class != CLASS_SOUND)
		metric_add(METRIC_IN_FLIGHT_SLOW, n);
}

void
share_take(struct lane *lane, int64_t bytes)
{
	lane->in_flight++;
	lane->flight_bytes += bytes;
	account(lane, 1, bytes);
}

void
share_give(struct lane *lane, int64_t bytes)
{
	assert(lane->in_flight > 0);
	lane->in_flight--;
	lane->flight_bytes -= bytes;
	account(lane, -1, -bytes);
}

void
share_class(struct lane *lane, enum lane_class class)
{
	if (lane->class == class)
		return;
	bool blocked = lane->state == LANE_BLOCKED;
	if (blocked)
		share_unblock(lane);
	account(lane, -lane->in_flight, -lane->flight_bytes);
	lane->class = class;
	account(lane, lane->in_flight, lane->flight_bytes);
	if (blocked)
		share_block(lane);
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* Whether the lane waits for its endpoint and not for us, or would with one more. */
static bool
is_stuck(const struct lane *lane)
{
	return lane->part.stuck > 0 ||
	       (lane->queued == 0 &&
		   (lane->in_flight >= flight_window(lane) || !share_allows_bytes(lane)));
}

bool
share_is_over(const struct lane *lane)
{
	const struct lanes *ls = lane->group->lanes;
	if (!is_stuck(lane))
		return false;
	/* All payloads in memory, as where acceptance stops (sender_backlogged): what is under way
	 * must not bring it there while lanes that wait for their endpoints hold the rest. */
	int64_t bytes_left = STUCK_BYTES(ls->bytes_max) - metric_own(METRIC_QUEUED_BYTES);
	return lane->queued >= ls->lane_max ||
	       lane->queued >= STUCK_MAX(ls->queue_max) - ls->sum.stuck ||
	       lane->queued_bytes > bytes_left || lane->queued_bytes > LANE_BYTES(ls->bytes_max);
}
