/* The sender's private parts. Each file calls only those before it:
 *
 *   sender_disable.c  endpoints that are not to be delivered to any more
 *   sender_step.c  a step of a delivery, from its turn to its recorded result
 *   sender_in.c    where deliveries come from
 *   sender.c       the parts together, what they tell each other, and what others ask
 */
#pragma once

#include "base/rand.h"

#include "loop/loop.h"
#include "send/challenge.h"
#include "send/delivery.h"
#include "send/exchange.h"
#include "send/hold.h"
#include "send/lane.h"
#include "send/payload.h"
#include "send/record.h"
#include "send/retry.h"
#include "send/sender.h"
#include "send/slot.h"
#include "send/tally.h"
#include "send/throttle.h"
#include "store/watched.h"

struct sender {
	struct loop *loop;
	const struct config *config;
	struct pg_pool *load;
	struct slots *slots;
	struct retries *retries;
	struct throttle *throttle;
	struct lanes *lanes;
	struct holds *holds;
	struct exchanges *exchanges;
	struct challenges *challenges;
	struct payloads *payloads;
	struct recorder *recorder;
	struct tally *tally;
	struct catalogue *cat;
	struct watched *watched;
	TAILQ_HEAD(, disabling) disabling;
	struct rand rand;
	struct defer pump; /* starts what may start */
	struct timer tick;
	usec_t last_spill_log;
	bool backlogged;
	void (*relief)(void *arg);
	void *relief_arg;
	void (*noticed)(void *arg);
	void *noticed_arg;
	bool draining, released;
	bool drain_open; /* … and starts deliveries all the same (drain_round) */
	usec_t drain_until, drain_since;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* ---- sender_disable.c ---- */

/* The endpoint answered 410. */
void sender_disable_gone(struct sender *s, const struct delivery *d);
/* holds_events: nothing succeeds at that endpoint for too long. */
void sender_on_failing(void *arg, int64_t app_id, int64_t endpoint_id);
void sender_disable_free(struct sender *s);

/* ---- sender_step.c ---- */

/* Whether deliveries may start: the worker does not stop. */
bool sender_starts(const struct sender *s);
/* The turn of a delivery has come: it leaves its lane's queue. */
void sender_start(struct sender *s, struct delivery *d);
/* Its lane is full: tried again later. */
void sender_put_off(struct sender *s, struct delivery *d);
/* What the parts ask and tell about a step: payload_fn, exchange_events, recorder_events. */
bool sender_goes(void *arg, const struct delivery *d);
void sender_on_payload(void *arg, struct delivery *d, bool found);
void sender_on_exchanged(void *arg, struct result *r);
void sender_on_recorded(void *arg, struct result *r, bool held);
void sender_on_unparked(void *arg, int slot);

/* ---- sender_in.c ---- */

/* retries_events and slots_events: deliveries that were stored before. */
void sender_on_retry_due(void *arg, const struct retry_row *row);
void sender_on_recovered(void *arg, const struct recovered *r);
/* holds_events: what was parked. */
void sender_on_unpark(void *arg, const struct parked_step *step);
