/* /event-type: the vocabulary of an organisation. Events may carry types that are not in it; an
 * endpoint's filter may not. */
#include "store/event_type.h"

#include "api/handlers.h"
#include "api/schemas.h"
#include "policy/name.h"
#include "rest/field.h"
#include "statements.h"
#include "store/event_schemas.h"

#define DESCRIPTION_MAX   65536 /* bytes */
#define FEATURE_FLAGS_MAX 20

static void
write_event_type(struct call *c, struct jw *j, const PGresult *r, int row)
{
	struct event_type_row t;
	event_type_row_read(r, row, c->arena, &t);
	jw_open_object(j);
	jw_put_text(j, "name", t.name);
	jw_put_text(j, "description", t.description);
	jw_put_bool(j, "archived", t.archived);
	jw_put_bool(j, "deprecated", t.deprecated);
	jw_key(j, "schemas");
	if (t.schemas.p)
		jw_raw(j, t.schemas);
	else
		jw_null(j);
	jw_put_text_or_null(j, "featureFlag", t.feature_flag);
	if (t.feature_flag.p) {
		jw_key(j, "featureFlags");
		jw_open_array(j);
		jw_text(j, t.feature_flag);
		for (int i = 0; i < t.nmore; i++)
			jw_text(j, t.more[i]);
		jw_close_array(j);
	}
	jw_put_text_or_null(j, "groupName", t.group_name);
	jw_put_time(j, "createdAt", t.created_at);
	jw_put_time(j, "updatedAt", t.updated_at);
	jw_close_object(j);
}

static void
reply_event_type(struct call *c, int status, const PGresult *r)
{
	struct jw *j = call_json(c);
	write_event_type(c, j, r, 0);
	call_reply_json(c, status, j);
}

static void
note_change(struct call *c, struct str name)
{
	if (c->parts->schemas)
		event_schemas_forget(c->parts->schemas, str_of(c->token.org), name);
}

static void
on_one(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		reply_event_type(c, 200, r->res[0]);
	else
		call_not_found(c);
}

/* ---- what is told of one ---- */

struct event_type_in {
	struct str name;
	struct str description;
	bool archived, deprecated;
	struct str schemas, feature_flag, group_name;
	struct names more; /* flags */
};

static bool
is_given(const json_t *v)
{
	return v && !json_is_null(v);
}

/* What no token could carry would hide a type from every application. */
static void
read_feature_flag(struct fields *f, struct str *ret)
{
	field_text_or_null(f, "featureFlag", NAME_MAX_LEN, ret);
	if (ret->p && !name_valid(*ret))
		field_problem(
		    f, "featureFlag", "must be 1 to %d of a-z A-Z 0-9 - _ .", NAME_MAX_LEN);
}

/* "featureFlags" is a set, "featureFlag" the older clients' way to say one. */
static void
read_feature_flags(struct fields *f, struct event_type_in *ret)
{
	static const struct name_rule rule = { name_valid, 0, FEATURE_FLAGS_MAX };
	struct names flags = { 0 };
	const json_t *set = json_object_get(f->object, "featureFlags");
	if (!set || (!is_given(set) && is_given(json_object_get(f->object, "featureFlag")))) {
		read_feature_flag(f, &ret->feature_flag);
		return;
	}
	/* The set counts, whatever the older member says, which must be a good one even so. */
	struct str older = { NULL, 0 };
	field_names(f, "featureFlags", NULL, &rule, &flags);
	f->given[f->ngiven - 1] = STR("featureFlag");
	read_feature_flag(f, &older);
	if (flags.n == 0)
		return;
	ret->feature_flag = flags.name[0];
	ret->more = (struct names){ flags.n - 1, flags.name + 1 };
}

static void
read_fields(struct fields *f, struct event_type_in *ret)
{
	/* Older clients' PUT and POST leave the description out. */
	ret->description = STR("");
	field_text(f, "description", 0, DESCRIPTION_MAX, &ret->description);
	field_bool(f, "archived", &ret->archived);
	field_bool(f, "deprecated", &ret->deprecated);
	schemas_field(f, &ret->schemas);
	read_feature_flags(f, ret);
	field_text_or_null(f, "groupName", NAME_MAX_LEN, &ret->group_name);
}

/* Seven arguments: description, archived, deprecated, schemas, feature flag, others, group. */
static void
arg_fields(struct pg_args *a, const struct event_type_in *in)
{
	pg_arg_text(a, in->description);
	pg_arg_bool(a, in->archived);
	pg_arg_bool(a, in->deprecated);
	pg_arg_text(a, in->schemas);
	pg_arg_text(a, in->feature_flag);
	if (in->more.n)
		pg_arg_texts(a, in->more.name, in->more.n);
	else
		pg_arg_null(a);
	pg_arg_text(a, in->group_name);
}

/* ---- create ---- */

static void
on_created(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		note_change(c, pg_str(r->res[0], 0, 0));
	if (pg_rows(r->res[0]))
		reply_event_type(c, 201, r->res[0]);
	else
		call_fail_code(
		    c, 409, "event_type_exists", "An event type of this name exists already");
}

static void
create(struct call *c, const struct event_type_in *in)
{
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_text(a, in->name);
	arg_fields(a, in);
	call_query_one(c, &stmt_event_type_create, a, on_created);
}

static void
check_name(struct fields *f, struct str name)
{
	if (name.p && !name_valid(name))
		field_problem(f, "name", "must be 1 to %d of a-z A-Z 0-9 - _ .", NAME_MAX_LEN);
}

void
api_event_type_create(struct call *c)
{
	struct event_type_in in = { 0 };
	struct fields f;
	if (call_body(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	field_text(&f, "name", 1, NAME_MAX_LEN, &in.name);
	check_name(&f, in.name);
	read_fields(&f, &in);
	if (fields_end(&f) == 0)
		create(c, &in);
}

/* ---- read ---- */

#define FLAGS_MAX (TOKEN_SCOPE_MAX / 2)

/* An application token sees the types without a flag and those whose flag it carries. */
static void
arg_flags(struct call *c, struct pg_args *a)
{
	if (!c->token.app[0]) {
		pg_arg_null(a);
		return;
	}
	struct str rest = str_of(c->token.feature_flags), flag, flags[FLAGS_MAX];
	int n = 0;
	while (str_split(&rest, ' ', &flag))
		if (flag.n)
			flags[n++] = flag;
	pg_arg_texts(a, flags, n);
}

void
api_event_type_get(struct call *c)
{
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_text(a, c->params[0]);
	arg_flags(c, a);
	call_query_one(c, &stmt_event_type_get, a, on_one);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	page_reply(c, c->state, r->res[0], write_event_type);
}

void
api_event_type_list(struct call *c)
{
	struct page *p = arena_alloc(c->arena, sizeof(*p));
	bool archived = false, content = false;
	if (call_page_by_name(c, p) || call_query_bool(c, "include_archived", &archived) ||
	    call_query_bool(c, "with_content", &content))
		return;
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_text(a, p->has_cursor ? p->iterator : STR(""));
	pg_arg_int4(a, page_rows(p));
	pg_arg_bool(a, archived);
	arg_flags(c, a);
	pg_arg_bool(a, content);
	c->state = p;
	call_query_one(
	    c, page_up(p) ? &stmt_event_type_list_up : &stmt_event_type_list_down, a, on_listed);
}

/* ---- change ---- */

static void
on_put(struct call *c, const struct pg_result *r)
{
	const struct event_type_in *in = c->state;
	note_change(c, in->name);
	if (pg_rows(r->res[0]))
		reply_event_type(c, 200, r->res[0]);
	else if (name_valid(in->name))
		create(c, in);
	else
		call_not_found(c);
}

static void
update(struct call *c, enum body_kind kind, call_fn fn)
{
	struct event_type_in *in = arena_zalloc(c->arena, sizeof(*in));
	struct fields f;
	if (call_body(c))
		return;
	fields_begin(&f, c, kind);
	read_fields(&f, in);
	if (fields_end(&f))
		return;
	in->name = c->params[0];
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_text(a, in->name);
	fields_arg_given(&f, a);
	arg_fields(a, in);
	c->state = in;
	call_query_one(c, &stmt_event_type_update, a, fn);
}

void
api_event_type_put(struct call *c)
{
	update(c, BODY_WHOLE, on_put);
}

static void
on_patched(struct call *c, const struct pg_result *r)
{
	note_change(c, c->params[0]);
	on_one(c, r);
}

void
api_event_type_patch(struct call *c)
{
	update(c, BODY_PATCH, on_patched);
}

static void
on_deleted(struct call *c, const struct pg_result *r)
{
	note_change(c, c->params[0]);
	if (pg_rows(r->res[0]))
		call_reply_empty(c, 204);
	else
		call_not_found(c);
}

void
api_event_type_delete(struct call *c)
{
	bool expunge = false;
	if (call_query_bool(c, "expunge", &expunge))
		return;
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_text(a, c->params[0]);
	call_query_one(
	    c, expunge ? &stmt_event_type_expunge : &stmt_event_type_archive, a, on_deleted);
}
