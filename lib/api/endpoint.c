/* /app/{app}/endpoint: where an application's events go. Every change makes a new version of the
 * application, in the same statement: events are matched under a version (lib/store/catalogue.h).
 */
#include "store/endpoint.h"

#include "api/endpoint_headers.h"
#include "api/endpoint_in.h"
#include "api/endpoint_out.h"
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "statements.h"

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

static void
reply_endpoint(struct call *c, int status, const PGresult *r)
{
	struct jw *j = call_json(c);
	write_endpoint(c, j, r, 0);
	call_reply_json(c, status, j);
}

/* ---- read ---- */

static void
on_got(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		reply_endpoint(c, 200, r->res[0]);
	else
		call_not_found(c);
}

void
api_endpoint_get(struct call *c)
{
	call_query_one(c, &stmt_endpoint_get, endpoint_args(c), on_got);
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
	struct str headers;          /* JSON; of a new one */
	const struct secret *secret; /* of a new one */
	bool is_new;
	bool may_create; /* PUT makes what is not there */
};

static void
tell_catalogue(struct call *c, const PGresult *r)
{
	struct endpoint_row e;
	endpoint_row_read(r, 0, c->arena, &e);
	catalogue_changed(c->parts->catalogue, e.app_id, e.app_version);
}

static void
on_created(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0])) {
		call_not_found(c); /* the application */
		return;
	}
	tell_catalogue(c, r->res[0]);
	reply_endpoint(c, 201, r->res[0]);
}

static void
create(struct call *c, const struct storing *s)
{
	int64_t id;
	if (call_new_id(c, &id))
		return;
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	pg_arg_int8(a, id);
	endpoint_in_arg(a, &s->in);
	pg_arg_text(a, s->headers);
	pg_arg_bytes(a, (struct str){ (const char *)s->secret->bytes, s->secret->len });
	call_query_one(c, &stmt_endpoint_create, a, on_created);
}

static void
on_updated(struct call *c, const struct pg_result *r)
{
	const struct storing *s = c->state;
	if (pg_rows(r->res[0])) {
		tell_catalogue(c, r->res[0]);
		reply_endpoint(c, 200, r->res[0]);
	} else if (s->may_create) {
		create(c, s);
	} else {
		call_not_found(c);
	}
}

static void
store(struct call *c)
{
	const struct storing *s = c->state;
	if (s->is_new) {
		create(c, s);
		return;
	}
	struct pg_args *a = endpoint_args(c);
	fields_arg_given(&s->fields, a);
	endpoint_in_arg(a, &s->in);
	call_query_one(c, &stmt_endpoint_update, a, on_updated);
}

static void
on_types_known(struct call *c, const struct pg_result *r)
{
	static const char *const loc[] = { "body", "eventTypes", NULL };
	if (pg_rows(r->res[0]))
		call_invalid(
		    c, loc, "there is no event type %.*s", STR_FMT(pg_str(r->res[0], 0, 0)));
	else
		store(c);
}

/* A filter names event types that there are: a slip of the pen would be an endpoint without events.
 */
static void
check_types_and_store(struct call *c)
{
	const struct storing *s = c->state;
	if (s->in.event_types.n == 0) {
		store(c);
		return;
	}
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_texts(a, s->in.event_types.name, s->in.event_types.n);
	call_query_one(c, &stmt_event_types_unknown, a, on_types_known);
}

static struct storing *
storing_new(struct call *c, enum body_kind kind)
{
	if (call_body(c))
		return NULL;
	struct storing *s = arena_zalloc(c->arena, sizeof(*s));
	fields_begin(&s->fields, c, kind);
	endpoint_in_read(&s->fields, &s->in);
	s->headers = STR("{}");
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
	s->secret = endpoint_secret_field(&s->fields, "secret");
	endpoint_headers_field(&s->fields, &s->headers);
	if (fields_end(&s->fields) == 0)
		check_types_and_store(c);
}

/* The key and the headers have routes of their own. A new endpoint gets a key of ours. */
void
api_endpoint_put(struct call *c)
{
	struct storing *s = storing_new(c, BODY_WHOLE);
	if (!s || fields_end(&s->fields))
		return;
	s->may_create = true;
	s->secret = endpoint_secret_new(c);
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
