/* What follows from the end of a step: nothing, a retry, or a dead letter. Pure: rules on a result,
 * without clocks, tables or numbers of rows. */
#pragma once

#include "base/clock.h"
#include "base/rand.h"

#include "policy/backoff.h"
#include "policy/classify.h"
#include "send/delivery.h"

/* After an attempt: sets success, or next, or dead, and gone. The schedule is the endpoint's own or
 * the configured one. */
enum outcome outcome_decide(
    struct result *r, const struct backoff *schedule, struct wall now, struct rand *rand);

/* Ends a step without an attempt. */
void outcome_give_up(struct result *r, enum dead_reason reason);

/* Puts a step off because its lane is full: sets deferred and next, or dead when the chain has been
 * put off for too long. */
void outcome_put_off(struct result *r, struct wall now, struct rand *rand);
