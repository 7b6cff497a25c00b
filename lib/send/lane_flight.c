/* What is under way, and what it tells about endpoints: which are slow, and which hang.
 *
 * A delivery under way is watched in the order of starts: after some time it is late, at once
 * for a quick endpoint and later for one that takes its time. A lane with a late one is slow, and
 * so is one that takes long on average or has never answered. While a lane answers nothing its
 * window shrinks, second by second, so that it does not refill what timeouts give back. Every list
 * is in the order of time, so each look at the clock costs what has become late since the last one.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#include "send/lane-internal.h"

#define QUICK_SHARE 4            /* late: over so many times what is usual … */
#define HANG        USEC_PER_SEC /* … and so long without an answer: hanging */
#define TICK_MIN    (10 * USEC_PER_MS)
#define STALL       (100 * USEC_PER_MS) /* a tick so late shows that it is we who are slow */
#define PACE_SHARE  8                   /* the newest time counts one eighth */
#define QUIET_MAX   (60 * USEC_PER_SEC) /* of what a Retry-After asks for, for all of a lane */

#define LATE        FLIGHT_LEVELS /* the level of what is late: in no list */

/* How old a delivery is when it is late, for lanes of such a pace; on each level but the last, what
 * is not late yet goes to the next one. */
static const usec_t late_age[FLIGHT_LEVELS] = {
	100 * USEC_PER_MS,
	400 * USEC_PER_MS,
	HANG,
};

static int
lane_level(const struct lane *lane)
{
	int level = 0;
	while (level < FLIGHT_LEVELS - 1 && lane->pace * QUICK_SHARE > late_age[level])
		level++;
	return level;
}

static void
reclass(struct lane *lane)
{
	bool slow = lane->late > 0 || !lane->answers || lane->pace > HANG;
	share_class(lane, slow ? CLASS_SLOW : CLASS_SOUND);
}

/* ---- the clock ---------------------------------------------------------------------------- */

static void
become_late(struct flights *fs, struct lane *lane, usec_t now)
{
	lane->late++;
	if (lane->hanging)
		return;
	lane->hanging = true;
	lane->charged_at = now;
	TAILQ_INSERT_TAIL(&fs->hanging, lane, rest);
	metric_add(METRIC_LANES_LATE, 1);
	reclass(lane);
	lane_judge(lane);
}

static void
look_at_levels(struct flights *fs, usec_t now)
{
	for (int i = 0; i < FLIGHT_LEVELS; i++) {
		struct delivery *d;
		while ((d = TAILQ_FIRST(&fs->level[i])) && d->started + late_age[i] <= now) {
			TAILQ_REMOVE(&fs->level[i], d, flight);
			d->level = i < lane_level(d->lane) ? i + 1 : LATE;
			if (d->level == LATE)
				become_late(fs, d->lane, now);
			else
				TAILQ_INSERT_TAIL(&fs->level[d->level], d, flight);
		}
	}
}

static void
look_at_hanging(struct flights *fs, usec_t now)
{
	struct lane *lane;
	while ((lane = TAILQ_FIRST(&fs->hanging)) && lane->charged_at + HANG <= now) {
		TAILQ_REMOVE(&fs->hanging, lane, rest);
		TAILQ_INSERT_TAIL(&fs->hanging, lane, rest);
		lane->charged_at = now;
		if (lane->moved_at + HANG > now)
			continue;
		window_hang(&lane->window);
		lane_judge(lane);
	}
}

/* When something of it may be over its time next; 0: never. */
static usec_t
next_due(const struct flights *fs)
{
	usec_t due = 0;
	for (int i = 0; i < FLIGHT_LEVELS; i++) {
		const struct delivery *d = TAILQ_FIRST(&fs->level[i]);
		if (d && (due == 0 || d->started + late_age[i] < due))
			due = d->started + late_age[i];
	}
	const struct lane *lane = TAILQ_FIRST(&fs->hanging);
	if (lane && (due == 0 || lane->charged_at + HANG < due))
		due = lane->charged_at + HANG;
	return due;
}

static void
tick_at(struct flights *fs, usec_t due, usec_t now)
{
	fs->ticking = due > 0;
	if (due == 0)
		return;
	fs->due = due < now + TICK_MIN ? now + TICK_MIN : due;
	timer_set(&fs->tick, fs->due - now);
}

static void
on_tick(void *arg)
{
	struct lanes *ls = arg;
	struct flights *fs = &ls->flights;
	usec_t now = loop_now(ls->loop);
	/* Answers may lie unread: they come first, once. */
	fs->skipped = !fs->skipped && now - fs->due > STALL;
	if (!fs->skipped) {
		look_at_levels(fs, now);
		look_at_hanging(fs, now);
	}
	tick_at(fs, next_due(fs), now);
}

/* ---- starts and ends ---------------------------------------------------------------------- */

void
flight_start(struct lane *lane, struct delivery *d)
{
	struct lanes *ls = lane->group->lanes;
	struct flights *fs = &ls->flights;
	d->started = loop_now(ls->loop);
	d->level = 0;
	TAILQ_INSERT_TAIL(&fs->level[0], d, flight);
	if (lane->in_flight == 0)
		lane->moved_at = d->started;
	share_take(lane, d->queued_bytes);
	window_started(&lane->window, lane->in_flight);
	if (!fs->ticking)
		tick_at(fs, d->started + late_age[0], d->started);
}

void
flight_end(struct lane *lane, struct delivery *d)
{
	struct lanes *ls = lane->group->lanes;
	struct flights *fs = &ls->flights;
	share_give(lane, d->queued_bytes);
	ls->aside -= lane->aside;
	if (d->level < LATE) {
		TAILQ_REMOVE(&fs->level[d->level], d, flight);
		return;
	}
	if (--lane->late > 0)
		return;
	TAILQ_REMOVE(&fs->hanging, lane, rest);
	lane->hanging = false;
	metric_add(METRIC_LANES_LATE, -1);
	reclass(lane);
}

static enum window_end
window_end_of(const struct lane_end *end)
{
	if (!end->answered)
		return WINDOW_LOST;
	bool trouble = end->http_status >= 500 || end->outcome == OUTCOME_THROTTLE;
	return trouble ? WINDOW_TROUBLE : WINDOW_GOOD;
}

void
flight_learn(struct lane *lane, const struct lane_end *end, usec_t started)
{
	usec_t now = loop_now(lane->group->lanes->loop);
	if (end->outcome == OUTCOME_BLOCKED)
		return; /* it never came so far as the endpoint */
	lane->left_at = now;
	lane->pace += (now - started - lane->pace) / PACE_SHARE;
	if (end->answered) {
		lane->moved_at = now;
		lane->answers = true;
	}
	window_ended(&lane->window, window_end_of(end), started, now, lane->cap);
	if (end->outcome == OUTCOME_THROTTLE && end->retry_after > 0)
		lane_quiet(
		    lane, now + (end->retry_after < QUIET_MAX ? end->retry_after : QUIET_MAX));
	reclass(lane);
}

void
flights_init(struct lanes *ls)
{
	struct flights *fs = &ls->flights;
	for (int i = 0; i < FLIGHT_LEVELS; i++)
		TAILQ_INIT(&fs->level[i]);
	TAILQ_INIT(&fs->hanging);
	timer_init(&fs->tick, ls->loop, on_tick, ls);
}

void
flights_done(struct lanes *ls)
{
	timer_done(&ls->flights.tick);
}
