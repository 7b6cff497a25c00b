/* /app: applications, the producers' customers. */
#include "store/app.h"

#include "api/app_in.h"
#include "api/handlers.h"
#include "statements.h"

static void
write_app(struct call *c, struct jw *j, const PGresult *r, int row)
{
	(void)c;
	struct app_row app;
	app_row_read(r, row, &app);
	jw_open_object(j);
	jw_put_id(j, "id", ID_APP, app.id);
	if (app.uid.p)
		jw_put_text(j, "uid", app.uid);
	jw_put_text(j, "name", app.name);
	if (app.throttle_rate) {
		jw_put_i64(j, "rateLimit", app.throttle_rate);
		jw_put_i64(j, "throttleRate", app.throttle_rate);
	} else {
		jw_put_null(j, "throttleRate");
	}
	jw_put_text_or_null(j, "endpointChallenge", app.endpoint_challenge);
	jw_put_raw(j, "metadata", app.metadata);
	jw_put_time(j, "createdAt", app.created_at);
	jw_put_time(j, "updatedAt", app.updated_at);
	jw_close_object(j);
}

static void
reply_app(struct call *c, int status, const PGresult *r)
{
	struct jw *j = call_json(c);
	write_app(c, j, r, 0);
	call_reply_json(c, status, j);
}

/* ---- create ---- */

/* An application being made; the id it will have is not known to anybody yet. */
struct creation {
	struct app_in in;
	bool get_if_exists;
};

static void
on_created(struct call *c, const struct pg_result *r)
{
	const struct creation *n = c->state;
	if (pg_rows(r->res[0]))
		reply_app(c, 201, r->res[0]);
	else if (n->get_if_exists && pg_rows(r->res[1]))
		reply_app(c, 200, r->res[1]);
	else
		call_fail_with(c, ERR_CONFLICT, "An application with this uid exists already");
}

/* Inserts, and in the same transaction reads what stands in the way, should something. */
static void
create(struct call *c, struct creation *n)
{
	int64_t id;
	if (call_new_id(c, &id))
		return;
	struct pg_args *get = call_args(c);
	const struct ref by_uid = { .uid = n->in.uid.p ? n->in.uid : STR("") };
	pg_arg_text(get, str_of(c->token.org));
	call_arg_ref(get, &by_uid);
	const struct pg_call calls[] = {
		{ &stmt_app_create, app_in_create_args(c, id, &n->in) },
		{ &stmt_app_get, get },
	};
	c->state = n;
	call_query_db(c, calls, ARRAY_LEN(calls), on_created);
}

void
api_app_create(struct call *c)
{
	struct creation *n = arena_zalloc(c->arena, sizeof(*n));
	struct fields f;
	if (call_query_bool(c, "get_if_exists", &n->get_if_exists) || call_body(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	app_in_read(&f, &n->in);
	if (fields_end(&f) == 0)
		create(c, n);
}

/* ---- read ---- */

static void
on_got(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		reply_app(c, 200, r->res[0]);
	else
		call_not_found(c);
}

void
api_app_get(struct call *c)
{
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	call_query_one(c, &stmt_app_get, a, on_got);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	page_reply(c, c->state, r->res[0], write_app);
}

void
api_app_list(struct call *c)
{
	struct page *p = arena_alloc(c->arena, sizeof(*p));
	if (call_page(c, ID_APP, false, p))
		return;
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_int8(a, p->cursor);
	pg_arg_int4(a, page_rows(p));
	c->state = p;
	call_query_one(c, page_up(p) ? &stmt_app_list_up : &stmt_app_list_down, a, on_listed);
}

/* ---- change ---- */

static void
changed(struct call *c, const PGresult *r)
{
	struct app_row app;
	app_row_read(r, 0, &app);
	catalogue_changed(c->parts->catalogue, app.id, app.version);
	reply_app(c, 200, r);
}

static void
on_patched(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		changed(c, r->res[0]);
	else
		call_not_found(c);
}

/* PUT: what is not there is made. The path's name is not taken for a uid (as the original has it).
 */
static void
on_put(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		changed(c, r->res[0]);
	else
		create(c, c->state);
}

static void
update(struct call *c, enum body_kind kind, call_fn fn)
{
	struct creation *n = arena_zalloc(c->arena, sizeof(*n));
	struct fields f;
	if (call_body(c))
		return;
	fields_begin(&f, c, kind);
	app_in_read(&f, &n->in);
	if (fields_end(&f))
		return;
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	fields_arg_given(&f, a);
	app_in_arg(a, &n->in);
	c->state = n;
	call_query_one(c, &stmt_app_update, a, fn);
}

void
api_app_put(struct call *c)
{
	update(c, BODY_WHOLE, on_put);
}

void
api_app_patch(struct call *c)
{
	update(c, BODY_PATCH, on_patched);
}

static void
on_deleted(struct call *c, const struct pg_result *r)
{
	const PGresult *gone = r->res[1];
	if (!pg_rows(gone)) {
		call_not_found(c);
		return;
	}
	catalogue_changed(c->parts->catalogue, pg_int(gone, 0, 0), pg_int(gone, 0, 1));
	call_reply_empty(c, 204);
}

void
api_app_delete(struct call *c)
{
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	const struct pg_call calls[] = { { &stmt_app_lock, a }, { &stmt_app_delete, a } };
	call_query_db(c, calls, ARRAY_LEN(calls), on_deleted);
}
