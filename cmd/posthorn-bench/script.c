/* Requests that wait for their answer stand in one queue a rule: the delay is the same for all of a
 * rule, so the first to come is the first to go, and one timer a rule is enough. A request waits at
 * most once for each connection, which bounds the queues. */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/mem.h"

struct held {
	struct http_request *rq; /* in whose arena this is */
	usec_t answer_at;
	TAILQ_ENTRY(held) entry;
};
TAILQ_HEAD(held_list, held);

struct part {
	struct script *script;
	const struct rule *rule;
	struct held_list held;
	struct timer timer;
};

struct script {
	struct loop *loop;
	const struct mix *mix;
	usec_t since; /* when throttling began */
	struct part part[BEHAVIOUR_RULES_MAX];
};

static void on_timer(void *arg);

struct script *
script_new(struct loop *l, const struct mix *mix)
{
	struct script *s = mem_zalloc(sizeof(*s));
	s->loop = l;
	s->mix = mix;
	s->since = clock_mono();
	for (int i = 0; i < mix->n; i++) {
		struct part *p = &s->part[i];
		p->script = s;
		p->rule = &mix->rule[i];
		TAILQ_INIT(&p->held);
		timer_init(&p->timer, l, on_timer, p);
	}
	return s;
}

static void
take_event(struct http_request *rq)
{
	http_reply(rq, 200, NULL, STR(""), "");
}

/* Answers the longest held. */
static void
release(struct part *p)
{
	struct held *h = TAILQ_FIRST(&p->held);
	TAILQ_REMOVE(&p->held, h, entry);
	take_event(h->rq);
}

void
script_free(struct script *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->mix->n; i++) {
		timer_done(&s->part[i].timer);
		while (!TAILQ_EMPTY(&s->part[i].held))
			release(&s->part[i]);
	}
	free(s);
}

/* How long a throttling endpoint still refuses; 0: it takes. */
static usec_t
throttled_for(const struct script *s, const struct rule *r)
{
	usec_t phase = r->delay_ms * USEC_PER_MS;
	usec_t into = (loop_now(s->loop) - s->since) % (2 * phase);
	return into < phase ? phase - into : 0;
}

/* Whether an outage has begun. */
static bool
is_out(const struct script *s, const struct rule *r)
{
	return loop_now(s->loop) - s->since >= r->delay_ms * USEC_PER_MS;
}

bool
script_takes(const struct script *s, int rule, bool seen)
{
	const struct rule *r = &s->mix->rule[rule];
	switch (r->behaviour) {
	case BEHAVE_INSTANT:
	case BEHAVE_CLOSE:
	case BEHAVE_SLOW:
		return true;
	case BEHAVE_FLAKY:
		return seen;
	case BEHAVE_THROTTLE:
		return throttled_for(s, r) == 0;
	case BEHAVE_OUTAGE:
		return !is_out(s, r);
	case BEHAVE_FAIL:
	case BEHAVE_HANG:
	case BEHAVE_DEAD:
		return false;
	}
	return false;
}

static void
hold(struct part *p, struct http_request *rq)
{
	struct held *h = arena_alloc(rq->arena, sizeof(*h));
	usec_t delay = p->rule->delay_ms * USEC_PER_MS;
	*h = (struct held){ .rq = rq, .answer_at = loop_now(p->script->loop) + delay };
	TAILQ_INSERT_TAIL(&p->held, h, entry);
	if (p->rule->behaviour == BEHAVE_SLOW && !timer_pending(&p->timer))
		timer_set(&p->timer, delay);
}

static void
on_timer(void *arg)
{
	struct part *p = arg;
	usec_t now = loop_now(p->script->loop);
	while (!TAILQ_EMPTY(&p->held) && TAILQ_FIRST(&p->held)->answer_at <= now)
		release(p);
	if (!TAILQ_EMPTY(&p->held))
		timer_set(&p->timer, TAILQ_FIRST(&p->held)->answer_at - now);
}

static void
throttle(const struct script *s, const struct rule *r, struct http_request *rq)
{
	char extra[48];
	usec_t left = throttled_for(s, r);
	snprintf(extra, sizeof(extra), "Retry-After: %lld\r\n",
	    (long long)((left + USEC_PER_SEC - 1) / USEC_PER_SEC));
	http_reply(rq, 429, NULL, STR(""), extra);
}

void
script_answer(struct script *s, int rule, bool takes, struct http_request *rq)
{
	struct part *p = &s->part[rule];
	switch (p->rule->behaviour) {
	case BEHAVE_CLOSE: /* the sender closes it, as it must (RFC 9112, section 9.6) */
		http_reply(rq, 200, NULL, STR(""), "Connection: close\r\n");
		return;
	case BEHAVE_SLOW:
	case BEHAVE_HANG:
		hold(p, rq);
		return;
	case BEHAVE_OUTAGE:
		if (!takes) {
			hold(p, rq);
			return;
		}
		break;
	case BEHAVE_THROTTLE:
		if (!takes) {
			throttle(s, p->rule, rq);
			return;
		}
		break;
	case BEHAVE_FAIL:
	case BEHAVE_FLAKY:
		if (!takes) {
			http_reply(rq, p->rule->status, NULL, STR(""), "");
			return;
		}
		break;
	case BEHAVE_INSTANT:
	case BEHAVE_DEAD:
		break;
	}
	take_event(rq);
}
