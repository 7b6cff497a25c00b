/* Lanes: the deliveries of one endpoint that wait in memory, and the order in which endpoints take
 * turns.
 *
 * Applications take turns, and within an application its endpoints: one delivery a turn. A lane
 * takes part (is active) while it has something waiting, its endpoint is known and it is below its
 * window of requests under way. A lane that its own endpoint holds up may not use more room than is
 * left (dynamic threshold, Choudhury and Hahne 1998): what is over is put off to the retry table,
 * so that no set of slow endpoints can fill the memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "loop/loop.h"
#include "send/delivery.h"
#include "send/route.h"
#include "send/throttle.h"
#include "store/catalogue.h"

struct lanes; /* opaque */
struct lane;  /* opaque */

/* Whether deliveries that are new to a lane may start; those that come from the table `parked` only
 * wait for their turn. While the endpoint's hold in the catalogue parks (hold_parks), the turn of
 * new ones comes at once and without a window, for them to be parked. */
enum lane_gate {
	LANE_GO,
	LANE_WAIT, /* they wait in the lane, for a moment: a decision is being stored */
};

/* How an attempt ended, as far as a lane learns from it. */
struct lane_end {
	enum outcome outcome;
	bool answered;      /* by a whole head of an answer: it is not hanging */
	int http_status;    /* 0: none */
	usec_t retry_after; /* from now, what the receiver asked for; 0: nothing */
};

struct lanes *lanes_new(struct loop *l, const struct config *c, struct catalogue *cat,
    struct throttle *throttle, void (*wake)(void *arg), void *arg);
void lanes_free(struct lanes *ls); /* frees what waits */

/* Adds a delivery to its endpoint's lane. Returns false when the lane is over its share: the caller
 * puts the delivery off. */
bool lanes_add(struct lanes *ls, struct delivery *d) MUST_CHECK;

/* The next delivery that may start, taken out of its lane and counted as in flight there; NULL when
 * there is none. `wake` is called when that may have changed. */
struct delivery *lanes_next(struct lanes *ls);
/* The lane's route, or NULL when the endpoint does not exist (any more). Borrowed. */
struct route *lane_route(const struct lane *lane);
/* Whether new deliveries of the lane are to be parked now. */
bool lane_parks(const struct lane *lane);
/* The delivery is not in flight any more. Before it is freed. end: NULL when nothing was attempted.
 * Returns true when its failure trips the lane's breaker: once, until the gate is set or something
 * succeeds. `failing_for` is how long nothing has succeeded. */
bool lanes_leave(
    struct lanes *ls, struct delivery *d, const struct lane_end *end, usec_t *ret_failing_for);
/* Sets the gate of an endpoint's lane, if there is one. LANE_GO also forgets its failures. */
void lanes_gate(struct lanes *ls, int64_t endpoint_id, enum lane_gate gate);
/* Whether what is known of the delivery's endpoint, that it is gone or disabled, may be older than
 * the delivery, which then is back in its lane until the application has been read again: somebody
 * has enabled the endpoint and sends again what failed, before the beat tells of the one or the
 * other. */
bool lanes_doubt(struct lanes *ls, struct delivery *d);
/* Back to the front of its lane and not in flight (its endpoint is not to be sent to any more, its
 * turn or the slot's lease is over). */
void lanes_return(struct lanes *ls, struct delivery *d);
/* Drops the waiting deliveries of a lost slot. */
void lanes_drop(struct lanes *ls, int slot);

/* For a stop: lanes that have something in flight now attempt nothing any more. */
void lanes_set_aside(struct lanes *ls);
int lanes_stuck(const struct lanes *ls); /* in flight in such lanes */

/* The catalogue has a new snapshot. */
void lanes_update(struct lanes *ls, const struct cat_app *app);
/* An application has that version now. The catalogue reads again what it has; what it has dropped
 * (it is bounded) the lanes that still use it have to ask for. */
void lanes_changed(struct lanes *ls, int64_t app_id, int64_t version);

int lanes_kept(const struct lanes *ls);   /* the lanes that there are, resting ones too */
int lanes_queued(const struct lanes *ls); /* all that wait */
int lanes_ready(const struct lanes *ls);  /* those that wait for us and not for their endpoint */
/* Those that wait behind a full window of an endpoint which answers at once: for their endpoint
 * while this worker has time, for us while it has not. */
int lanes_brisk(const struct lanes *ls);
int lanes_slot_queued(const struct lanes *ls, int slot); /* those of a slot that wait */
bool lanes_slot_busy(const struct lanes *ls, int slot);
/* Since when the oldest of those that wait for us could have started; 0: none. */
usec_t lanes_oldest(const struct lanes *ls);
