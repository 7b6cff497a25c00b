/* Making ownership challenges (endpoint_challenge.h).
 *
 *	endpoint_prove ──▶ endpoint_challenged.sql ──▶ settle ──▶ ask ──▶ on_result ──▶ then
 *	                                                  └── no challenge is called for ──▶ ┘
 *
 * The route /verify asks for an endpoint as it is, and stores the outcome alone. */
#include "api/endpoint_challenge.h"

#include <assert.h>

#include "base/attr.h"

#include "api/endpoint_out.h"
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "send/challenge.h"
#include "statements.h"

static const char *const kinds[] = { "slack", "cloudevents", NULL };

/* Columns of endpoint_challenged.sql behind those of the snapshot. */
enum {
	COL_APP_KIND = CAT_APP_COLUMNS,
	COL_KIND,
	COL_UNVERIFIED,
};

struct proving {
	struct call *c;
	const struct endpoint_change *change; /* NULL: as it is */
	struct endpoint_proof *proof;
	void (*then)(struct call *c);
	void *outer; /* the call's state before */
	const struct cat_app *app;
	struct cat_endpoint endpoint; /* as it will be */
	bool is_guarded;              /* it gets its events now, and goes on to */
	bool moves;                   /* to another URL */
};

/* ---- fields ------------------------------------------------------------------------------- */

void
endpoint_challenge_field(struct fields *f, const char *name, struct str *ret)
{
	enum body_kind kind = f->kind;
	f->kind = BODY_PATCH;
	field_word_or_null(f, name, kinds, ret);
	f->kind = kind;
}

void
endpoint_proof_arg(struct pg_args *a, const struct endpoint_proof *p)
{
	pg_arg_bool(a, p->verified);
	pg_arg_text(a, p->why);
	if (p->rate)
		pg_arg_int4(a, p->rate);
	else
		pg_arg_null(a);
}

void
endpoint_challenge_put(struct jw *j, const struct endpoint_row *e)
{
	const struct str none = { NULL, 0 };
	struct str verification = e->unverified ? STR("unverified") : STR("verified");
	jw_put_text_or_null(j, "challenge", e->challenge);
	jw_put_text_or_null(j, "verification", e->challenge.p ? verification : none);
	if (e->verified_at.us)
		jw_put_time(j, "verifiedAt", e->verified_at);
	else
		jw_put_null(j, "verifiedAt");
	jw_put_text_or_null(j, "challengeError", e->challenge_error);
	if (e->challenge_rate)
		jw_put_i64(j, "allowedRate", e->challenge_rate);
	else
		jw_put_null(j, "allowedRate");
}

/* ---- making one --------------------------------------------------------------------------- */

static void
refuse_change(struct call *c, const struct proving *p)
{
	const char *const loc[] = { "body", p->moves ? "url" : "challenge", NULL };
	call_invalid(
	    c, loc, "the challenge failed, and nothing was changed: %.*s", STR_FMT(p->proof->why));
}

static void
on_result(void *arg, const struct challenge_result *r)
{
	struct proving *p = arg;
	struct call *c = p->c;
	struct endpoint_proof *proof = p->proof;
	proof->verified = r->verified;
	proof->rate = r->rate;
	if (!r->verified)
		proof->why = str_of(arena_strdup(c->arena, r->why));
	if (r->stopped)
		call_fail_with(c, ERR_UNAVAILABLE, "the program stops");
	else if (!r->verified && p->is_guarded)
		refuse_change(c, p);
	else
		p->then(c);
}

static void
ask(struct proving *p, struct str kind)
{
	struct call *c = p->c;
	struct challenge_ask ask = {
		.kind = challenge_kind_parse(kind),
		.app = p->app,
		.endpoint = &p->endpoint,
	};
	p->proof->kind = kind;
	p->proof->url = p->endpoint.url;
	if (call_new_id(c, &ask.id))
		return;
	if (challenge_start(sender_challenges(c->parts->sender), &ask, on_result, p))
		call_fail_with(
		    c, ERR_UNAVAILABLE, "%d challenges are under way; try again", CHALLENGES_MAX);
}

/* ---- the endpoint as it will be ----------------------------------------------------------- */

static void
set_headers(struct call *c, struct str text, struct cat_endpoint *e)
{
	int n = 0;
	json_t *set = json_loadb(text.p, text.n, 0, NULL);
	assert(set); /* our own text, of a body that was judged */
	call_own_json(c, set);
	const char **lines = arena_alloc(c->arena, sizeof(*lines) * json_object_size(set));
	for (void *at = json_object_iter(set); at; at = json_object_iter_next(set, at))
		lines[n++] = arena_printf(c->arena, "%s: %s", json_object_iter_key(at),
		    json_string_value(json_object_iter_value(at)));
	e->headers = lines;
	e->nheaders = n;
}

/* What the change says, over what is there. */
static void
set_endpoint(struct call *c, const struct endpoint_change *change, struct cat_endpoint *e)
{
	static const struct wall for_ever = { 0 };
	const struct endpoint_in *in = change->in;
	if (fields_has(change->fields, "url"))
		e->url = in->url;
	if (fields_has(change->fields, "timeoutMs"))
		e->timeout_ms = in->timeout_ms;
	if (fields_has(change->fields, "signatureProfile") || change->is_new) {
		e->profile = in->shape.profile;
		e->template = in->shape.template;
	}
	if (change->headers.p)
		set_headers(c, change->headers, e);
	if (e->nsecrets == 0) {
		e->secrets = change->secret;
		e->secrets_until = &for_ever;
		e->nsecrets = 1;
	}
}

static struct str
column(struct call *c, const PGresult *r, int col)
{
	return arena_str(c->arena, pg_str(r, 0, col));
}

/* Which challenge it has from now on, and whether it must be answered now. */
static void
settle(struct proving *p, const struct cat_endpoint *there, const PGresult *r)
{
	struct call *c = p->c;
	const struct endpoint_change *change = p->change;
	struct str demanded = column(c, r, COL_APP_KIND), had = column(c, r, COL_KIND);
	bool given = fields_has(change->fields, "challenge");
	p->moves =
	    !there || (fields_has(change->fields, "url") && !str_eq(there->url, change->in->url));
	struct str kind = given || !there ? change->in->challenge : had;
	if (!kind.p && (given || p->moves))
		kind = demanded;
	bool same = kind.p && had.p ? str_eq(kind, had) : kind.p == had.p;
	bool other = !there || !same;
	change->in->challenge = kind;
	if (other && !given)
		fields_give(change->fields, "challenge");
	if (!kind.p || !(p->moves || other)) {
		p->then(c);
		return;
	}
	p->is_guarded = there && !pg_bool(r, 0, COL_UNVERIFIED);
	set_endpoint(c, change, &p->endpoint);
	ask(p, kind);
}

static void
release_app(void *app)
{
	cat_app_unref(app);
}

static void
on_known(struct call *c, const struct pg_result *result)
{
	struct proving *p = c->state;
	const PGresult *r = result->res[0];
	const struct endpoint_change *change = p->change;
	c->state = p->outer;
	if (!pg_rows(r)) {
		call_not_found(c);
		return;
	}
	p->app = cat_app_read(r);
	arena_own(c->arena, (void *)(uintptr_t)p->app, release_app);
	const struct cat_endpoint *there = p->app->nendpoints ? &p->app->endpoints[0] : NULL;
	if (there)
		p->endpoint = *there;
	if (change && (there || change->is_new || change->may_create))
		settle(p, there, r);
	else if (!there)
		call_not_found(c);
	else if (pg_null(r, 0, COL_KIND))
		call_fail_code(c, 400, "no_challenge", "The endpoint has no challenge");
	else
		ask(p, column(c, r, COL_KIND));
}

static void
know(struct proving *p, struct pg_args *args)
{
	struct call *c = p->c;
	p->outer = c->state;
	c->state = p;
	call_query_one(c, &stmt_endpoint_challenged, args, on_known);
}

void
endpoint_prove(struct call *c, const struct endpoint_change *change, struct endpoint_proof *ret,
    void (*then)(struct call *c))
{
	*ret = (struct endpoint_proof){ .verified = false };
	if (!change->is_new && !fields_has(change->fields, "url") &&
	    !fields_has(change->fields, "challenge")) {
		then(c);
		return;
	}
	struct proving *p = arena_zalloc(c->arena, sizeof(*p));
	p->c = c;
	p->change = change;
	p->proof = ret;
	p->then = then;
	struct pg_args *a = change->is_new ? call_args(c) : endpoint_args(c);
	if (change->is_new) { /* it has no place in the path */
		const struct ref none = { .id = 0 };
		call_arg_app(c, a);
		call_arg_ref(a, &none);
	}
	know(p, a);
}

/* ---- on request: /app/{app}/endpoint/{endpoint}/verify ------------------------------------ */

/* The endpoint as it is now, whatever became of the outcome: it may have been changed or deleted
 * meanwhile. */
static void
on_stored(struct call *c, const struct pg_result *r)
{
	const PGresult *changed = r->res[0], *endpoint = r->res[1];
	if (pg_rows(changed))
		catalogue_changed(
		    c->parts->catalogue, pg_int(changed, 0, 0), pg_int(changed, 0, 1));
	if (pg_rows(endpoint))
		endpoint_reply(c, 200, endpoint);
	else
		call_not_found(c);
}

static void
store_outcome(struct call *c)
{
	const struct endpoint_proof *proof = c->state;
	struct pg_args *a = endpoint_args(c);
	pg_arg_text(a, proof->url);
	pg_arg_text(a, proof->kind);
	endpoint_proof_arg(a, proof);
	const struct pg_call calls[] = { { &stmt_endpoint_verify, a },
		{ &stmt_endpoint_get, endpoint_args(c) } };
	call_query_db(c, calls, ARRAY_LEN(calls), on_stored);
}

void
api_endpoint_verify(struct call *c)
{
	struct proving *p = arena_zalloc(c->arena, sizeof(*p));
	p->c = c;
	p->proof = arena_zalloc(c->arena, sizeof(*p->proof));
	p->then = store_outcome;
	c->state = p->proof;
	know(p, endpoint_args(c));
}
