/* A step of a delivery: its turn, its payload, its exchange, what follows (outcome.h), its record.
 *
 * What ends a step is always a result given to the recorder; only when that is committed is the
 * step forgotten in memory. */
#include <assert.h>

#include "base/log.h"
#include "base/metric.h"

#include "send/outcome.h"
#include "send/sender-internal.h"
#include "statements.h"

#define SPILL_LOG_GAP (10 * USEC_PER_SEC)

/* ---- its result --------------------------------------------------------------------------- */

static void
record(struct sender *s, struct result *r)
{
	if (r->dead)
		r->dead_id = slots_id(s->slots);
	delivery_set(r->delivery, DELIVERY_RECORDING);
	recorder_add(s->recorder, r);
}

/* Ends a step without an attempt. */
static void
give_up(struct sender *s, struct delivery *d, enum dead_reason reason)
{
	struct result *r = result_new(d);
	outcome_give_up(r, reason);
	record(s, r);
}

static void
log_spill(struct sender *s, const struct delivery *d)
{
	usec_t now = loop_now(s->loop);
	if (now - s->last_spill_log <= SPILL_LOG_GAP)
		return;
	char app[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
	s->last_spill_log = now;
	LOG_INFO(SEND_SPILL, KV("app", id_to_text(ID_APP, d->message->app_id, app)),
	    KV("endpoint", id_to_text(ID_ENDPOINT, d->endpoint_id, endpoint)));
}

/* It waits for its endpoint, in the table. */
static void
park(struct sender *s, struct delivery *d)
{
	struct result *r = result_new(d);
	r->park = true;
	metric_add(METRIC_PARKED, 1);
	record(s, r);
}

/* Whether the endpoint has a hold that parks or drains, by the newest snapshot. */
static bool
has_hold(struct sender *s, const struct delivery *d)
{
	const struct cat_app *app = catalogue_find_id(s->cat, d->message->app_id);
	const struct cat_endpoint *endpoint = app ? cat_endpoint_get(app, d->endpoint_id) : NULL;
	return endpoint && endpoint->hold != HOLD_CLOSED;
}

void
sender_put_off(struct sender *s, struct delivery *d)
{
	if (has_hold(s, d)) {
		metric_add(METRIC_SPILLED, 1);
		park(s, d);
		return;
	}
	int home = slots_home_id(s->slots);
	if (home >= 0)
		holds_overflow(s->holds, d->message->app_id, d->endpoint_id, home,
		    slots_epoch(s->slots, home));
	struct result *r = result_new(d);
	outcome_put_off(r, loop_wall(s->loop), &s->rand);
	if (r->deferred) {
		metric_add(METRIC_SPILLED, 1);
		log_spill(s, d);
	}
	record(s, r);
}

static struct parked_step
step_of(const struct delivery *d)
{
	return (struct parked_step){
		.app_id = d->message->app_id,
		.endpoint_id = d->endpoint_id,
		.msg_id = d->message->id,
		.chain = d->chain,
		.seq = d->seq,
		.tries = d->tries,
		.trigger = (int16_t)d->trigger,
		.slot = d->slot,
		.epoch = d->epoch,
	};
}

/* After an attempt. The endpoint may be deleted by now. */
static enum outcome
decide(struct sender *s, struct result *r, const struct cat_endpoint *endpoint)
{
	static const enum metric counters[] = {
		[OUTCOME_DELIVERED] = METRIC_ATTEMPT_DELIVERED,
		[OUTCOME_RETRY] = METRIC_ATTEMPT_RETRY,
		[OUTCOME_THROTTLE] = METRIC_ATTEMPT_THROTTLE,
		[OUTCOME_GONE] = METRIC_ATTEMPT_GONE,
		[OUTCOME_BLOCKED] = METRIC_ATTEMPT_BLOCKED,
	};
	const struct backoff *schedule =
	    endpoint && endpoint->has_schedule ? &endpoint->schedule : &s->config->retry_schedule;
	const struct delivery *d = r->delivery;
	struct wall now = loop_wall(s->loop);
	enum outcome outcome;
	if (d->parked) {
		const struct parked_step step = step_of(d);
		struct hold_rule rule = holds_rule(s->holds, &step);
		outcome = outcome_decide_parked(r, schedule, &rule, now, &s->rand);
		holds_attempted(s->holds, &step, outcome, r->retry_after_ms * USEC_PER_MS);
	} else {
		outcome = outcome_decide(r, schedule, now, &s->rand);
	}
	if (!endpoint && (r->next.us || r->park)) /* deleted while it was under way */
		outcome_give_up(r, DEAD_DELETED);
	metric_add(counters[outcome], 1);
	return outcome;
}

/* What is told of an attempt; nothing where nobody watches. */
static enum telling
tells(struct sender *s, const struct result *r)
{
	enum telling what = outcome_telling(r);
	if (what == TELL_NOTHING)
		return what;
	const struct cat_app *app = catalogue_find_id(s->cat, r->delivery->message->app_id);
	return !app || watched_maybe(s->watched, app->org) ? what : TELL_NOTHING;
}

/* ---- its way ------------------------------------------------------------------------------ */

/* end: NULL when nothing was attempted. */
static void
leave(struct sender *s, struct delivery *d, const struct lane_end *end)
{
	usec_t failing_for;
	bool tripped = lanes_leave(s->lanes, d, end, &failing_for);
	defer_schedule(&s->pump);
	int home = slots_home_id(s->slots);
	if (tripped && home >= 0)
		holds_trip(s->holds, d->message->app_id, d->endpoint_id, home,
		    slots_epoch(s->slots, home), failing_for);
}

/* Nothing was attempted, and its turn comes again. */
static void
take_back(struct sender *s, struct delivery *d)
{
	lanes_return(s->lanes, d);
	defer_schedule(&s->pump);
}

/* Whether it is to be parked now. What an operator sends again by hand passes an open breaker. */
static bool
parks(const struct delivery *d, const struct route *route)
{
	if (d->parked || !lane_parks(d->lane))
		return false;
	return d->trigger != TRIGGER_RESEND || (route && route->endpoint->hold == HOLD_PAUSED);
}

/* Whether its hold does not want it any more, which lets it out again later. */
static bool
withdrawn(struct sender *s, const struct delivery *d)
{
	if (!d->parked)
		return false;
	const struct parked_step step = step_of(d);
	return !holds_may_start(s->holds, &step);
}

bool
sender_starts(const struct sender *s)
{
	return !s->draining || s->drain_open;
}

void
sender_start(struct sender *s, struct delivery *d)
{
	struct route *route = lane_route(d->lane);
	const struct message *m = d->message;
	if (!slots_starts(s->slots, d->slot, d->epoch) || withdrawn(s, d)) {
		leave(s, d, NULL);
		delivery_free(d);
	} else if (!route || route->endpoint->disabled) {
		if (lanes_doubt(s->lanes, d))
			return;
		leave(s, d, NULL);
		give_up(s, d, route ? DEAD_DISABLED : DEAD_DELETED);
	} else if (d->expired) {
		leave(s, d, NULL);
		give_up(s, d, DEAD_EXPIRED);
	} else if (parks(d, route)) {
		leave(s, d, NULL);
		park(s, d);
	} else if (!route->target) {
		leave(s, d, NULL);
		give_up(s, d, DEAD_BLOCKED);
	} else if (!m->payload.p) {
		delivery_set(d, DELIVERY_LOADING);
		payloads_load(s->payloads, d);
	} else {
		if (m->accepted && !d->announced)
			metric_observe(METRIC_H_FIRST_ATTEMPT, loop_now(s->loop) - m->accepted);
		exchange_start(s->exchanges, d, route);
	}
}

bool
sender_goes(void *arg, const struct delivery *d)
{
	struct sender *s = arg;
	return slots_mine(s->slots, d->slot, d->epoch) && slots_confirmed(s->slots) &&
	       !delivery_late(d, loop_now(s->loop));
}

void
sender_on_payload(void *arg, struct delivery *d, bool found)
{
	struct sender *s = arg;
	struct route *route = lane_route(d->lane);
	if (!sender_starts(s) || !slots_starts(s->slots, d->slot, d->epoch)) {
		leave(s, d, NULL);
		delivery_free(d);
	} else if (!found) {
		leave(s, d, NULL);
		give_up(s, d, DEAD_PAYLOAD);
	} else if (!route || route->endpoint->disabled || !route->target || !sender_goes(s, d)) {
		take_back(s, d);
	} else {
		exchange_start(s->exchanges, d, route);
	}
}

void
sender_on_exchanged(void *arg, struct result *r)
{
	struct sender *s = arg;
	struct delivery *d = r->delivery;
	struct route *route = lane_route(d->lane);
	const struct cat_endpoint *endpoint = route ? route->endpoint : NULL;
	if (r->transport == TRANSPORT_ABORTED) {
		r->delivery = NULL;
		result_free(r);
		take_back(s, d);
		return;
	}
	if (!slots_mine(s->slots, d->slot, d->epoch) && r->http_status / 100 != 2) {
		leave(s, d, NULL);
		result_free(r); /* the new owner of the slot will try for itself */
		return;
	}
	r->id = slots_id(s->slots);
	enum outcome outcome = decide(s, r, endpoint);
	r->tells = tells(s, r);
	const struct lane_end end = { outcome, r->transport == TRANSPORT_OK, r->http_status,
		r->retry_after_ms * USEC_PER_MS };
	if (outcome == OUTCOME_GONE)
		lanes_gate(s->lanes, d->endpoint_id, LANE_WAIT); /* until it is disabled */
	leave(s, d, &end);
	record(s, r);
}

/* ---- recorded ----------------------------------------------------------------------------- */

static struct retry_row
row_of(const struct delivery *d)
{
	return (struct retry_row){
		.slot = d->slot,
		.seq = d->seq,
		.tries = d->tries,
		.trigger = (int16_t)d->trigger,
		.app_id = d->message->app_id,
		.msg_id = d->message->id,
		.endpoint_id = d->endpoint_id,
		.chain = d->chain,
	};
}

static void
resolve(struct sender *s, struct delivery *d)
{
	struct retry_row row = row_of(d);
	if (d->parked)
		return; /* its hold keeps account of it */
	if (d->announced) {
		retries_resolve(s->retries, &row);
		return;
	}
	struct message *m = d->message;
	assert(m->unresolved > 0);
	if (--m->unresolved == 0)
		slots_resolved(s->slots, m);
}

/* The hold learns what became of a step, and that others may have been parked. */
static void
tell_hold(struct sender *s, const struct result *r, bool held)
{
	const struct delivery *d = r->delivery;
	if (d->parked) {
		const struct parked_step step = step_of(d);
		holds_recorded(s->holds, &step, r->stays ? r->next : (struct wall){ 0 }, held);
	}
	if (held && r->park)
		(void)holds_hint(s->holds, d->endpoint_id);
}

void
sender_on_unparked(void *arg, int slot)
{
	struct sender *s = arg;
	if (slots_epoch(s->slots, slot) >= 0) /* else it is read by the slot's next owner */
		retries_again(
		    s->retries, slot, (struct wall){ loop_wall(s->loop).us - RETRY_MARK_LAG });
}

void
sender_on_recorded(void *arg, struct result *r, bool held)
{
	struct sender *s = arg;
	struct delivery *d = r->delivery;
	tell_hold(s, r, held);
	if (held) {
		resolve(s, d);
		if (r->attempted)
			tally_add(s->tally, d->message->app_id, d->endpoint_id, id_time(r->id),
			    r->success);
		if (r->next.us && !r->stays && slots_starts(s->slots, d->slot, d->epoch)) {
			struct retry_row next = row_of(d);
			next.due = r->next;
			next.seq++;
			next.tries = (int16_t)(next.tries + (r->attempted ? 1 : 0));
			retries_add(s->retries, &next);
		}
		if (r->dead)
			metric_add(METRIC_DEAD_LETTERS, 1);
		if (r->gone)
			sender_disable_gone(s, d);
	} else if (r->gone) {
		lanes_gate(s->lanes, d->endpoint_id, LANE_GO); /* its next one says so again */
	}
	result_free(r);
	if (s->draining)
		defer_schedule(&s->pump);
}
