/* /app/{app}/endpoint/{endpoint}/secret: the key that signs deliveries, and changing it while old
 * deliveries and slow subscribers still know the one before. */
#include "api/endpoint_ref.h"
#include "api/endpoint_shape.h"
#include "api/handlers.h"
#include "policy/sign.h"
#include "statements.h"

#define OLD_KEYS_MAX (SIGN_KEYS_MAX - 1)
#define GRACE_MAX_S  604800

/* What the subscriber needs: of a pair the public half. */
static void
reply_key(struct call *c, const struct sign_secret *key)
{
	char text[SIGN_TEXT_SIZE];
	sign_key_to_shown(key, text);
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_text(j, "key", str_of(text));
	jw_close_object(j);
	explicit_bzero(text, sizeof(text));
	c->confidential = true;
	call_reply_json(c, 200, j);
}

static void
on_secret(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	struct str profile;
	const struct sign_secret *key = endpoint_secret_read(c, r->res[0], &profile);
	if (key)
		reply_key(c, key);
}

void
api_endpoint_secret_get(struct call *c)
{
	call_query_one(c, &stmt_endpoint_secret_get, endpoint_args(c), on_secret);
}

/* Nothing changed: there is no such endpoint, or it has all the old keys it may have. */
static void
on_why_not(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		call_fail_with(c, ERR_LIMIT, "%d old keys are valid still: wait for one to expire",
		    OLD_KEYS_MAX);
	else
		call_not_found(c);
}

/* "svix-libs/2.6.0/python" is older than 2.7; what is none of these SDKs is not. From 2.7 on they
 * take a rotation's answer for the new key. Before, some of them (Java, Kotlin, C#) cannot read
 * any answer but 204, and none looks at it. */
static bool
wants_no_answer(const struct call *c)
{
	struct str version = http_header_get(c->rq, "user-agent"), major, minor;
	const struct str sdk = STR("svix-libs/");
	int64_t m, n;
	if (!str_starts(version, sdk))
		return false;
	version.p += sdk.n;
	version.n -= sdk.n;
	return str_split(&version, '.', &major) && str_split(&version, '.', &minor) &&
	       str_to_i64(major, 0, INT32_MAX, &m) == 0 &&
	       str_to_i64(minor, 0, INT32_MAX, &n) == 0 && (m < 2 || (m == 2 && n < 7));
}

static void
on_rotated(struct call *c, const struct pg_result *r)
{
	const PGresult *changed = r->res[0];
	if (!pg_rows(changed))
		call_query_one(c, &stmt_endpoint_get, endpoint_args(c), on_why_not);
	else if (wants_no_answer(c))
		endpoint_on_changed(c, r);
	else {
		catalogue_changed(
		    c->parts->catalogue, pg_int(changed, 0, 0), pg_int(changed, 0, 1));
		reply_key(c, c->state);
	}
}

/* Which keys there may be depends on the endpoint's profile. */
static void
on_profile(struct call *c, const struct pg_result *r)
{
	struct fields f;
	struct str profile;
	int64_t grace_s = c->parts->config->secret_grace / 1000;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	if (!endpoint_secret_read(c, r->res[0], &profile))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	const struct sign_secret *key = endpoint_secret_field(&f, "key", profile);
	field_int(&f, "gracePeriodSeconds", 0, GRACE_MAX_S, &grace_s);
	if (fields_end(&f))
		return;
	struct wall until = { loop_wall(c->parts->loop).us + grace_s * USEC_PER_SEC };
	struct pg_args *a = endpoint_args(c);
	pg_arg_time(a, until);
	pg_arg_int4(a, OLD_KEYS_MAX);
	endpoint_secret_arg(a, key);
	c->state = (void *)(uintptr_t)key;
	call_query_one(c, &stmt_endpoint_secret_rotate, a, on_rotated);
}

void
api_endpoint_secret_rotate(struct call *c)
{
	if (call_body_or_empty(c) == 0)
		call_query_one(c, &stmt_endpoint_secret_get, endpoint_args(c), on_profile);
}
