/* The sender: wires slots, retries, lanes, exchanges and the recorder together, and starts what may
 * start.
 *
 * A delivery's way is forward only (delivery.h); sender_in.c brings it, sender_step.c takes it
 * through. */
#include "send/sender.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

#include "send/sender-internal.h"

#define START_MAX   64    /* attempts started per turn, so that answers are read in between */
#define READY_MAX   512   /* deliveries that wait for us: beyond it acceptance waits */
#define SATURATED   0.9   /* of the loop's time: from here on it is we who are slow */
#define RESULTS_MAX 20000 /* unrecorded results: beyond it no attempt starts */
#define LIGHT       0.5   /* and with less than so much we have time for more */
#define TICK        (250 * USEC_PER_MS)
#define STOP_SOON   (250 * USEC_PER_MS) /* a stop's wait for attempts before the others go on */

/* ---- starting ----------------------------------------------------------------------------- */

static void
tell_relief(struct sender *s)
{
	if (sender_backlogged(s))
		return;
	s->backlogged = false;
	if (s->relief)
		s->relief(s->relief_arg);
	slots_continue(s->slots);
}

static void
pump(void *arg)
{
	struct sender *s = arg;
	if (sender_starts(s) && slots_confirmed(s->slots) &&
	    recorder_backlog(s->recorder) < RESULTS_MAX) {
		struct delivery *d;
		int n = 0;
		while (n++ < START_MAX && (d = lanes_next(s->lanes)))
			sender_start(s, d);
		if (n > START_MAX)
			defer_schedule(&s->pump);
	}
	if (s->backlogged)
		tell_relief(s);
}

static void
wake(void *arg)
{
	struct sender *s = arg;
	defer_schedule(&s->pump);
}

/* ---- the parts tell ----------------------------------------------------------------------- */

static void
on_adopted(void *arg, int slot, struct wall from)
{
	struct sender *s = arg;
	int home = slots_home_id(s->slots);
	retries_open(s->retries, slot, from);
	holds_take(s->holds, slot, slots_epoch(s->slots, slot), home, slots_epoch(s->slots, home));
	slots_continue(s->slots);
}

static void
on_lost(void *arg, int slot)
{
	struct sender *s = arg;
	retries_close(s->retries, slot);
	holds_drop(s->holds, slot);
	lanes_drop(s->lanes, slot);
}

static void
on_ready(void *arg)
{
	struct sender *s = arg;
	defer_schedule(&s->pump);
	if (s->relief)
		s->relief(s->relief_arg);
}

static void
on_app_changed(void *arg, int64_t app_id, int64_t version)
{
	struct sender *s = arg;
	catalogue_changed(s->cat, app_id, version);
	lanes_changed(s->lanes, app_id, version);
}

static void
on_hold_changed(void *arg, int64_t app_id, int64_t endpoint_id)
{
	struct sender *s = arg;
	int home = slots_home_id(s->slots);
	const struct cat_app *app = catalogue_find_id(s->cat, app_id);
	if (home >= 0)
		holds_news(s->holds, app_id, endpoint_id, app ? app->version : 0, home,
		    slots_epoch(s->slots, home));
}

static void
on_noticed(void *arg)
{
	struct sender *s = arg;
	if (s->noticed && !s->draining)
		s->noticed(s->noticed_arg);
}

static void
on_watched_changed(void *arg)
{
	struct sender *s = arg;
	watched_load(s->watched);
}

static void
on_gate(void *arg, int64_t endpoint_id, enum lane_gate gate)
{
	struct sender *s = arg;
	lanes_gate(s->lanes, endpoint_id, gate);
}

static struct wall
retry_low(void *arg, int slot)
{
	struct sender *s = arg;
	return recorder_retry_low(s->recorder, slot, retries_low(s->retries, slot));
}

static bool
busy(void *arg, int slot)
{
	struct sender *s = arg;
	return retries_busy(s->retries, slot) || holds_busy(s->holds, slot) ||
	       lanes_slot_busy(s->lanes, slot);
}

static bool
room(void *arg)
{
	struct sender *s = arg;
	return !sender_backlogged(s);
}

static enum slots_load
load(void *arg)
{
	struct sender *s = arg;
	const struct config *c = s->config;
	double busy = loop_busy(s->loop);
	if (busy > SATURATED || sender_backlogged(s))
		return LOAD_OVER;
	bool light = busy < LIGHT && lanes_ready(s->lanes) < READY_MAX / 4 &&
		     lanes_queued(s->lanes) < c->queue_max / 4 &&
		     recorder_backlog(s->recorder) < RESULTS_MAX / 8 &&
		     metric_own(METRIC_QUEUED_BYTES) < c->queue_bytes_max / 4;
	return light ? LOAD_LIGHT : LOAD_SOME;
}

static int
queued(void *arg, int slot)
{
	struct sender *s = arg;
	return lanes_slot_queued(s->lanes, slot);
}

static bool
under_way(void *arg, int slot)
{
	struct sender *s = arg;
	return payloads_slot_busy(s->payloads, slot) || exchanges_slot_busy(s->exchanges, slot) ||
	       recorder_slot_busy(s->recorder, slot);
}

static int64_t
make_id(void *arg)
{
	return sender_id(arg);
}

static void
on_catalogue(void *arg, const struct cat_app *app)
{
	struct sender *s = arg;
	lanes_update(s->lanes, app);
	holds_update(s->holds, app);
	/* A lane that waited for that (disable_gone) waits no more. */
	for (int i = 0; i < app->nendpoints; i++)
		if (app->endpoints[i].disabled)
			lanes_gate(s->lanes, app->endpoints[i].id, LANE_GO);
}

/* ---- public ------------------------------------------------------------------------------- */

bool
sender_home(const struct sender *s, int *ret_slot, int64_t *ret_epoch)
{
	return slots_home(s->slots, ret_slot, ret_epoch);
}

int64_t
sender_id(struct sender *s)
{
	return slots_id(s->slots);
}

bool
sender_mine(const struct sender *s, int slot, int64_t epoch)
{
	return slots_mine(s->slots, slot, epoch);
}

bool
sender_backlogged(struct sender *s)
{
	/* A worker that has no time left makes endpoints look slow that are not. */
	bool saturated = loop_busy(s->loop) > SATURATED;
	int waiting = lanes_ready(s->lanes) + (saturated ? lanes_brisk(s->lanes) : 0);
	bool backlogged = !sender_starts(s) || waiting > READY_MAX ||
			  lanes_queued(s->lanes) >= s->config->queue_max ||
			  recorder_backlog(s->recorder) > RESULTS_MAX / 2 ||
			  metric_own(METRIC_QUEUED_BYTES) > s->config->queue_bytes_max;
	s->backlogged = s->backlogged || backlogged; /* whoever was told so waits for relief */
	return backlogged;
}

void
sender_on_relief(struct sender *s, void (*fn)(void *arg), void *arg)
{
	s->relief = fn;
	s->relief_arg = arg;
}

void
sender_on_notices(struct sender *s, void (*fn)(void *arg), void *arg)
{
	s->noticed = fn;
	s->noticed_arg = arg;
}

struct challenges *
sender_challenges(struct sender *s)
{
	return s->challenges;
}

const char *
sender_stalled(const struct sender *s)
{
	int slot;
	int64_t epoch;
	if (s->draining)
		return "the worker is stopping";
	if (recorder_stalled(s->recorder))
		return "results cannot be recorded";
	if (!slots_confirmed(s->slots))
		return "the lease of the worker's slots is not confirmed";
	if (!slots_home(s->slots, &slot, &epoch))
		return "the worker holds no slot";
	return NULL;
}

static void
on_tallied(void *arg)
{
	struct sender *s = arg;
	s->drained(s->drained_arg);
}

/* The counts come last: others wait for the slots. */
static void
on_released(void *arg)
{
	struct sender *s = arg;
	tally_finish(s->tally, on_tallied, s);
}

/* A few slow endpoints may hold up a stop for as long as an attempt takes. What waits for others
 * must not wait with them, here or for the slots' next owner: everything but the lanes that hold
 * us up goes on until those are through, and then the stop is tried again. Each round sets more
 * lanes aside, so there are few. */
static void
drain_round(struct sender *s)
{
	usec_t now = loop_now(s->loop);
	if (s->drain_open && lanes_stuck(s->lanes) == 0) {
		s->drain_open = false;
		s->drain_since = now;
	} else if (!s->drain_open && now - s->drain_since > STOP_SOON) {
		lanes_set_aside(s->lanes);
		s->drain_open = lanes_stuck(s->lanes) > 0;
	}
}

static void
drain_step(struct sender *s)
{
	bool quiet = exchanges_in_flight(s->exchanges) == 0 && recorder_backlog(s->recorder) == 0;
	if (s->released)
		return;
	if (!quiet && loop_now(s->loop) < s->drain_until) {
		drain_round(s);
		return;
	}
	s->released = true;
	s->drain_open = false;
	slots_release(s->slots, on_released, s);
}

static void
on_tick(void *arg)
{
	struct sender *s = arg;
	usec_t oldest = lanes_oldest(s->lanes);
	metric_set(METRIC_LAG, oldest ? loop_now(s->loop) - oldest : 0);
	(void)sender_backlogged(s); /* so that it is noted, and relief told */
	defer_schedule(&s->pump);
	watched_ensure(s->watched);
	if (s->draining)
		drain_step(s);
	timer_set(&s->tick, s->draining ? 10 * USEC_PER_MS : TICK);
}

void
sender_drain(struct sender *s, void (*done)(void *arg), void *arg)
{
	s->draining = true;
	holds_stop(s->holds);
	throttle_stop(s->throttle);
	s->drained = done;
	s->drained_arg = arg;
	s->drain_since = loop_now(s->loop);
	s->drain_until = s->drain_since + s->config->stop_timeout * USEC_PER_MS;
	slots_leave(s->slots);
	timer_set(&s->tick, 0);
}

struct sender *
sender_new(struct loop *l, const struct config *c, struct catalogue *cat,
    const struct sender_pools *pools, struct err *e)
{
	struct sender *s = mem_zalloc(sizeof(*s));
	uint64_t seed;
	rand_bytes(&seed, sizeof(seed));
	rand_seed(&s->rand, seed);
	s->loop = l;
	s->config = c;
	s->cat = cat;
	TAILQ_INIT(&s->disabling);
	s->load = pools->load;
	defer_init(&s->pump, l, pump, s);
	timer_init(&s->tick, l, on_tick, s);
	const struct exchange_events exchange_ev = { s, sender_goes, sender_on_exchanged };
	s->exchanges = exchanges_new(l, c, &exchange_ev, e);
	if (!s->exchanges) {
		timer_done(&s->tick);
		free(s);
		return NULL;
	}
	s->challenges = challenges_new(l, c, s->exchanges);
	const struct slots_events slots_ev = { s, on_adopted, sender_on_recovered, on_lost,
		on_ready, on_app_changed, on_hold_changed, on_noticed, on_watched_changed,
		retry_low, busy, room, load, queued, under_way };
	const struct retries_events retries_ev = { s, sender_on_retry_due };
	const struct recorder_events recorder_ev = { s, sender_on_recorded, sender_on_unparked,
		make_id };
	const struct holds_events holds_ev = { s, sender_on_unpark, on_gate, on_app_changed,
		sender_on_failing };
	s->watched = watched_new(pools->load);
	s->throttle = throttle_new(l, pools->load);
	s->lanes = lanes_new(l, c, cat, s->throttle, wake, s);
	s->payloads = payloads_new(l, pools->load, sender_on_payload, s);
	s->recorder = recorder_new(l, pools->record, &recorder_ev);
	s->tally = tally_new(l, pools->load, make_id, s);
	s->retries = retries_new(l, pools->load, &retries_ev, RETRIES_MAX);
	s->holds = holds_new(l, c, cat, pools->load, &holds_ev);
	s->slots = slots_new(l, c, pools->lease, pools->load, &slots_ev);
	catalogue_on_update(cat, on_catalogue, s);
	timer_set(&s->tick, TICK);
	return s;
}

void
sender_free(struct sender *s)
{
	if (!s)
		return;
	challenges_free(s->challenges);
	exchanges_free(s->exchanges);
	payloads_free(s->payloads);
	recorder_free(s->recorder);
	tally_free(s->tally);
	sender_disable_free(s);
	lanes_free(s->lanes);
	holds_free(s->holds);
	throttle_free(s->throttle);
	watched_free(s->watched);
	retries_free(s->retries);
	slots_free(s->slots);
	defer_cancel(&s->pump);
	timer_done(&s->tick);
	free(s);
}
