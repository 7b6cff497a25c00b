/* One step of one delivery: an event on its way to one endpoint.
 *
 *   QUEUED ──> LOADING ──> RESOLVING ──> SENDING ──> RECORDING ──> (freed)
 *      │  (a stub's payload)  (its name)                 ▲
 *      └── endpoint gone, lane full ─────────────────────┘
 *
 * A delivery belongs to exactly one holder at a time: a lane's queue, the payload loader, an
 * exchange, or a record batch. delivery_set is the only place that changes the state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"

#include "policy/classify.h"
#include "send/message.h"
#include "send/sender.h"
#include "store/dead_letter.h"

enum delivery_state {
	DELIVERY_QUEUED,
	DELIVERY_LOADING,
	DELIVERY_RESOLVING,
	DELIVERY_SENDING,
	DELIVERY_RECORDING,
};

struct lane;

struct delivery {
	struct message *message; /* one reference */
	struct lane *lane;
	int64_t endpoint_id;
	int64_t chain;
	int16_t seq;   /* of this step */
	int16_t tries; /* attempts of the chain before this one */
	int16_t slot;  /* under which it is recorded */
	int64_t epoch;
	enum trigger trigger;
	enum delivery_state state;
	bool announced; /* by a retry row (retry.h); else it is an event's own first step */
	bool parked;    /* comes from the table `parked`; its hold keeps account of it (hold.h) */
	bool expired;   /* … for too long: to be given up */
	usec_t due;     /* since when it could have started */
	usec_t started; /* when its lane let it go */
	usec_t send_by; /* … at a limited rate: its turn is lost after that time; 0: it has one */
	int64_t queued_bytes; /* by which it counts in its lane */
	int level;            /* under way: where it is watched (lane_flight.c) */
	TAILQ_ENTRY(delivery) entry;
	TAILQ_ENTRY(delivery) flight; /* while it is under way */
};
TAILQ_HEAD(delivery_list, delivery);

/* An event's own first step: chain 0, seq 0. Takes a reference of the message. */
struct delivery *delivery_new(struct message *m, int64_t endpoint_id, int slot, int64_t epoch);
void delivery_free(struct delivery *d);
void delivery_set(struct delivery *d, enum delivery_state state);

/* Whether what it had to wait for since its lane let it go came too late for its turn: it has to
 * take another one. */
static inline bool
delivery_late(const struct delivery *d, usec_t now)
{
	return d->send_by > 0 && now > d->send_by;
}

/* What an operational webhook tells of an attempt (ops/notices.h). */
enum telling {
	TELL_NOTHING,
	TELL_FAILING,
	TELL_EXHAUSTED,
	TELL_RECOVERED,
};

/* How a step ended: what is recorded. */
struct result {
	struct delivery *delivery; /* owned until recorded */
	bool attempted;            /* an attempt row is written */
	bool success;
	int64_t id; /* of the attempt row */
	int http_status;
	enum transport transport;
	int duration_ms;
	int16_t url_no;
	int64_t retry_after_ms; /* what the receiver asked for; 0: nothing */
	struct str response;    /* owned */
	char error[96];
	/* What follows: at most one of the two. */
	struct wall next;      /* us != 0: a retry row with that due time */
	bool deferred;         /* … which is no new try: the lane was full */
	enum dead_reason dead; /* != 0: a dead letter */
	bool park;             /* … or a row of `parked` */
	bool stays;            /* `next` is no retry row: it is parked, and stays so */
	int64_t dead_id;
	enum telling tells; /* a row of `notice`, when its organisation is watched */
	bool gone;          /* disable the endpoint afterwards */
	int refusals;       /* by the database, of this result alone */
	TAILQ_ENTRY(result) entry;
};
TAILQ_HEAD(result_list, result);

struct result *result_new(struct delivery *d);
void result_free(struct result *r); /* its delivery too */
