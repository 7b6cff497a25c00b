/* What follows from the end of a step: nothing, a retry, or a dead letter. Pure: rules on a result,
 * without clocks, tables or numbers of rows. */
#pragma once

#include "base/clock.h"
#include "base/rand.h"

#include "policy/backoff.h"
#include "policy/classify.h"
#include "send/delivery.h"

#define STEPS_MAX 32000 /* of a chain: an int16; putting off counts them up for days */

/* After an attempt: sets success, or next, or dead, and gone. The schedule is the endpoint's own or
 * the configured one. */
enum outcome outcome_decide(
    struct result *r, const struct backoff *schedule, struct wall now, struct rand *rand);

/* How the failure of a step goes on that was parked (hold.h). */
struct hold_rule {
	bool ordered;    /* it waits where it is: `next`, and `stays` */
	bool blocks;     /* … and is never given up */
	bool parks;      /* a probe: parked again, behind the others */
	usec_t probe_in; /* when the next probe may go out, from now */
};
/* The same for such a step. A probe is not given up before its schedule's whole time has passed:
 * probes are more frequent than the schedule's attempts. */
enum outcome outcome_decide_parked(struct result *r, const struct backoff *schedule,
    const struct hold_rule *rule, struct wall now, struct rand *rand);

/* What is to be told of an attempt when its end has been decided: the fourth failure of a chain
 * that goes on, the end of its schedule, a success after four failures. */
enum telling outcome_telling(const struct result *r);

/* Ends a step without an attempt, or whatever its attempt would have led to. */
void outcome_give_up(struct result *r, enum dead_reason reason);

/* Puts a step off because its lane is full: sets deferred and next, or dead when the chain has been
 * put off for too long. */
void outcome_put_off(struct result *r, struct wall now, struct rand *rand);
