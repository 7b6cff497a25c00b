/* /app/{app}/endpoint: where an application's events go. Every change makes a new version of the
 * application, in the same statement: events are matched under a version (lib/store/catalogue.h).
 */
#include "store/endpoint.h"

#include "api/endpoint_challenge.h"
#include "api/endpoint_headers.h"
#include "api/endpoint_in.h"
#include "api/endpoint_out.h"
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "rest/home.h"
#include "statements.h"

#define WAITING_MAX 1000 /* parked deliveries that are counted */

static void
write_endpoint(struct call *c, struct jw *j, const PGresult *r, int row)
{
	struct endpoint_row e;
	endpoint_row_read(r, row, c->arena, &e);
	jw_open_object(j);
	endpoint_put_fields(c, j, &e);
	jw_put_raw(j, "metadata", e.metadata);
	jw_close_object(j);
}

void
endpoint_reply(struct call *c, int status, const PGresult *r)
{
	struct jw *j = call_json(c);
	write_endpoint(c, j, r, 0);
	call_reply_json(c, status, j);
}

/* ---- read ---- */

/* The endpoint, and what waits for it when deliveries are held. */
static void
on_got(struct call *c, const struct pg_result *r)
{
	const PGresult *endpoint = r->res[0], *waiting = r->res[1];
	struct endpoint_row e;
	if (!pg_rows(endpoint)) {
		call_not_found(c);
		return;
	}
	struct jw *j = call_json(c);
	endpoint_row_read(endpoint, 0, c->arena, &e);
	jw_open_object(j);
	endpoint_put_fields(c, j, &e);
	jw_put_raw(j, "metadata", e.metadata);
	if (pg_rows(waiting))
		jw_put_i64(j, "waiting", pg_int(waiting, 0, 0));
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

void
api_endpoint_get(struct call *c)
{
	struct pg_args *waiting = endpoint_args(c);
	pg_arg_int4(waiting, WAITING_MAX);
	const struct pg_call calls[] = { { &stmt_endpoint_get, endpoint_args(c) },
		{ &stmt_endpoint_waiting, waiting } };
	call_query_db(c, calls, ARRAY_LEN(calls), on_got);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		page_reply(c, c->state, r->res[0], write_endpoint);
	else
		call_not_found(c);
}

void
api_endpoint_list(struct call *c)
{
	struct page *p = arena_alloc(c->arena, sizeof(*p));
	if (call_page(c, ID_ENDPOINT, true, p))
		return;
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	pg_arg_int8(a, p->cursor);
	pg_arg_int4(a, page_rows(p));
	c->state = p;
	call_query_one(
	    c, page_up(p) ? &stmt_endpoint_list_up : &stmt_endpoint_list_down, a, on_listed);
}

/* ---- create and change ---- */

/* An endpoint about to be stored. */
struct storing {
	struct endpoint_in in;
	struct fields fields;
	struct str headers;               /* JSON; {NULL, 0}: as they are, none of a new one */
	const struct sign_secret *secret; /* of a new one */
	bool is_new;
	bool may_create; /* PUT makes what is not there */
	struct endpoint_change change;
	struct endpoint_proof proof;
	bool holds;   /* its hold may be made: under `home` */
	bool enables; /* its hold may change, if there is one */
	struct home home;
};

static void
arg_home(struct pg_args *a, const struct storing *s)
{
	if (s->holds) {
		pg_arg_int2(a, s->home.slot);
		pg_arg_int8(a, s->home.epoch);
	} else {
		pg_arg_null(a);
		pg_arg_null(a);
	}
}

static void
tell_catalogue(struct call *c, const PGresult *r)
{
	struct endpoint_row e;
	endpoint_row_read(r, 0, c->arena, &e);
	catalogue_changed(c->parts->catalogue, e.app_id, e.app_version);
}

/* Its statements: the hold is locked first when it may change, under the fence when it may be made
 * (endpoint_hold.sql). The last result is the endpoint. */
static void
submit(struct call *c, const struct pg_stmt *stmt, const struct pg_args *args, call_fn fn)
{
	const struct storing *s = c->state;
	struct pg_call calls[3];
	int n = 0;
	if (s->holds)
		calls[n++] = (struct pg_call){ &stmt_fence, home_fence_args(c->arena, &s->home) };
	if (s->holds || s->enables) {
		struct pg_args *a = endpoint_args(c);
		arg_home(a, s);
		calls[n++] = (struct pg_call){ &stmt_endpoint_hold, a };
	}
	calls[n++] = (struct pg_call){ stmt, args };
	call_query_db(c, calls, n, fn);
}

/* No endpoint came back because the slot was lost meanwhile. */
static bool
lost_home(struct call *c, const struct pg_result *r)
{
	const struct storing *s = c->state;
	if (!s->holds || pg_bool(r->res[1], 0, 0))
		return false;
	call_fail_with(c, ERR_UNAVAILABLE, "this worker has lost its slot; try again");
	return true;
}

static void
on_created(struct call *c, const struct pg_result *r)
{
	const PGresult *made = r->res[r->n - 1];
	if (pg_rows(made)) {
		tell_catalogue(c, made);
		endpoint_reply(c, 201, made);
	} else if (!lost_home(c, r)) {
		call_not_found(c); /* the application */
	}
}

static void
create(struct call *c, struct storing *s)
{
	int64_t id;
	/* A new one has no hold unless it needs one. */
	s->holds = s->in.paused || s->in.ordering.p;
	s->enables = false;
	if (call_new_id(c, &id) || (s->holds && call_home(c, &s->home)))
		return;
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	pg_arg_int8(a, id);
	endpoint_in_arg(a, &s->in);
	arg_home(a, s);
	pg_arg_text(a, s->headers.p ? s->headers : STR("{}"));
	endpoint_secret_arg(a, s->secret);
	endpoint_shape_arg(a, &s->in.shape);
	pg_arg_text(a, s->in.challenge);
	endpoint_proof_arg(a, &s->proof);
	submit(c, &stmt_endpoint_create, a, on_created);
}

static void
on_updated(struct call *c, const struct pg_result *r)
{
	struct storing *s = c->state;
	const PGresult *changed = r->res[r->n - 1];
	if (pg_rows(changed)) {
		tell_catalogue(c, changed);
		endpoint_reply(c, 200, changed);
	} else if (lost_home(c, r)) {
		return;
	} else if (s->may_create) {
		create(c, s);
	} else {
		call_not_found(c);
	}
}

static void
update(struct call *c, struct storing *s)
{
	s->holds = endpoint_in_holds(&s->fields);
	s->enables = fields_has(&s->fields, "disabled") && !s->in.disabled;
	if (s->holds && call_home(c, &s->home))
		return;
	struct pg_args *a = endpoint_args(c);
	fields_arg_given(&s->fields, a);
	endpoint_in_arg(a, &s->in);
	arg_home(a, s);
	pg_arg_text(a, s->headers);
	endpoint_shape_arg(a, &s->in.shape);
	pg_arg_text(a, s->in.challenge);
	pg_arg_text(a, s->proof.url);
	endpoint_proof_arg(a, &s->proof);
	submit(c, &stmt_endpoint_update, a, on_updated);
}

static void
create_or_update(struct call *c)
{
	struct storing *s = c->state;
	if (s->is_new)
		create(c, s);
	else
		update(c, s);
}

/* The challenge is the last of what may refuse it. */
static void
prove_and_store(struct call *c)
{
	struct storing *s = c->state;
	s->change = (struct endpoint_change){
		.in = &s->in,
		.fields = &s->fields,
		.headers = s->headers,
		.secret = s->secret,
		.is_new = s->is_new,
		.may_create = s->may_create,
	};
	endpoint_prove(c, &s->change, &s->proof, create_or_update);
}

/* The key that is there must be one that signs under the new profile. */
static void
on_key_known(struct call *c, const struct pg_result *r)
{
	static const char *const loc[] = { "body", "signatureProfile", NULL };
	struct storing *s = c->state;
	struct str old;
	if (pg_rows(r->res[0])) {
		const struct sign_secret *key = endpoint_secret_read(c, r->res[0], &old);
		if (!key)
			return;
		const char *why = endpoint_profile_refuses(s->in.shape.profile, key->kind);
		if (why) {
			call_invalid(c, loc, "%s", why);
			return;
		}
	}
	prove_and_store(c);
}

static void
store(struct call *c)
{
	const struct storing *s = c->state;
	if (!s->is_new && fields_has(&s->fields, "signatureProfile"))
		call_query_one(c, &stmt_endpoint_secret_get, endpoint_args(c), on_key_known);
	else
		prove_and_store(c);
}

static void
on_types_known(struct call *c, const struct pg_result *r)
{
	if (!subscription_refused(c, r))
		store(c);
}

static void
check_types_and_store(struct call *c)
{
	const struct storing *s = c->state;
	if (s->in.subscription.event_types.n)
		subscription_check(c, &s->in.subscription, on_types_known);
	else
		store(c);
}

static struct storing *
storing_new(struct call *c, enum body_kind kind)
{
	if (call_body(c))
		return NULL;
	struct storing *s = arena_zalloc(c->arena, sizeof(*s));
	fields_begin(&s->fields, c, kind);
	endpoint_in_read(&s->fields, &s->in);
	c->state = s;
	return s;
}

void
api_endpoint_create(struct call *c)
{
	struct storing *s = storing_new(c, BODY_WHOLE);
	if (!s)
		return;
	s->is_new = true;
	s->secret = endpoint_secret_field(&s->fields, "secret", s->in.shape.profile);
	endpoint_headers_field(&s->fields, &s->headers);
	if (fields_end(&s->fields) == 0)
		check_types_and_store(c);
}

/* The key has routes of its own: a new endpoint gets one of ours. So have the headers, which stay
 * when they are not told. */
void
api_endpoint_put(struct call *c)
{
	struct storing *s = storing_new(c, BODY_WHOLE);
	if (!s)
		return;
	endpoint_headers_field(&s->fields, &s->headers);
	if (fields_end(&s->fields))
		return;
	s->may_create = true;
	s->secret = endpoint_secret_new(c, s->in.shape.profile);
	check_types_and_store(c);
}

void
api_endpoint_patch(struct call *c)
{
	struct storing *s = storing_new(c, BODY_PATCH);
	if (s && fields_end(&s->fields) == 0)
		check_types_and_store(c);
}

void
api_endpoint_delete(struct call *c)
{
	call_query_one(c, &stmt_endpoint_delete, endpoint_args(c), endpoint_on_changed);
}
