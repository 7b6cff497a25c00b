/* What is told of an application (app_in.h). */
#include "api/app_in.h"

#include "api/endpoint_challenge.h"
#include "statements.h"

#define NAME_MAX_BYTES 4096

/* A message's or a token's application that may have to be made first. */
struct ensure {
	void (*then)(struct call *c);
};

void
app_in_read(struct fields *f, struct app_in *ret)
{
	*ret = (struct app_in){ .metadata = STR("{}") };
	field_text(f, "name", 1, NAME_MAX_BYTES, &ret->name);
	field_int_or_null(f, "throttleRate", "rateLimit", 1, UINT16_MAX, &ret->throttle_rate);
	field_uid(f, ID_APP, &ret->uid);
	field_metadata(f, &ret->metadata);
	endpoint_challenge_field(f, "endpointChallenge", &ret->endpoint_challenge);
}

struct pg_args *
app_in_create_args(struct call *c, int64_t id, const struct app_in *in)
{
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_int8(a, id);
	app_in_arg(a, in);
	return a;
}

void
app_in_arg(struct pg_args *a, const struct app_in *in)
{
	pg_arg_text(a, in->name);
	if (in->throttle_rate)
		pg_arg_int4(a, (int32_t)in->throttle_rate);
	else
		pg_arg_null(a);
	pg_arg_text(a, in->uid);
	pg_arg_text(a, in->metadata);
	pg_arg_text(a, in->endpoint_challenge);
}

static void
on_ensured(struct call *c, const struct pg_result *r)
{
	(void)r;
	struct ensure *n = c->state;
	n->then(c);
}

/* Whether the uid told is the one in the path. */
static int
check_uid(struct call *c, struct str told)
{
	static const char *const loc[] = { "body", "application", "uid", NULL };
	if (!told.p) {
		call_invalid_type(
		    c, loc, "application_uid_missing", "the application needs a uid here");
		return -1;
	}
	if (!str_eq(told, c->app.uid)) {
		call_invalid_type(c, loc, "application_uid_mismatch",
		    "the application's uid must be the one in the path");
		return -1;
	}
	return 0;
}

void
app_in_ensure(struct call *c, void (*then)(struct call *c))
{
	const json_t *told = json_object_get(c->body, "application");
	if (!told || json_is_null(told)) {
		then(c);
		return;
	}
	static const char *const loc[] = { "body", "application", NULL };
	if (!json_is_object(told)) {
		call_invalid(c, loc, "must be an object");
		return;
	}
	struct fields f;
	struct app_in in;
	int64_t id;
	fields_begin_inside(&f, c, "application", told);
	app_in_read(&f, &in);
	if (fields_end(&f) || check_uid(c, in.uid) || call_new_id(c, &id))
		return;
	struct ensure *n = arena_alloc(c->arena, sizeof(*n));
	n->then = then;
	c->state = n;
	call_query_one(c, &stmt_app_create, app_in_create_args(c, id, &in), on_ensured);
}

void
app_in_ensure_text(struct call *c, struct str object, void (*then)(struct call *c))
{
	json_t *told = json_loadb(object.p, object.n, 0, NULL);
	if (!told) { /* it was well formed: a number that jansson cannot hold */
		static const char *const loc[] = { "body", "application", NULL };
		call_invalid(c, loc, "holds a number out of range");
		return;
	}
	c->body = call_own_json(c, json_pack("{s:o}", "application", told));
	app_in_ensure(c, then);
}
