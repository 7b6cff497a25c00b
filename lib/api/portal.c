/* /auth: tokens for the portal that a customer sees, bound to one application. */
#include "api/app_in.h"
#include "api/handlers.h"
#include "policy/name.h"
#include "statements.h"
#include "store/app.h"

#define LIFETIME_S     (28 * 24 * 3600)
#define LIFETIME_MIN_S 3600
#define LIFETIME_MAX_S 604800
#define FLAGS_MAX      50

struct access_in {
	struct names flags;
	int64_t lifetime_s;
};

static void
reply_token(struct call *c, const char *token)
{
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_text(j, "token", str_of(token));
	/* There is no portal here: the address of the API that the token is for. */
	jw_put_text(
	    j, "url", str_of(arena_printf(c->arena, "http://%s/", c->parts->config->listen)));
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

static void
mint(struct call *c, int64_t app_id)
{
	const struct access_in *in = c->state;
	const char *flags[FLAGS_MAX];
	for (int i = 0; i < in->flags.n; i++)
		flags[i] = arena_strndup(c->arena, in->flags.name[i].p, in->flags.name[i].n);
	char app[ID_TEXT_SIZE], text[TOKEN_TEXT_MAX];
	struct err e;
	if (token_mint(c->token.org, id_to_text(ID_APP, app_id, app), flags, in->flags.n,
		&c->parts->config->jwt_secret, loop_wall(c->parts->loop), in->lifetime_s, text, &e))
		call_fail(c, &e);
	else
		reply_token(c, text);
}

static void
on_app(struct call *c, const struct pg_result *r)
{
	struct app_row app;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	app_row_read(r->res[0], 0, &app);
	mint(c, app.id);
}

/* What Posthorn cannot hold a token to is refused: a token that can do more than was asked for
 * would be worse than none. */
static void
refuse_limits(struct fields *f)
{
	const json_t *capabilities = json_object_get(f->object, "capabilities");
	if (json_is_true(json_object_get(f->object, "readOnly")))
		field_problem(f, "readOnly", "read-only tokens are not offered");
	if (capabilities && !json_is_null(capabilities))
		field_problem(f, "capabilities", "tokens with fewer capabilities are not offered");
}

static void
read_access(struct fields *f, struct access_in *ret)
{
	static const struct name_rule flags = { name_valid, 0, FLAGS_MAX };
	*ret = (struct access_in){ .lifetime_s = 0 };
	field_names(f, "featureFlags", NULL, &flags, &ret->flags);
	field_int_or_null(f, "expiry", NULL, LIFETIME_MIN_S, LIFETIME_MAX_S, &ret->lifetime_s);
	if (!ret->lifetime_s)
		ret->lifetime_s = LIFETIME_S;
	refuse_limits(f);
}

static void
look_up(struct call *c)
{
	struct pg_args *a = call_args(c);
	struct access_in *in = arena_alloc(c->arena, sizeof(*in));
	struct fields f;
	fields_begin(&f, c, BODY_WHOLE);
	read_access(&f, in);
	if (fields_end(&f))
		return;
	call_arg_app(c, a);
	c->state = in;
	call_query_one(c, &stmt_app_get, a, on_app);
}

void
api_portal_access(struct call *c)
{
	if (call_body_or_empty(c) == 0)
		app_in_ensure(c, look_up);
}

/* The older name of the same. */
void
api_dashboard_access(struct call *c)
{
	if (call_body_or_empty(c) == 0)
		look_up(c);
}
