/* What follows from the end of a step. */
#include "send/outcome.h"

#include "base/id.h"

/* How long a delivery that found its lane full is put off: doubled each time, so that what waits
 * for a dead endpoint costs little. The longest and its spread make RETRY_DEFER_MAX. */
#define DEFER_MIN     (15 * USEC_PER_SEC)
#define DEFER_DOUBLES 4
#define BLOCKED_MS    60000 /* between attempts of what holds up others, without a schedule */
#define DEFER_SPREAD  (60 * USEC_PER_SEC)
#define FAILING_AT    4 /* failures of a chain, as operational webhooks count */

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

/* Whether a delivery is as old as all delays of its schedule together. */
static bool
outlived(const struct delivery *d, const struct backoff *schedule, struct wall now)
{
	struct wall since = id_time(d->chain ? d->chain : d->message->id);
	int64_t total_ms = 0;
	for (int i = 0; i < schedule->steps; i++)
		total_ms += schedule->delay_ms[i];
	return now.us - since.us >= total_ms * USEC_PER_MS;
}

/* When a step that waits where it is, is attempted again; -1: not any more. */
static int64_t
wait_ms(const struct result *r, const struct backoff *schedule, const struct hold_rule *rule,
    struct rand *rand)
{
	int attempt = r->delivery->tries + 1;
	int64_t ms = backoff_next_ms(schedule, attempt, r->retry_after_ms, rand);
	if (ms >= 0 || !rule->blocks)
		return ms;
	if (schedule->steps == 0)
		return BLOCKED_MS;
	return backoff_next_ms(schedule, schedule->steps, r->retry_after_ms, rand);
}

static void
again_parked(struct result *r, const struct backoff *schedule, const struct hold_rule *rule,
    struct wall now, struct rand *rand)
{
	const struct delivery *d = r->delivery;
	int64_t ms = wait_ms(r, schedule, rule, rand);
	if (d->trigger == TRIGGER_RESEND)
		return;
	if (ms < 0 && (!rule->parks || outlived(d, schedule, now))) {
		dead(r, DEAD_EXHAUSTED);
	} else if (rule->ordered) {
		r->stays = true;
		r->next.us = now.us + (rule->parks ? rule->probe_in : ms * USEC_PER_MS);
	} else if (rule->parks && d->seq < STEPS_MAX) {
		r->park = true;
	} else {
		r->next.us = now.us + ms * USEC_PER_MS;
	}
}

enum outcome
outcome_decide_parked(struct result *r, const struct backoff *schedule,
    const struct hold_rule *rule, struct wall now, struct rand *rand)
{
	enum outcome outcome = classify(r->http_status, r->transport);
	if (outcome != OUTCOME_RETRY && outcome != OUTCOME_THROTTLE)
		return outcome_decide(r, schedule, now, rand);
	if (outcome == OUTCOME_RETRY)
		r->retry_after_ms = 0;
	again_parked(r, schedule, rule, now, rand);
	return outcome;
}

enum telling
outcome_telling(const struct result *r)
{
	const struct delivery *d = r->delivery;
	if (r->success)
		return d->tries >= FAILING_AT ? TELL_RECOVERED : TELL_NOTHING;
	if (r->dead == DEAD_EXHAUSTED)
		return TELL_EXHAUSTED;
	bool goes_on = r->next.us || r->park;
	return goes_on && d->tries + 1 == FAILING_AT ? TELL_FAILING : TELL_NOTHING;
}

void
outcome_give_up(struct result *r, enum dead_reason reason)
{
	r->next.us = 0;
	r->park = r->stays = false;
	dead(r, reason);
}

void
outcome_put_off(struct result *r, struct wall now, struct rand *rand)
{
	const struct delivery *d = r->delivery;
	if (d->seq >= STEPS_MAX) {
		dead(r, DEAD_EXPIRED);
		return;
	}
	int times = d->seq - d->tries; /* steps that were no attempts */
	usec_t wait = DEFER_MIN << (times < DEFER_DOUBLES ? times : DEFER_DOUBLES);
	usec_t spread = wait < DEFER_SPREAD ? wait : DEFER_SPREAD;
	r->deferred = true;
	r->next.us = now.us + wait + rand_between(rand, 0, spread);
}
