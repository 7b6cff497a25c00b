/* Tokens that are good no more: /auth/app/{app}/expire-all and /auth/logout. What they store is
 * judged in admit.c. They answer when this worker knows of it; others do by their next beat. */
#include "api/handlers.h"
#include "policy/name.h"
#include "rest/field.h"
#include "statements.h"

#define VOIDS_MAX    1000 /* rows of an application: what is read with it */
#define SESSIONS_MAX 50
#define EXPIRY_MAX_S TOKEN_SESSION_LIFE_S /* no token of ours lives longer */
#define SLACK_S      3600                 /* of clocks, before a row is forgotten */

static bool
session_valid(struct str s)
{
	return s.n <= TOKEN_SESSION_MAX && name_valid(s);
}

static void
on_known(void *arg, const struct cat_app *app, const struct err *e)
{
	struct call *c = arg;
	if (app || e->kind == ERR_NOT_FOUND)
		call_reply_empty(c, 204);
	else
		call_fail(c, e);
}

static void
on_why_not(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		call_fail_with(c, ERR_LIMIT,
		    "%d expiries of this application are in force: expire all of its tokens",
		    VOIDS_MAX);
	else
		call_not_found(c);
}

static void
on_voided(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0])) {
		catalogue_load_id(c->parts->catalogue, pg_int(r->res[0], 0, 0), on_known, c);
		return;
	}
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	call_query_one(c, &stmt_app_get, a, on_why_not);
}

/* forget.us == 0: never. */
static void
make_void(struct call *c, const struct str *scopes, int n, int64_t after_s, struct wall forget)
{
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	pg_arg_texts(a, scopes, n);
	pg_arg_int8(a, after_s * 1000);
	pg_arg_time_or_null(a, forget);
	pg_arg_int4(a, VOIDS_MAX);
	call_query_one(c, &stmt_token_void, a, on_voided);
}

static struct str
scope_of(struct call *c, char kind, struct str name)
{
	return str_of(arena_printf(c->arena, "%c%.*s", kind, STR_FMT(name)));
}

/* No token of a session is good for longer than TOKEN_SESSION_LIFE_S, whoever made it: then rows
 * about sessions are forgotten. */
void
api_expire_all(struct call *c)
{
	static const struct name_rule rule = { session_valid, 0, SESSIONS_MAX };
	struct names sessions = { 0, NULL };
	struct str scopes[SESSIONS_MAX] = { STR("") };
	int64_t after_s = 0;
	struct fields f;
	if (call_body_or_empty(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	field_int_or_null(&f, "expiry", NULL, 0, EXPIRY_MAX_S, &after_s);
	field_names(&f, "sessionIds", NULL, &rule, &sessions);
	if (fields_end(&f))
		return;
	for (int i = 0; i < sessions.n; i++)
		scopes[i] = scope_of(c, 's', sessions.name[i]);
	struct wall now = loop_wall(c->parts->loop);
	struct wall forget = { now.us + (EXPIRY_MAX_S + SLACK_S) * USEC_PER_SEC };
	if (sessions.n)
		make_void(c, scopes, sessions.n, after_s, forget);
	else
		make_void(c, scopes, 1, after_s, (struct wall){ 0 });
}

void
api_logout(struct call *c)
{
	if (!c->token.app[0]) {
		call_fail_with(c, ERR_BAD_REQUEST,
		    "Only tokens of applications can be logged out: an organisation's is good "
		    "until it expires");
		return;
	}
	if (id_from_text(ID_APP, str_of(c->token.app), &c->app.id)) {
		call_not_found(c);
		return;
	}
	const struct str scope = scope_of(c, 't', str_of(c->token.print));
	bool expires = c->token.expires_s < INT64_MAX / USEC_PER_SEC - SLACK_S;
	struct wall forget = { expires ? (c->token.expires_s + SLACK_S) * USEC_PER_SEC : 0 };
	make_void(c, &scope, 1, 0, forget);
}
