/* One challenge: resolve, ask, judge (challenge.h).
 *
 *	challenge_start ──▶ (resolver) ──▶ send_to ──▶ on_response ──▶ finish
 *	       └── the URL is unusable, the time is over ──▶ on_timer ──▶ ┘
 *
 * One deadline holds for all of it: the timer has it until the request goes out, the client from
 * then on. */
#include "send/challenge.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/jw.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"

#include "send/exchange.h"
#include "send/shape.h"

#define TIME_MAX_MS 5000
#define RANDOM_SIZE 32
#define BODY_MAX    128  /* bytes of a challenge as JSON */
#define ORIGIN_MAX  1024 /* bytes of a header line */
#define LOG_EVERY   USEC_PER_SEC

struct challenge {
	struct challenges *all;
	struct challenge_ask ask;
	struct cat_endpoint endpoint; /* the ask's, which gets the challenge as it is */
	challenge_fn fn;
	void *arg;
	usec_t until;
	struct timer timer;
	struct route *route;
	struct client_target *options; /* owned; of CHALLENGE_CLOUDEVENTS */
	struct resolver_query *query;
	struct client_exchange *transfer;
	struct answer_wanted wanted;
	char text[CHALLENGE_TEXT_SIZE];
	struct buf body;
	char *lines; /* owned */
	TAILQ_ENTRY(challenge) entry;
};

struct challenges {
	struct loop *loop;
	struct client *client;
	struct resolver *resolver;
	int64_t timeout_ms;
	struct shape_names names; /* borrowed from the configuration */
	int n;
	TAILQ_HEAD(, challenge) under_way;
	usec_t next_log;
	int64_t unlogged;
};

enum {
	WANTED_ORIGIN,
	WANTED_RATE
};

/* ---- the end ------------------------------------------------------------------------------ */

static void
challenge_free(struct challenge *x)
{
	TAILQ_REMOVE(&x->all->under_way, x, entry);
	x->all->n--;
	if (x->query)
		resolver_cancel(x->query);
	if (x->transfer)
		client_abort(x->transfer);
	timer_done(&x->timer);
	client_target_free(x->options);
	route_unref(x->route);
	buf_free(&x->body);
	free(x->lines);
	free(x);
}

static void
tell_log(struct challenge *x, const struct challenge_result *r)
{
	struct challenges *cs = x->all;
	usec_t now = loop_now(cs->loop);
	char app[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
	if (now < cs->next_log) {
		cs->unlogged++;
		return;
	}
	LOG_INFO(CHALLENGE_FAIL, KV("app", id_to_text(ID_APP, x->ask.app->id, app)),
	    KV("endpoint", id_to_text(ID_ENDPOINT, x->endpoint.id, endpoint)),
	    KV("reason", (const char *)r->why), KV("more", cs->unlogged));
	cs->next_log = now + LOG_EVERY;
	cs->unlogged = 0;
}

static void
finish(struct challenge *x, const struct challenge_result *r)
{
	challenge_fn fn = x->fn;
	void *arg = x->arg;
	if (!r->stopped) {
		metric_add(r->verified ? METRIC_CHALLENGE_VERIFIED : METRIC_CHALLENGE_FAILED, 1);
		if (!r->verified)
			tell_log(x, r);
	}
	challenge_free(x);
	fn(arg, r);
}

static void
fail(struct challenge *x, const char *why)
{
	struct challenge_result r = { .verified = false };
	snprintf(r.why, sizeof(r.why), "%s", why);
	finish(x, &r);
}

/* ---- the answer --------------------------------------------------------------------------- */

static void
judge_slack(const struct challenge *x, const struct client_response *a, struct challenge_result *r)
{
	if (a->status < 200 || a->status > 299)
		snprintf(r->why, sizeof(r->why), "the answer's status is %d", a->status);
	else if (a->body_cut)
		snprintf(r->why, sizeof(r->why), "the answer is too long, or broke off");
	else if (!challenge_slack_answered(a->body, str_of(x->text)))
		snprintf(r->why, sizeof(r->why), "the answer does not repeat the challenge");
	else
		r->verified = true;
}

/* One that stands there twice, or is too long, says nothing. */
static struct str
wanted_value(const struct challenge *x, int i)
{
	const struct answer_wanted_field *f = &x->wanted.field[i];
	if (f->seen == 0)
		return (struct str){ NULL, 0 };
	return f->seen == 1 && f->len >= 0 ? (struct str){ f->value, (size_t)f->len } : STR("");
}

static void
judge_cloudevents(
    const struct challenge *x, const struct client_response *a, struct challenge_result *r)
{
	const struct challenge_consent c = { a->status, wanted_value(x, WANTED_ORIGIN),
		wanted_value(x, WANTED_RATE) };
	const char *why = challenge_cloudevents_refused(&c, str_of(x->all->names.origin), &r->rate);
	r->verified = !why;
	if (why)
		snprintf(r->why, sizeof(r->why), "%s", why);
}

static void
on_response(void *arg, const struct client_response *a)
{
	struct challenge *x = arg;
	struct challenge_result r = { .verified = false };
	x->transfer = NULL;
	if (a->transport == TRANSPORT_CONNECT)
		resolver_forget(x->all->resolver, x->route->host);
	if (a->transport != TRANSPORT_OK)
		snprintf(r.why, sizeof(r.why), "%s", a->detail);
	else if (x->ask.kind == CHALLENGE_SLACK)
		judge_slack(x, a, &r);
	else
		judge_cloudevents(x, a, &r);
	finish(x, &r);
}

/* ---- the request -------------------------------------------------------------------------- */

static void
write_slack(struct challenge *x)
{
	unsigned char bytes[RANDOM_SIZE];
	struct jw j;
	static_assert(B64_SIZE(RANDOM_SIZE) >= CHALLENGE_TEXT_SIZE, "b64url has no padding");
	char text[B64_SIZE(RANDOM_SIZE)];
	rand_bytes(bytes, sizeof(bytes));
	size_t n = b64url_encode(bytes, sizeof(bytes), text);
	assert(n < sizeof(x->text));
	memcpy(x->text, text, n + 1);
	jw_begin(&j, &x->body);
	jw_open_object(&j);
	jw_put_text(&j, "type", STR("url_verification"));
	jw_put_text(&j, "challenge", str_of(x->text));
	jw_close_object(&j);
	jw_end(&j);
	assert(!x->body.failed);
}

/* As a delivery of that endpoint would be. */
static int
slack_lines(struct challenge *x, const char *headers[CLIENT_HEADERS_MAX])
{
	struct shaped s;
	write_slack(x);
	const struct message m = {
		.id = x->ask.id,
		.app_id = x->ask.app->id,
		.event_type = STR("url_verification"),
		.payload = { x->body.data, x->body.len },
		.refs = 1,
	};
	shape_request(x->route, &m, loop_wall(x->all->loop), &x->all->names, &s);
	x->lines = s.bytes;
	memcpy(headers, s.headers, sizeof(*headers) * (size_t)s.nheaders);
	return s.nheaders;
}

/* Who guards the receiver wants its headers from everybody. */
static int
cloudevents_lines(struct challenge *x, const char *headers[CLIENT_HEADERS_MAX])
{
	struct buf line;
	size_t length;
	int n = 0;
	buf_init(&line, ORIGIN_MAX);
	shape_put_origin(&x->all->names, &line);
	x->lines = buf_take(&line, &length);
	headers[n++] = x->lines;
	for (int i = 0; i < x->endpoint.nheaders && n < CLIENT_HEADERS_MAX; i++)
		headers[n++] = x->endpoint.headers[i];
	return n;
}

static void
send_to(struct challenge *x, const struct resolver_answer *answer)
{
	const char *headers[CLIENT_HEADERS_MAX];
	bool slack = x->ask.kind == CHALLENGE_SLACK;
	usec_t left = x->until - loop_now(x->all->loop);
	int nheaders = slack ? slack_lines(x, headers) : cloudevents_lines(x, headers);
	x->wanted = (struct answer_wanted){ .n = 2,
		.field = { [WANTED_ORIGIN] = { .name = STR("WebHook-Allowed-Origin") },
		    [WANTED_RATE] = { .name = STR("WebHook-Allowed-Rate") } } };
	const struct client_request rq = {
		.target = slack ? x->route->target : x->options,
		.to = &answer->address[0], /* port 0: the URL's */
		.headers = headers,
		.nheaders = nheaders,
		.body = { x->body.data, x->body.len },
		.timeout_ms = left > USEC_PER_MS ? left / USEC_PER_MS : 1,
		.wanted = slack ? NULL : &x->wanted,
	};
	timer_stop(&x->timer);
	x->transfer = client_start(x->all->client, &rq, on_response, x);
}

static void
on_resolved(void *arg, const struct resolver_answer *answer)
{
	struct challenge *x = arg;
	x->query = NULL;
	if (answer->result == RESOLVED_OK)
		send_to(x, answer);
	else
		fail(x, answer->result == RESOLVED_BLOCKED ? "the address is not allowed"
							   : answer->detail);
}

/* ---- the start ---------------------------------------------------------------------------- */

static void
on_timer(void *arg)
{
	struct challenge *x = arg;
	fail(x, x->query ? "timed out looking up the name" : "the URL is unusable");
}

static void
ask_name(struct challenge *x)
{
	struct resolver *resolver = x->all->resolver;
	const struct resolver_answer *known = resolver_cached(resolver, x->route->host);
	timer_set(&x->timer, x->until - loop_now(x->all->loop));
	if (known && known->result == RESOLVED_OK)
		send_to(x, known);
	else
		x->query = resolver_lookup(resolver, x->route->host, on_resolved, x);
}

static int64_t
time_ms(const struct challenges *cs, const struct cat_endpoint *endpoint)
{
	int64_t ms = endpoint->timeout_ms > 0 ? endpoint->timeout_ms : cs->timeout_ms;
	return ms < TIME_MAX_MS ? ms : TIME_MAX_MS;
}

int
challenge_start(struct challenges *cs, const struct challenge_ask *ask, challenge_fn fn, void *arg)
{
	struct err e;
	if (cs->n >= CHALLENGES_MAX)
		return -1;
	struct challenge *x = mem_zalloc(sizeof(*x));
	x->all = cs;
	x->ask = *ask;
	x->fn = fn;
	x->arg = arg;
	x->endpoint = *ask->endpoint;
	x->endpoint.format = FORMAT_NONE;
	x->endpoint.announces = false;
	x->until = loop_now(cs->loop) + time_ms(cs, ask->endpoint) * USEC_PER_MS;
	buf_init(&x->body, BODY_MAX);
	timer_init(&x->timer, cs->loop, on_timer, x);
	TAILQ_INSERT_TAIL(&cs->under_way, x, entry);
	cs->n++;
	x->route = route_new(ask->app, &x->endpoint);
	if (ask->kind == CHALLENGE_CLOUDEVENTS && x->route->target)
		x->options = client_target_new_options(x->endpoint.url.p, &e);
	if (x->route->target && (x->options || ask->kind != CHALLENGE_CLOUDEVENTS))
		ask_name(x);
	else
		timer_set(&x->timer, 0);
	return 0;
}

struct challenges *
challenges_new(struct loop *l, const struct config *c, struct exchanges *exchanges)
{
	struct challenges *cs = mem_zalloc(sizeof(*cs));
	cs->loop = l;
	cs->client = exchanges_client(exchanges);
	cs->resolver = exchanges_resolver(exchanges);
	cs->timeout_ms = c->attempt_timeout;
	cs->names = (struct shape_names){ c->cloudevents_source, c->webhook_origin };
	TAILQ_INIT(&cs->under_way);
	return cs;
}

void
challenges_free(struct challenges *cs)
{
	const struct challenge_result stopped = { .stopped = true };
	struct challenge *x;
	while ((x = TAILQ_FIRST(&cs->under_way)))
		finish(x, &stopped);
	free(cs);
}
