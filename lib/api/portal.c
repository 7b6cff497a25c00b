/* /auth: tokens for the portal that a customer sees, bound to one application. */
#include "base/rand.h"

#include "api/app_in.h"
#include "api/handlers.h"
#include "policy/name.h"
#include "statements.h"
#include "store/app.h"

#define LIFETIME_S     604800 /* a week: what it lives when nothing is told */
#define LIFETIME_MIN_S 3600
#define LIFETIME_MAX_S TOKEN_SESSION_LIFE_S
#define FLAGS_MAX      50

struct access_in {
	struct names flags;
	int64_t lifetime_s;
	unsigned may;
	struct str session;
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
	c->confidential = true;
	call_reply_json(c, 200, j);
}

/* version: of the application as it was read. What voids its tokens later makes a newer one. */
static void
mint(struct call *c, int64_t app_id, int64_t version)
{
	const struct access_in *in = c->state;
	const char *flags[FLAGS_MAX];
	for (int i = 0; i < in->flags.n; i++)
		flags[i] = arena_strndup(c->arena, in->flags.name[i].p, in->flags.name[i].n);
	char app[ID_TEXT_SIZE], text[TOKEN_TEXT_MAX];
	struct err e;
	struct token_grant g = { .org = c->token.org,
		.app = id_to_text(ID_APP, app_id, app),
		.flags = flags,
		.nflags = in->flags.n,
		.may = in->may,
		.session =
		    in->session.p ? arena_strndup(c->arena, in->session.p, in->session.n) : NULL,
		.version = version };
	rand_bytes(&g.number, sizeof(g.number)); /* each can be logged out by itself */
	if (token_mint_grant(
		&g, c->parts->token_key, loop_wall(c->parts->loop), in->lifetime_s, text, &e))
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
	mint(c, app.id, app.version);
}

/* Bits of token_may; 0 when none are named. */
static unsigned
read_capabilities(struct fields *f)
{
	const json_t *told = json_object_get(f->object, "capabilities");
	unsigned may = 0;
	if (!told || json_is_null(told))
		return 0;
	for (size_t i = 0; i < json_array_size(told); i++) {
		const json_t *name = json_array_get(told, i);
		struct str text = { json_string_value(name), json_string_length(name) };
		unsigned one = json_is_string(name) ? token_capability(text) : 0;
		if (!one)
			field_problem_at(f, "capabilities", i, "is no capability");
		may |= one;
		if (!one)
			return 0;
	}
	if (!(may & TOKEN_MAY_VIEW))
		field_problem(f, "capabilities", "must be a list with ViewBase in it");
	return may;
}

/* Without "capabilities" a token may do everything, a read-only one read all but signing keys; of
 * those named a read-only one keeps what reads. */
static unsigned
read_may(struct fields *f)
{
	bool read_only = false;
	unsigned may = read_capabilities(f);
	if (!json_is_null(json_object_get(f->object, "readOnly")))
		field_bool(f, "readOnly", &read_only);
	return read_only ? TOKEN_MAY_VIEW | (may & TOKEN_MAY_VIEW_SECRET) : may;
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
	ret->may = read_may(f);
	field_text_or_null(f, "sessionId", TOKEN_SESSION_MAX, &ret->session);
	if (ret->session.p && !name_valid(ret->session))
		field_problem(f, "sessionId", "may have letters, digits, - _ and .");
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

/* With a public key alone tokens are made where the private one is. No 501, though it is one: that
 * clients would send again and again. */
static bool
refuse_without_key(struct call *c)
{
	bool mints = token_key_mints(c->parts->token_key);
	if (!mints)
		call_fail_code(c, 400, "no_private_key",
		    "This server has no private key (jwt_private_key): tokens are made elsewhere");
	return !mints;
}

void
api_portal_access(struct call *c)
{
	if (!refuse_without_key(c) && call_body_or_empty(c) == 0)
		app_in_ensure(c, look_up);
}

/* The older name of the same. */
void
api_dashboard_access(struct call *c)
{
	if (!refuse_without_key(c) && call_body_or_empty(c) == 0)
		look_up(c);
}
