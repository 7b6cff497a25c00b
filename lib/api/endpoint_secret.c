/* /app/{app}/endpoint/{endpoint}/secret: the key that signs deliveries, and changing it while old
 * deliveries and slow subscribers still know the one before. */
#include "api/endpoint_in.h"
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "policy/sign.h"
#include "statements.h"

#define OLD_KEYS_MAX (SIGN_KEYS_MAX - 1)
#define GRACE_MAX_S  604800

static void
on_secret(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	struct str bytes = pg_str(r->res[0], 0, 0);
	struct secret key;
	char text[SIGN_TEXT_SIZE];
	if (secret_set(&key, bytes.p, bytes.n) || key.len > SIGN_KEY_MAX) {
		call_fail_with(c, ERR_INTERNAL, "a stored signing key is too long");
		return;
	}
	sign_key_to_text(&key, text);
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_text(j, "key", str_of(text));
	jw_close_object(j);
	secret_wipe(&key);
	explicit_bzero(text, sizeof(text));
	call_reply_json(c, 200, j);
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

static void
on_rotated(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		endpoint_on_changed(c, r);
	else
		call_query_one(c, &stmt_endpoint_get, endpoint_args(c), on_why_not);
}

void
api_endpoint_secret_rotate(struct call *c)
{
	struct fields f;
	int64_t grace_s = c->parts->config->secret_grace / 1000;
	if (call_body_or_empty(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	const struct secret *key = endpoint_secret_field(&f, "key");
	field_int(&f, "gracePeriodSeconds", 0, GRACE_MAX_S, &grace_s);
	if (fields_end(&f))
		return;
	struct wall until = { loop_wall(c->parts->loop).us + grace_s * USEC_PER_SEC };
	struct pg_args *a = endpoint_args(c);
	pg_arg_bytes(a, (struct str){ (const char *)key->bytes, key->len });
	pg_arg_time(a, until);
	pg_arg_int4(a, OLD_KEYS_MAX);
	call_query_one(c, &stmt_endpoint_secret_rotate, a, on_rotated);
}
