/* What is told of an endpoint: reading and judging it (endpoint_in.h). */
#include "api/endpoint_in.h"

#include <arpa/inet.h>

#include "api/endpoint_challenge.h"
#include "policy/name.h"
#include "policy/url.h"

#define DESCRIPTION_MAX   65536 /* bytes */
#define TIMEOUT_MIN_MS    100
#define TIMEOUT_MAX_MS    120000
#define MAX_IN_FLIGHT_MAX 4096

/* ---- the URL ---- */

/* Whether deliveries may go to this address, which stands in the URL itself. */
static bool
literal_allowed(const struct address_policy *p, const char *host)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		return address_allowed(p, (const struct sockaddr *)&v4);
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		return address_allowed(p, (const struct sockaddr *)&v6);
	return false;
}

static bool
is_localhost(const char *host)
{
	const struct str local = STR("localhost");
	struct str s = str_of(host);
	if (s.n > local.n + 1 && s.p[s.n - local.n - 1] == '.')
		s = (struct str){ s.p + s.n - local.n, local.n };
	return str_eq(s, local);
}

/* Names are judged at delivery, by the addresses that they have then; what can be known now is told
 * now. */
static void
judge_url(struct fields *f, struct str *url)
{
	const struct config *config = f->c->parts->config;
	const struct address_policy *allow = &config->allow_addresses;
	const struct url_policy policy = {
		.https_only = config->https_only,
		.internal_names = allow->n > 0,
	};
	struct url *u = arena_alloc(f->c->arena, sizeof(*u));
	struct err e;
	if (url_parse(*url, &policy, u, &e))
		field_problem(f, "url", "%s", e.text);
	else if ((u->literal && !literal_allowed(allow, u->host)) ||
		 (is_localhost(u->host) && !literal_allowed(allow, "127.0.0.1")))
		field_problem(f, "url", "the address is not allowed");
	else
		*url = str_of(u->text);
}

static void
read_url(struct fields *f, struct str *ret)
{
	int before = f->nproblems;
	field_text(f, "url", 1, URL_MAX, ret);
	if (ret->p && f->nproblems == before)
		judge_url(f, ret);
}

/* ---- how deliveries are held ---- */

static const char *const orderings[] = { "endpoint", "key", NULL };
static const char *const heads_of_line[] = { "deadLetter", "block", NULL };

/* A whole body keeps them, too, when they are absent: an SDK that does not know them may replace an
 * endpoint without ending its pause or its order. */
static void
read_holding(struct fields *f, struct endpoint_in *ret)
{
	enum body_kind kind = f->kind;
	f->kind = BODY_PATCH;
	field_bool(f, "paused", &ret->paused);
	field_word_or_null(f, "ordering", orderings, &ret->ordering);
	field_word(f, "headOfLine", heads_of_line, &ret->head_of_line);
	f->kind = kind;
}

bool
endpoint_in_holds(const struct fields *f)
{
	return fields_has(f, "paused") || fields_has(f, "ordering");
}

/* ---- all of it ---- */

void
endpoint_in_read(struct fields *f, struct endpoint_in *ret)
{
	*ret = (struct endpoint_in){
		.description = STR(""),
		.version = 1,
		.metadata = STR("{}"),
		.retry_schedule.n = -1,
		.head_of_line = STR("deadLetter"),
	};
	field_uid(f, ID_ENDPOINT, &ret->uid);
	read_url(f, &ret->url);
	field_text(f, "description", 0, DESCRIPTION_MAX, &ret->description);
	field_int(f, "version", 1, UINT16_MAX, &ret->version);
	field_bool(f, "disabled", &ret->disabled);
	subscription_read(f, &ret->subscription);
	field_int_or_null(f, "throttleRate", "rateLimit", 1, UINT16_MAX, &ret->throttle_rate);
	field_metadata(f, &ret->metadata);
	field_delays(
	    f, "retrySchedule", BACKOFF_STEPS_MAX, BACKOFF_DELAY_MAX_MS, &ret->retry_schedule);
	field_int_or_null(f, "timeoutMs", NULL, TIMEOUT_MIN_MS, TIMEOUT_MAX_MS, &ret->timeout_ms);
	field_int_or_null(f, "maxInFlight", NULL, 1, MAX_IN_FLIGHT_MAX, &ret->max_in_flight);
	read_holding(f, ret);
	endpoint_shape_read(f, &ret->shape);
	endpoint_challenge_field(f, "challenge", &ret->challenge);
}

static void
arg_int4_or_null(struct pg_args *a, int64_t v)
{
	if (v)
		pg_arg_int4(a, (int32_t)v);
	else
		pg_arg_null(a);
}

void
endpoint_in_arg(struct pg_args *a, const struct endpoint_in *in)
{
	pg_arg_text(a, in->uid);
	pg_arg_text(a, in->url);
	pg_arg_text(a, in->description);
	pg_arg_int4(a, (int32_t)in->version);
	pg_arg_bool(a, in->disabled);
	subscription_arg(a, &in->subscription);
	arg_int4_or_null(a, in->throttle_rate);
	pg_arg_text(a, in->metadata);
	if (in->retry_schedule.n >= 0)
		pg_arg_int8s(a, in->retry_schedule.ms, in->retry_schedule.n);
	else
		pg_arg_null(a);
	arg_int4_or_null(a, in->timeout_ms);
	arg_int4_or_null(a, in->max_in_flight);
	pg_arg_bool(a, in->paused);
	pg_arg_text(a, in->ordering);
	pg_arg_text(a, in->head_of_line);
}
