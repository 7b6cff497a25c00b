/* The heartbeat: one statement extends the leases, stores the marks, and brings the news of other
 * slots and of the catalogue (beat.sql).
 *
 * Invariant: a slot that a beat did not confirm is not ours. What belongs to it is dropped at once,
 * and nothing of it can be committed any more, because its epoch has changed (fence.sql). */
#include "base/log.h"
#include "base/metric.h"

#include "send/slot-internal.h"
#include "statements.h"

#define BEAT_MAX  (500 * USEC_PER_MS) /* what a stopped worker leaves waits so long at most … */
#define BEAT_IDLE USEC_PER_SEC        /* … or so long, where nothing has happened lately */
#define QUIET     (10 * USEC_PER_SEC)
#define CHANGED_MS                                                                                 \
	10000 /* how far back before the last beat one asks for catalogue changes; beats overlap,  \
	       * so that a change that commits late is still seen */
#define CLOCK_WARN    (60 * USEC_PER_SEC) /* apart from the database's: worth a line */
#define DRAINED_EVERY 120 /* beats: a slot without retries has all of them looked through */

enum news {
	NEWS_HELD = 1,
	NEWS_LAPSED = 2,
	NEWS_FREE = 3,
	NEWS_APP = 4,
	NEWS_HOLD = 5,
	NEWS_NOTICE = 6,
	NEWS_CLOCK = 7,
	NEWS_SPARE = 8,
	NEWS_WATCHED = 9,
};

bool
slots_confirmed(const struct slots *s)
{
	usec_t at = s->beat.confirmed_at;
	return at && clock_mono() - at < s->lease * 4 / 5;
}

/* What this beat did not confirm is lost. A slot that was adopted while it was under way is not
 * judged. */
static void
judge(struct slots *s, const PGresult *r)
{
	for (int i = s->n - 1; i >= 0; i--) {
		struct slot *slot = s->slot[i];
		bool confirmed = !slot->in_beat;
		for (int row = 0; row < pg_rows(r) && !confirmed; row++)
			confirmed = pg_int(r, row, 0) == NEWS_HELD && pg_int(r, row, 1) == slot->id;
		if (!confirmed)
			slot_lost(s, slot);
	}
}

/* The first row of a kind, or -1. */
static int
row_of(const PGresult *r, enum news kind)
{
	for (int row = 0; row < pg_rows(r); row++)
		if (pg_int(r, row, 0) == (int64_t)kind)
			return row;
	return -1;
}

/* How far this machine's clock is ahead of the database's. The question was answered some time
 * between its sending and now, so less than half of that is not known. */
static void
judge_clock(struct slots *s, const PGresult *r)
{
	int row = row_of(r, NEWS_CLOCK);
	if (row < 0)
		return;
	usec_t half = (clock_mono() - s->beat.sent) / 2;
	usec_t ahead = clock_wall().us - half - pg_int(r, row, 2);
	bool apart = (ahead < 0 ? -ahead : ahead) - half > CLOCK_WARN;
	metric_set(METRIC_CLOCK_AHEAD, ahead);
	if (apart && !s->beat.clock_logged)
		LOG_WARN(CLOCK_APART, KV("ahead_ms", ahead / USEC_PER_MS));
	s->beat.clock_logged = apart;
}

static void
read_news(struct slots *s, const PGresult *r)
{
	s->share.other_spare = row_of(r, NEWS_SPARE) >= 0;
	for (int row = 0; row < pg_rows(r); row++) {
		switch ((enum news)pg_int(r, row, 0)) {
		case NEWS_HELD:
		case NEWS_CLOCK:
		case NEWS_SPARE:
			break;
		case NEWS_LAPSED:
			if (slot_left_to_others(s))
				break;
			s->adoption.more = s->adoption.ticket;
			slot_adopt(s, (int16_t)pg_int(r, row, 1));
			break;
		case NEWS_FREE:
			slot_adopt(s, (int16_t)pg_int(r, row, 1));
			break;
		case NEWS_APP:
			s->ev.app_changed(s->ev.arg, pg_int(r, row, 1), pg_int(r, row, 2));
			break;
		case NEWS_HOLD:
			s->ev.hold_changed(s->ev.arg, pg_int(r, row, 1), pg_int(r, row, 2));
			break;
		case NEWS_NOTICE:
			s->ev.noticed(s->ev.arg);
			break;
		case NEWS_WATCHED:
			s->ev.watched_changed(s->ev.arg);
			break;
		}
	}
}

static void
beat_failed(struct slots *s, const struct err *e)
{
	if (slots_confirmed(s) || s->beat.late_logged)
		return;
	s->beat.late_logged = true;
	LOG_WARN(SLOT_LATE, KV("reason", e->text));
}

static void
on_beat(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slots *s = arg;
	s->beat.ticket = NULL;
	if (e)
		beat_failed(s, e);
	if (e || s->releasing)
		return;
	bool was_confirmed = slots_confirmed(s);
	s->beat.confirmed_at = s->beat.sent;
	s->beat.late_logged = false;
	judge(s, r->res[0]);
	judge_clock(s, r->res[0]);
	read_news(s, r->res[0]);
	if (!was_confirmed && slots_confirmed(s))
		s->ev.ready(s->ev.arg);
	slots_continue(s);
	slot_share(s);
	if (++s->beat.n % DRAINED_EVERY == 0)
		slot_release_drained(s);
}

static void
send_beat(struct slots *s)
{
	struct pg_args args;
	usec_t confirmed_at = s->beat.confirmed_at;
	usec_t silence = confirmed_at ? clock_mono() - confirmed_at : 0;
	arena_reset(s->beat.arena);
	pg_args_init(&args, s->beat.arena);
	slot_put_marks(s, &args, s->slot, s->n);
	pg_arg_int8(&args, s->lease / USEC_PER_MS);
	pg_arg_bool(&args, !s->home && !s->adoption.ticket);
	pg_arg_int8(&args, CHANGED_MS + silence / USEC_PER_MS);
	pg_arg_bool(&args, slot_spare(s));
	struct pg_call call = { &stmt_beat, &args };
	for (int i = 0; i < s->n; i++)
		s->slot[i]->in_beat = true;
	s->beat.sent = clock_mono();
	s->beat.ticket = pg_submit_at(BEAT, s->lease_pool, &call, 1, on_beat, s);
}

static usec_t
beat_interval(const struct slots *s)
{
	/* Without a home nothing can be accepted, so ask often. */
	if (!s->home)
		return 50 * USEC_PER_MS;
	usec_t most = clock_mono() - s->beat.active_at > QUIET ? BEAT_IDLE : BEAT_MAX;
	return s->lease / 4 < most ? s->lease / 4 : most;
}

static void
on_beat_due(void *arg)
{
	struct slots *s = arg;
	if (s->releasing)
		return;
	if (s->ids.last != s->beat.last_id) /* ids are made for events, attempts, dead letters */
		s->beat.active_at = clock_mono();
	if (!s->beat.ticket)
		send_beat(s);
	s->beat.last_id = s->ids.last; /* the marks have moved it on */
	usec_t confirmed_at = s->beat.confirmed_at;
	metric_set(METRIC_LEASE_AGE, confirmed_at ? clock_mono() - confirmed_at : 0);
	timer_set(&s->beat.timer, beat_interval(s));
}

void
slot_beat_init(struct slots *s)
{
	s->beat.arena = arena_new();
	timer_init(&s->beat.timer, s->loop, on_beat_due, s);
}

void
slot_beat_soon(struct slots *s)
{
	timer_set(&s->beat.timer, 0);
}

void
slot_beat_stop(struct slots *s)
{
	timer_stop(&s->beat.timer);
}
