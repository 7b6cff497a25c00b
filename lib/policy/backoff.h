/* When to try again: a list of delays or an exponential curve, jittered. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rand.h"
#include "base/str.h"

#define BACKOFF_STEPS_MAX    32
#define BACKOFF_DELAY_MAX_MS (48 * 3600 * INT64_C(1000))

struct backoff {
	int steps;                           /* delays; steps + 1 attempts in all */
	int64_t delay_ms[BACKOFF_STEPS_MAX]; /* after the 1st, 2nd, … failure */
};

/* "5, 300, 1800": seconds, fractions to the millisecond; empty means no retry. ERR_INVALID for more
 * than BACKOFF_STEPS_MAX entries, empty ones, negative ones, and delays above BACKOFF_DELAY_MAX_MS.
 */
int backoff_parse_list(struct str text, struct backoff *ret, struct err *e) MUST_CHECK;

/* Also understands "exponential base=5 factor=3 cap=86400 attempts=10" (seconds; these are the
 * values of what is left out), which is unrolled into the list: attempts - 1 delays of
 * base * factor^i, each at most cap. */
int backoff_parse(struct str text, struct backoff *ret, struct err *e) MUST_CHECK;

/* The delay after attempt number `attempt` (1 = the first) failed, in ms: uniformly from its delay
 * +-20 %, but never below at_least_ms (Retry-After, at most BACKOFF_DELAY_MAX_MS; 0 = none). Where
 * that is the longer one the jitter only adds, up to 20 % of it. -1 when the schedule is exhausted.
 */
int64_t backoff_next_ms(const struct backoff *b, int attempt, int64_t at_least_ms, struct rand *r);
