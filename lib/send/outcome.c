/* What follows from the end of a step. */
#include "send/outcome.h"

/* How long a delivery that found its lane full is put off: doubled each time, so that what waits
 * for a dead endpoint costs little. The longest and its spread make RETRY_DEFER_MAX. */
#define DEFER_MIN     (15 * USEC_PER_SEC)
#define DEFER_DOUBLES 4
#define DEFER_SPREAD  (60 * USEC_PER_SEC)

#define SEQ_MAX       32000 /* steps of a chain: an int16; putting off counts them up for days */

static void
dead(struct result *r, enum dead_reason reason)
{
	/* A delivery resent by hand has its automatic chain besides it; that one's end counts. */
	if (r->attempted && r->delivery->trigger == TRIGGER_RESEND)
		return;
	r->dead = reason;
}

static void
again(struct result *r, const struct backoff *schedule, struct wall now, struct rand *rand)
{
	if (r->delivery->trigger == TRIGGER_RESEND)
		return;
	int64_t ms = backoff_next_ms(schedule, r->delivery->tries + 1, r->retry_after_ms, rand);
	if (ms < 0)
		dead(r, DEAD_EXHAUSTED);
	else
		r->next.us = now.us + ms * USEC_PER_MS;
}

enum outcome
outcome_decide(struct result *r, const struct backoff *schedule, struct wall now, struct rand *rand)
{
	enum outcome outcome = classify(r->http_status, r->transport);
	switch (outcome) {
	case OUTCOME_DELIVERED:
		r->success = true;
		break;
	case OUTCOME_RETRY:
		r->retry_after_ms = 0;
		again(r, schedule, now, rand);
		break;
	case OUTCOME_THROTTLE:
		again(r, schedule, now, rand);
		break;
	case OUTCOME_GONE:
		r->gone = true;
		dead(r, DEAD_GONE);
		break;
	case OUTCOME_BLOCKED:
		dead(r, DEAD_BLOCKED);
		break;
	}
	return outcome;
}

void
outcome_give_up(struct result *r, enum dead_reason reason)
{
	dead(r, reason);
}

void
outcome_put_off(struct result *r, struct wall now, struct rand *rand)
{
	const struct delivery *d = r->delivery;
	if (d->seq >= SEQ_MAX) {
		dead(r, DEAD_EXPIRED);
		return;
	}
	int times = d->seq - d->tries; /* steps that were no attempts */
	usec_t wait = DEFER_MIN << (times < DEFER_DOUBLES ? times : DEFER_DOUBLES);
	usec_t spread = wait < DEFER_SPREAD ? wait : DEFER_SPREAD;
	r->deferred = true;
	r->next.us = now.us + wait + rand_between(rand, 0, spread);
}
