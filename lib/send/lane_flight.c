/* What is under way, and what it tells about endpoints: which are slow, and which hang.
 *
 * A delivery under way is watched in the order of starts: after some time it is late, soon for a
 * quick endpoint and later for one that takes its time. A lane with a late one is slow, and so is
 * one that takes long on average or has never answered. From then on and until it answers anything,
 * the lane is silent, and gets next to nothing more: so a black hole holds two requests, and when
 * they time out it does not get more. The lists are in the order of time, so a look at the clock
 * costs what has become late since the last one. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#include "send/lane-internal.h"

#define LATE_TIMES     4                  /* late: over so many times what is usual */
#define SLOW_PACE      USEC_PER_SEC       /* slow on average */
#define UNKNOWN_WINDOW 1                  /* until the first answer */
#define SILENT_WINDOW  2                  /* one may be stuck, the other finds out */
#define HUSH           (50 * USEC_PER_MS) /* without an answer, on top of twice what is usual */
#define TICK_MIN       (10 * USEC_PER_MS)
#define PACE_SHARE     8                   /* the newest time counts one eighth */
#define QUIET_MAX      (60 * USEC_PER_SEC) /* of what a Retry-After asks for, for all of a lane */

#define LATE           FLIGHT_LEVELS /* the level of what is late: in no list */

/* How old a delivery is when it is late, for lanes of such a pace; on each level but the last, what
 * is not late yet goes to the next one. */
static const usec_t late_age[FLIGHT_LEVELS] = {
	100 * USEC_PER_MS,
	200 * USEC_PER_MS,
	400 * USEC_PER_MS,
	1000 * USEC_PER_MS,
};

/* ---- what is known of a lane -------------------------------------------------------------- */

static int
lane_level(const struct lane *lane)
{
	int level = 0;
	while (level < FLIGHT_LEVELS - 1 && lane->pace * LATE_TIMES > late_age[level])
		level++;
	return level;
}

void
flight_class(struct lane *lane)
{
	enum lane_class class = CLASS_SOUND;
	if (lane->silent)
		class = CLASS_SILENT;
	else if (!lane->answers || lane->late > 0 || lane->pace > SLOW_PACE)
		class = CLASS_SLOW;
	share_class(lane, class);
}

int
flight_window(const struct lane *lane)
{
	int n = window_size(&lane->window, lane->cap);
	int few = lane->silent ? SILENT_WINDOW : lane->answers ? n : UNKNOWN_WINDOW;
	return few < n ? few : n;
}

bool
flight_is_hushed(const struct lane *lane)
{
	usec_t since = loop_now(lane->group->lanes->loop) - lane->moved_at;
	return lane->in_flight > 0 && since > lane->pace + HUSH;
}

static void
set_silent(struct lane *lane, bool silent)
{
	if (silent == lane->silent)
		return;
	lane->silent = silent;
	metric_add(METRIC_LANES_SILENT, silent ? 1 : -1);
}

/* ---- the clock ---------------------------------------------------------------------------- */

static void
become_late(struct delivery *d)
{
	struct lane *lane = d->lane;
	d->level = LATE;
	lane->late++;
	set_silent(lane, true);
	lane_judge(lane);
}

static void
look(struct flights *fs, usec_t now)
{
	for (int i = 0; i < FLIGHT_LEVELS; i++) {
		struct delivery *d;
		while ((d = TAILQ_FIRST(&fs->level[i])) && d->started + late_age[i] <= now) {
			TAILQ_REMOVE(&fs->level[i], d, flight);
			if (lane_level(d->lane) <= i) {
				become_late(d);
				continue;
			}
			d->level = i + 1;
			TAILQ_INSERT_TAIL(&fs->level[i + 1], d, flight);
		}
	}
}

static void
set_tick(struct flights *fs, usec_t now)
{
	usec_t due = 0;
	for (int i = 0; i < FLIGHT_LEVELS; i++) {
		const struct delivery *d = TAILQ_FIRST(&fs->level[i]);
		if (d && (due == 0 || d->started + late_age[i] < due))
			due = d->started + late_age[i];
	}
	fs->ticking = due > 0;
	if (!fs->ticking)
		return;
	timer_set(&fs->tick, due < now + TICK_MIN ? TICK_MIN : due - now);
}

static void
on_tick(void *arg)
{
	struct lanes *ls = arg;
	struct flights *fs = &ls->flights;
	usec_t now = loop_now(ls->loop);
	/* After a pause of our own, the loop has read the answers that came meanwhile before this.
	 */
	look(fs, now);
	set_tick(fs, now);
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
		set_tick(fs, d->started);
}

void
flight_end(struct lane *lane, struct delivery *d)
{
	struct lanes *ls = lane->group->lanes;
	struct flights *fs = &ls->flights;
	share_give(lane, d->queued_bytes);
	ls->aside -= lane->aside;
	if (d->level < LATE)
		TAILQ_REMOVE(&fs->level[d->level], d, flight);
	else
		lane->late--;
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
		set_silent(lane, false);
	}
	window_ended(&lane->window, window_end_of(end), started, now, lane->cap);
	if (end->outcome == OUTCOME_THROTTLE && end->retry_after > 0)
		lane_quiet(
		    lane, now + (end->retry_after < QUIET_MAX ? end->retry_after : QUIET_MAX));
}

void
flights_init(struct lanes *ls)
{
	struct flights *fs = &ls->flights;
	for (int i = 0; i < FLIGHT_LEVELS; i++)
		TAILQ_INIT(&fs->level[i]);
	timer_init(&fs->tick, ls->loop, on_tick, ls);
}

void
flights_done(struct lanes *ls)
{
	timer_done(&ls->flights.tick);
}
