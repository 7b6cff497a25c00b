/* The sender: wires slots, retries, lanes, exchanges and the recorder together, and decides what
 * follows from an outcome.
 *
 * A delivery's way is forward only (delivery.h). What ends a step is always a result given to the
 * recorder; only when that is committed is the step forgotten in memory. */
#include "send/sender.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"

#include "policy/backoff.h"
#include "send/delivery.h"
#include "send/exchange.h"
#include "send/lane.h"
#include "send/payload.h"
#include "send/record.h"
#include "send/retry.h"
#include "send/slot.h"
#include "statements.h"

#define START_MAX   64    /* attempts started per turn, so that answers are read in between */
#define READY_MAX   4096  /* deliveries that wait for us: beyond it acceptance waits */
#define RESULTS_MAX 20000 /* unrecorded results: beyond it no attempt starts */
#define TICK        (250 * USEC_PER_MS)

/* How long a delivery that found its lane full is put off: doubled each time, so that what waits
 * for a dead endpoint costs little. The longest and its spread make RETRY_DEFER_MAX. */
#define DEFER_MIN     (15 * USEC_PER_SEC)
#define DEFER_DOUBLES 4
#define DEFER_SPREAD  (60 * USEC_PER_SEC)

#define SEQ_MAX       32000 /* steps of a chain: an int16; putting off counts them up for days */

#define SPILL_LOG_GAP (10 * USEC_PER_SEC)

struct sender {
	struct loop *loop;
	const struct config *config;
	struct pg_pool *load;
	struct slots *slots;
	struct retries *retries;
	struct lanes *lanes;
	struct exchanges *exchanges;
	struct payloads *payloads;
	struct recorder *recorder;
	struct catalogue *cat;
	struct rand rand;
	int in_flight; /* loading, resolving, sending */
	struct defer pump;
	struct timer tick;
	usec_t last_spill_log;
	bool backlogged;
	void (*relief)(void *arg);
	void *relief_arg;
	bool draining, released;
	usec_t drain_until;
	void (*drained)(void *arg);
	void *drained_arg;
};

static void
wake(void *arg)
{
	struct sender *s = arg;
	defer_schedule(&s->pump);
}

/* ---- what follows from an outcome --------------------------------------------------------- */

static void
dead(struct sender *s, struct result *r, enum dead_reason reason)
{
	/* A delivery resent by hand has its automatic chain besides it; that one's end counts. */
	if (r->attempted && r->delivery->trigger == TRIGGER_RESEND)
		return;
	r->dead = reason;
	r->dead_id = sender_id(s);
}

static void
again(struct sender *s, struct result *r, const struct cat_endpoint *endpoint)
{
	const struct backoff *schedule =
	    endpoint && endpoint->has_schedule ? &endpoint->schedule : &s->config->retry_schedule;
	if (r->delivery->trigger == TRIGGER_RESEND)
		return;
	int64_t ms = backoff_next_ms(schedule, r->delivery->tries + 1, r->retry_after_ms, &s->rand);
	if (ms < 0)
		dead(s, r, DEAD_EXHAUSTED);
	else
		r->next.us = loop_wall(s->loop).us + ms * USEC_PER_MS;
}

static void
decide(struct sender *s, struct result *r, const struct cat_endpoint *endpoint)
{
	static const enum metric counters[] = {
		[OUTCOME_DELIVERED] = METRIC_ATTEMPT_DELIVERED,
		[OUTCOME_RETRY] = METRIC_ATTEMPT_RETRY,
		[OUTCOME_THROTTLE] = METRIC_ATTEMPT_THROTTLE,
		[OUTCOME_GONE] = METRIC_ATTEMPT_GONE,
		[OUTCOME_BLOCKED] = METRIC_ATTEMPT_BLOCKED,
	};
	enum outcome outcome = classify(r->http_status, r->transport);
	metric_add(counters[outcome], 1);
	switch (outcome) {
	case OUTCOME_DELIVERED:
		r->success = true;
		break;
	case OUTCOME_RETRY:
		r->retry_after_ms = 0;
		again(s, r, endpoint);
		break;
	case OUTCOME_THROTTLE:
		again(s, r, endpoint);
		break;
	case OUTCOME_GONE:
		r->gone = true;
		dead(s, r, DEAD_GONE);
		break;
	case OUTCOME_BLOCKED:
		dead(s, r, DEAD_BLOCKED);
		break;
	}
}

static void
record(struct sender *s, struct result *r)
{
	delivery_set(r->delivery, DELIVERY_RECORDING);
	recorder_add(s->recorder, r);
}

/* Ends a step without an attempt. */
static void
give_up(struct sender *s, struct delivery *d, enum dead_reason reason)
{
	struct result *r = result_new(d);
	dead(s, r, reason);
	record(s, r);
}

/* Puts a step off: its lane is full. */
static void
put_off(struct sender *s, struct delivery *d)
{
	if (d->seq >= SEQ_MAX) {
		give_up(s, d, DEAD_EXPIRED);
		return;
	}
	struct result *r = result_new(d);
	int times = d->seq - d->tries; /* steps that were no attempts */
	usec_t wait = DEFER_MIN << (times < DEFER_DOUBLES ? times : DEFER_DOUBLES);
	usec_t spread = wait < DEFER_SPREAD ? wait : DEFER_SPREAD;
	r->deferred = true;
	r->next.us = loop_wall(s->loop).us + wait + rand_between(&s->rand, 0, spread);
	metric_add(METRIC_SPILLED, 1);
	usec_t now = loop_now(s->loop);
	if (now - s->last_spill_log > SPILL_LOG_GAP) {
		char app[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
		s->last_spill_log = now;
		LOG_INFO(SEND_SPILL, KV("app", id_to_text(ID_APP, d->message->app_id, app)),
		    KV("endpoint", id_to_text(ID_ENDPOINT, d->endpoint_id, endpoint)));
	}
	record(s, r);
}

/* ---- starting ----------------------------------------------------------------------------- */

static void
leave(struct sender *s, struct delivery *d)
{
	s->in_flight--;
	lanes_leave(s->lanes, d);
	defer_schedule(&s->pump);
}

static void
start(struct sender *s, struct delivery *d)
{
	struct route *route = lane_route(d->lane);
	const struct message *m = d->message;
	s->in_flight++;
	if (!slots_mine(s->slots, d->slot, d->epoch)) {
		leave(s, d);
		delivery_free(d);
	} else if (!route || route->endpoint->disabled) {
		leave(s, d);
		give_up(s, d, route ? DEAD_DISABLED : DEAD_DELETED);
	} else if (!route->target) {
		leave(s, d);
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

static void
on_payload(void *arg, struct delivery *d, bool found)
{
	struct sender *s = arg;
	struct route *route = lane_route(d->lane);
	if (s->draining || !slots_mine(s->slots, d->slot, d->epoch)) {
		leave(s, d);
		delivery_free(d);
	} else if (!found) {
		leave(s, d);
		give_up(s, d, DEAD_PAYLOAD);
	} else if (!route || route->endpoint->disabled || !route->target) {
		s->in_flight--;
		lanes_return(s->lanes, d);
		wake(s);
	} else {
		exchange_start(s->exchanges, d, route);
	}
}

static void
on_exchanged(void *arg, struct result *r)
{
	struct sender *s = arg;
	struct delivery *d = r->delivery;
	struct route *route = lane_route(d->lane);
	const struct cat_endpoint *endpoint = route ? route->endpoint : NULL;
	if (r->transport == TRANSPORT_ABORTED) {
		r->delivery = NULL;
		result_free(r);
		s->in_flight--;
		lanes_return(s->lanes, d);
		return;
	}
	if (!slots_mine(s->slots, d->slot, d->epoch) && r->http_status / 100 != 2) {
		leave(s, d);
		result_free(r); /* the new owner of the slot will try for itself */
		return;
	}
	r->id = sender_id(s);
	decide(s, r, endpoint);
	leave(s, d);
	record(s, r);
}

static void
tell_relief(struct sender *s)
{
	bool backlogged = sender_backlogged(s);
	bool relieved = s->backlogged && !backlogged;
	s->backlogged = backlogged;
	if (relieved && s->relief)
		s->relief(s->relief_arg);
	if (!backlogged)
		slots_continue(s->slots);
}

static void
pump(void *arg)
{
	struct sender *s = arg;
	if (!s->draining && slots_confirmed(s->slots) &&
	    recorder_backlog(s->recorder) < RESULTS_MAX) {
		struct delivery *d;
		int n = 0;
		while (n++ < START_MAX && s->in_flight < s->config->in_flight_max &&
		       (d = lanes_next(s->lanes)))
			start(s, d);
		if (n > START_MAX)
			defer_schedule(&s->pump);
	}
	if (s->backlogged)
		tell_relief(s);
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
	if (d->announced) {
		retries_resolve(s->retries, &row);
		return;
	}
	struct message *m = d->message;
	assert(m->unresolved > 0);
	if (--m->unresolved == 0)
		slots_resolved(s->slots, m);
}

static void
on_gone_stored(void *arg, const struct pg_result *r, const struct err *e)
{
	arena_free(arg);
	(void)r;
	(void)e; /* the endpoint says so again at its next delivery */
}

static void
disable_gone(struct sender *s, const struct delivery *d)
{
	char app[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
	struct arena *a = arena_new();
	struct pg_args args;
	LOG_INFO(ENDPOINT_GONE, KV("app", id_to_text(ID_APP, d->message->app_id, app)),
	    KV("endpoint", id_to_text(ID_ENDPOINT, d->endpoint_id, endpoint)));
	pg_args_init(&args, a);
	pg_arg_int8(&args, d->message->app_id);
	pg_arg_int8(&args, d->endpoint_id);
	struct pg_call call = { &stmt_endpoint_gone, &args };
	pg_submit(s->load, &call, 1, on_gone_stored, a);
}

static void
on_recorded(void *arg, struct result *r, bool held)
{
	struct sender *s = arg;
	struct delivery *d = r->delivery;
	if (held) {
		resolve(s, d);
		if (r->next.us && slots_mine(s->slots, d->slot, d->epoch)) {
			struct retry_row next = row_of(d);
			next.due = r->next;
			next.seq++;
			next.tries = (int16_t)(next.tries + (r->attempted ? 1 : 0));
			retries_add(s->retries, &next);
		}
		if (r->dead)
			metric_add(METRIC_DEAD_LETTERS, 1);
		if (r->gone)
			disable_gone(s, d);
	}
	result_free(r);
	if (s->draining)
		defer_schedule(&s->pump);
}

/* ---- deliveries come in ------------------------------------------------------------------- */

static void
add(struct sender *s, struct delivery *d)
{
	if (!lanes_add(s->lanes, d))
		put_off(s, d);
}

void
sender_expect(struct sender *s, struct message *m, int targets)
{
	m->unresolved = targets;
	slots_expect(s->slots, m);
}

void
sender_forget(struct sender *s, struct message *m)
{
	slots_resolved(s->slots, m);
}

void
sender_deliver(struct sender *s, struct message *m, const int64_t *endpoint_ids, int n)
{
	int slot = id_slot(m->id);
	int64_t epoch = slots_epoch(s->slots, slot);
	if (n == 0 || epoch < 0) {
		slots_resolved(s->slots, m);
		return;
	}
	assert(m->unresolved == n);
	for (int i = 0; i < n; i++)
		add(s, delivery_new(m, endpoint_ids[i], slot, epoch));
	defer_schedule(&s->pump);
}

static void
on_retry_due(void *arg, const struct retry_row *row)
{
	struct sender *s = arg;
	int64_t epoch = slots_epoch(s->slots, row->slot);
	if (epoch < 0)
		return;
	struct message *m = message_new(row->app_id, row->msg_id, STR(""), NULL, 0);
	struct delivery *d = delivery_new(m, row->endpoint_id, row->slot, epoch);
	message_unref(m);
	d->announced = true;
	d->chain = row->chain;
	d->seq = row->seq;
	d->tries = row->tries;
	d->trigger = (enum trigger)row->trigger;
	add(s, d);
	defer_schedule(&s->pump);
}

void
sender_replay(struct sender *s, struct wall due, int64_t app_id, int64_t msg_id,
    int64_t endpoint_id, int64_t chain, enum trigger trigger)
{
	int slot = slots_home_id(s->slots);
	if (slot < 0)
		return; /* whoever adopts the slot finds the row */
	struct retry_row row = {
		.due = due,
		.slot = (int16_t)slot,
		.trigger = (int16_t)trigger,
		.app_id = app_id,
		.msg_id = msg_id,
		.endpoint_id = endpoint_id,
		.chain = chain,
	};
	retries_add(s->retries, &row);
}

void
sender_replay_doubt(struct sender *s, struct wall due)
{
	int slot = slots_home_id(s->slots);
	if (slot >= 0)
		retries_again(s->retries, slot, due);
}

bool
sender_mine(const struct sender *s, int slot, int64_t epoch)
{
	return slots_mine(s->slots, slot, epoch);
}

/* ---- slots tell --------------------------------------------------------------------------- */

static void
on_adopted(void *arg, int slot, struct wall from)
{
	struct sender *s = arg;
	retries_open(s->retries, slot, from);
}

static void
on_opened(void *arg, int slot)
{
	struct sender *s = arg;
	slots_retries_loaded(s->slots, slot);
}

static void
on_recovered(void *arg, const struct recovered *r)
{
	struct sender *s = arg;
	struct message *m = message_new(r->app_id, r->id, r->event_type, NULL, 0);
	int n = 0;
	for (int i = 0; i < r->n; i++)
		n += !retries_has(s->retries, r->slot, r->id, r->endpoint_ids[i], 0);
	if (n > 0) {
		sender_expect(s, m, n);
		for (int i = 0; i < r->n; i++)
			if (!retries_has(s->retries, r->slot, r->id, r->endpoint_ids[i], 0))
				add(s, delivery_new(m, r->endpoint_ids[i], r->slot, r->epoch));
		defer_schedule(&s->pump);
	}
	message_unref(m);
}

static void
on_lost(void *arg, int slot)
{
	struct sender *s = arg;
	retries_close(s->retries, slot);
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
	return retries_busy(s->retries, slot) || lanes_slot_busy(s->lanes, slot);
}

static bool
room(void *arg)
{
	const struct sender *s = arg;
	return !sender_backlogged(s);
}

static void
on_catalogue(void *arg, const struct cat_app *app)
{
	struct sender *s = arg;
	lanes_update(s->lanes, app);
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
sender_backlogged(const struct sender *s)
{
	return s->draining || lanes_ready(s->lanes) > READY_MAX ||
	       lanes_queued(s->lanes) >= s->config->queue_max ||
	       recorder_backlog(s->recorder) > RESULTS_MAX / 2 ||
	       metric_own(METRIC_QUEUED_BYTES) > s->config->queue_bytes_max;
}

void
sender_on_relief(struct sender *s, void (*fn)(void *arg), void *arg)
{
	s->relief = fn;
	s->relief_arg = arg;
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
on_released(void *arg)
{
	struct sender *s = arg;
	s->drained(s->drained_arg);
}

static void
drain_step(struct sender *s)
{
	bool quiet = exchanges_in_flight(s->exchanges) == 0 && recorder_backlog(s->recorder) == 0;
	if (s->released || (!quiet && loop_now(s->loop) < s->drain_until))
		return;
	s->released = true;
	slots_release(s->slots, on_released, s);
}

static void
on_tick(void *arg)
{
	struct sender *s = arg;
	usec_t oldest = lanes_oldest(s->lanes);
	metric_set(METRIC_LAG, oldest ? loop_now(s->loop) - oldest : 0);
	s->backlogged = s->backlogged || sender_backlogged(s);
	defer_schedule(&s->pump);
	if (s->draining)
		drain_step(s);
	timer_set(&s->tick, s->draining ? 10 * USEC_PER_MS : TICK);
}

void
sender_drain(struct sender *s, void (*done)(void *arg), void *arg)
{
	s->draining = true;
	s->drained = done;
	s->drained_arg = arg;
	s->drain_until = loop_now(s->loop) + s->config->stop_timeout * USEC_PER_MS;
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
	s->load = pools->load;
	defer_init(&s->pump, l, pump, s);
	timer_init(&s->tick, l, on_tick, s);
	s->exchanges = exchanges_new(l, c, on_exchanged, s, e);
	if (!s->exchanges) {
		timer_done(&s->tick);
		free(s);
		return NULL;
	}
	const struct slots_events slots_ev = { s, on_adopted, on_recovered, on_lost, on_ready,
		on_app_changed, retry_low, busy, room };
	const struct retries_events retries_ev = { s, on_retry_due, on_opened };
	const struct recorder_events recorder_ev = { s, on_recorded };
	s->lanes = lanes_new(l, c, cat, wake, s);
	s->payloads = payloads_new(l, pools->load, on_payload, s);
	s->recorder = recorder_new(l, pools->record, &recorder_ev);
	s->retries = retries_new(l, pools->load, &retries_ev);
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
	exchanges_free(s->exchanges);
	payloads_free(s->payloads);
	recorder_free(s->recorder);
	lanes_free(s->lanes);
	retries_free(s->retries);
	slots_free(s->slots);
	defer_cancel(&s->pump);
	timer_done(&s->tick);
	free(s);
}
