/* /app/{app}/polling-endpoint: where an application's events are kept to be fetched (poller.c). As
 * of endpoints, every change makes a new version of the application, in the same statement. */
#include "store/polling_endpoint.h"

#include "api/handlers.h"
#include "api/subscription.h"
#include "statements.h"

#define POLLING_ENDPOINTS_MAX 50 /* of an application: each is matched with its events */
#define DESCRIPTION_MAX       65536

struct polling_endpoint_in {
	struct str uid, description, metadata;
	bool disabled;
	struct subscription subscription;
};

/* One about to be stored. */
struct storing {
	struct polling_endpoint_in in;
	struct fields fields;
	bool is_new;
	bool may_create; /* PUT makes what is not there */
};

/* The five arguments that every statement about one begins with. */
static struct pg_args *
args_of_one(struct call *c)
{
	struct pg_args *a = call_args(c);
	struct ref ref = call_ref(ID_POLL, c->params[1]);
	call_arg_app(c, a);
	call_arg_ref(a, &ref);
	return a;
}

/* ---- read ---- */

static void
write_one(struct call *c, struct jw *j, const PGresult *r, int row)
{
	struct polling_endpoint_row e;
	polling_endpoint_row_read(r, row, c->arena, &e);
	jw_open_object(j);
	jw_put_id(j, "id", ID_POLL, e.id);
	jw_put_text_or_null(j, "uid", e.uid);
	jw_put_text(j, "description", e.description);
	jw_put_bool(j, "disabled", e.disabled);
	subscription_put(j, e.event_types, e.nevent_types, e.channels, e.nchannels);
	jw_put_raw(j, "metadata", e.metadata);
	jw_put_time(j, "createdAt", e.created_at);
	jw_put_time(j, "updatedAt", e.updated_at);
	jw_close_object(j);
}

static void
reply_one(struct call *c, int status, const PGresult *r)
{
	struct jw *j = call_json(c);
	write_one(c, j, r, 0);
	call_reply_json(c, status, j);
}

static void
on_got(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		reply_one(c, 200, r->res[0]);
	else
		call_not_found(c);
}

void
api_polling_endpoint_get(struct call *c)
{
	call_query_one(c, &stmt_polling_endpoint_get, args_of_one(c), on_got);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		page_reply(c, c->state, r->res[0], write_one);
	else
		call_not_found(c);
}

void
api_polling_endpoint_list(struct call *c)
{
	struct page *p = arena_alloc(c->arena, sizeof(*p));
	if (call_page(c, ID_POLL, true, p))
		return;
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	pg_arg_int8(a, p->cursor);
	pg_arg_int4(a, page_rows(p));
	c->state = p;
	call_query_one(c,
	    page_up(p) ? &stmt_polling_endpoint_list_up : &stmt_polling_endpoint_list_down, a,
	    on_listed);
}

/* ---- create and change ---- */

static void
arg_fields(struct pg_args *a, const struct polling_endpoint_in *in)
{
	pg_arg_text(a, in->uid);
	pg_arg_text(a, in->description);
	pg_arg_bool(a, in->disabled);
	subscription_arg(a, &in->subscription);
	pg_arg_text(a, in->metadata);
}

static void
tell_catalogue(struct call *c, const PGresult *r)
{
	struct polling_endpoint_row e;
	polling_endpoint_row_read(r, 0, c->arena, &e);
	catalogue_changed(c->parts->catalogue, e.app_id, e.app_version);
}

static void
on_created(struct call *c, const struct pg_result *r)
{
	const PGresult *made = r->res[0];
	if (!pg_rows(made)) {
		call_not_found(c); /* the application */
	} else if (pg_null(made, 0, 0)) {
		call_fail_with(c, ERR_CONFLICT, "an application has %d polling endpoints at most",
		    POLLING_ENDPOINTS_MAX);
	} else {
		tell_catalogue(c, made);
		reply_one(c, 201, made);
	}
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
	arg_fields(a, &s->in);
	pg_arg_int4(a, POLLING_ENDPOINTS_MAX);
	call_query_one(c, &stmt_polling_endpoint_create, a, on_created);
}

static void
on_updated(struct call *c, const struct pg_result *r)
{
	const struct storing *s = c->state;
	if (pg_rows(r->res[0])) {
		tell_catalogue(c, r->res[0]);
		reply_one(c, 200, r->res[0]);
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
	struct pg_args *a = args_of_one(c);
	fields_arg_given(&s->fields, a);
	arg_fields(a, &s->in);
	call_query_one(c, &stmt_polling_endpoint_update, a, on_updated);
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

static void
read_fields(struct fields *f, struct polling_endpoint_in *ret)
{
	*ret = (struct polling_endpoint_in){ .description = STR(""), .metadata = STR("{}") };
	field_uid(f, ID_POLL, &ret->uid);
	field_text(f, "description", 0, DESCRIPTION_MAX, &ret->description);
	field_bool(f, "disabled", &ret->disabled);
	subscription_read(f, &ret->subscription);
	field_metadata(f, &ret->metadata);
}

static void
write_what_is_told(struct call *c, enum body_kind kind, bool is_new)
{
	if (kind == BODY_WHOLE ? call_body_or_empty(c) : call_body(c))
		return;
	struct storing *s = arena_zalloc(c->arena, sizeof(*s));
	fields_begin(&s->fields, c, kind);
	read_fields(&s->fields, &s->in);
	s->is_new = is_new;
	s->may_create = kind == BODY_WHOLE;
	c->state = s;
	if (fields_end(&s->fields) == 0)
		check_types_and_store(c);
}

void
api_polling_endpoint_create(struct call *c)
{
	write_what_is_told(c, BODY_WHOLE, true);
}

void
api_polling_endpoint_put(struct call *c)
{
	write_what_is_told(c, BODY_WHOLE, false);
}

void
api_polling_endpoint_patch(struct call *c)
{
	write_what_is_told(c, BODY_PATCH, false);
}

static void
on_deleted(struct call *c, const struct pg_result *r)
{
	const PGresult *gone = r->res[0];
	if (!pg_rows(gone)) {
		call_not_found(c);
		return;
	}
	catalogue_changed(c->parts->catalogue, pg_int(gone, 0, 0), pg_int(gone, 0, 1));
	call_reply_empty(c, 204);
}

void
api_polling_endpoint_delete(struct call *c)
{
	call_query_one(c, &stmt_polling_endpoint_delete, args_of_one(c), on_deleted);
}
