/* POST /event-type/import/openapi: event types made of the webhooks of an OpenAPI document
 * (policy/webhooks.h says what is taken from it). What is the same already is not written. */
#include "api/handlers.h"
#include "policy/webhooks.h"
#include "policy/yaml_json.h"
#include "rest/field.h"
#include "statements.h"
#include "store/event_schemas.h"

struct import {
	bool dry, replace;
	const char *member; /* of the body, that the document stands in */
	struct webhooks webhooks;
};

/* ---- the answer ---- */

static void
write_webhook(struct jw *j, const struct webhook *w)
{
	jw_open_object(j);
	jw_put_text(j, "name", w->name);
	jw_put_text(j, "description", w->description);
	jw_put_bool(j, "deprecated", w->deprecated);
	jw_key(j, "schemas");
	if (w->schemas.p)
		jw_raw(j, w->schemas);
	else
		jw_null(j);
	jw_put_text_or_null(j, "groupName", w->group);
	jw_put_text_or_null(j, "featureFlag", w->nflags ? w->flags[0] : (struct str){ NULL, 0 });
	if (w->nflags) {
		jw_key(j, "featureFlags");
		jw_open_array(j);
		for (int i = 0; i < w->nflags; i++)
			jw_text(j, w->flags[i]);
		jw_close_array(j);
	}
	jw_close_object(j);
}

/* Changes come in the order of the list. */
static void
write_changes(struct jw *j, const struct import *im, const PGresult *r)
{
	int row = 0;
	jw_key(j, "to_modify");
	jw_open_array(j);
	for (int i = 0; i < im->webhooks.n && row < pg_rows(r); i++) {
		if (!str_eq(im->webhooks.list[i].name, pg_str(r, row, 0)))
			continue;
		write_webhook(j, &im->webhooks.list[i]);
		row++;
	}
	jw_close_array(j);
}

static void
forget(struct call *c, const PGresult *r)
{
	for (int i = 0; c->parts->schemas && i < pg_rows(r); i++)
		event_schemas_forget(c->parts->schemas, str_of(c->token.org), pg_str(r, i, 0));
}

static void
on_imported(struct call *c, const struct pg_result *r)
{
	const struct import *im = c->state;
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_key(j, "data");
	jw_open_object(j);
	jw_key(j, "modified");
	jw_open_array(j);
	for (int i = 0; !im->dry && i < pg_rows(r->res[0]); i++)
		jw_text(j, pg_str(r->res[0], i, 0));
	jw_close_array(j);
	if (im->dry)
		write_changes(j, im, r->res[0]);
	jw_close_object(j);
	jw_close_object(j);
	for (int i = 0; !im->dry && i < r->n; i++)
		forget(c, r->res[i]);
	call_reply_json(c, 200, j);
}

/* ---- what is to be written ---- */

static struct str
other_flags(struct arena *a, const struct webhook *w)
{
	if (w->nflags < 2)
		return (struct str){ NULL, 0 };
	const char *text = arena_strndup(a, w->flags[1].p, w->flags[1].n);
	for (int i = 2; i < w->nflags; i++)
		text = arena_printf(a, "%s,%.*s", text, STR_FMT(w->flags[i]));
	return str_of(text);
}

/* An argument: the texts of a member of each. */
static void
arg_texts(struct call *c, struct pg_args *a, const struct webhooks *w, size_t offset)
{
	struct str *texts = arena_alloc(c->arena, sizeof(*texts) * (size_t)w->n);
	for (int i = 0; i < w->n; i++)
		texts[i] = *(const struct str *)((const char *)&w->list[i] + offset);
	pg_arg_texts(a, texts, w->n);
}

static void
arg_flags(struct call *c, struct pg_args *a, const struct webhooks *w)
{
	size_t n = (size_t)w->n;
	struct str *first = arena_zalloc(c->arena, sizeof(*first) * n);
	struct str *others = arena_zalloc(c->arena, sizeof(*others) * n);
	for (int i = 0; i < w->n; i++) {
		if (w->list[i].nflags)
			first[i] = w->list[i].flags[0];
		others[i] = other_flags(c->arena, &w->list[i]);
	}
	pg_arg_texts(a, first, w->n);
	pg_arg_texts(a, others, w->n);
}

static struct pg_args *
import_args(struct call *c, const struct webhooks *w)
{
	struct pg_args *a = call_args(c);
	int64_t *deprecated = arena_alloc(c->arena, sizeof(*deprecated) * (size_t)w->n);
	for (int i = 0; i < w->n; i++)
		deprecated[i] = w->list[i].deprecated;
	pg_arg_text(a, str_of(c->token.org));
	arg_texts(c, a, w, offsetof(struct webhook, name));
	arg_texts(c, a, w, offsetof(struct webhook, description));
	pg_arg_int8s(a, deprecated, w->n);
	arg_texts(c, a, w, offsetof(struct webhook, schemas));
	arg_flags(c, a, w);
	arg_texts(c, a, w, offsetof(struct webhook, group));
	return a;
}

static struct pg_args *
archive_args(struct call *c, const struct webhooks *w)
{
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	arg_texts(c, a, w, offsetof(struct webhook, name));
	return a;
}

static void
import(struct call *c, struct import *im)
{
	struct pg_call calls[2] = { { &stmt_event_type_import, import_args(c, &im->webhooks) } };
	int n = 1;
	if (im->dry)
		calls[0].stmt = &stmt_event_type_import_changes;
	else if (im->replace)
		calls[n++] = (struct pg_call){ &stmt_event_type_import_archive,
			archive_args(c, &im->webhooks) };
	c->state = im;
	call_query_db(c, calls, n, on_imported);
}

/* ---- the document ---- */

static bool
is_given(const json_t *v)
{
	return v && !json_is_null(v);
}

/* JSON is YAML too, but jansson says better what is wrong with it, and reads all of it. */
static int
parse_raw(struct call *c, const json_t *raw, json_t **ret, struct err *e)
{
	struct str text = { json_string_value(raw), json_string_length(raw) };
	json_error_t wrong;
	if (!text.p)
		return err_set(e, ERR_INVALID, "must be a text");
	json_t *document = json_loadb(text.p, text.n, JSON_ALLOW_NUL, &wrong);
	if (!document && text.p[strspn(text.p, " \t\r\n")] == '{')
		return err_set(e, ERR_INVALID, "is no valid JSON (line %d, column %d)", wrong.line,
		    wrong.column);
	if (!document && yaml_parse(text, &document, e))
		return -1;
	*ret = call_own_json(c, document);
	return 0;
}

/* Answers and returns -1 when there is none. */
static int
read_document(struct call *c, struct import *im)
{
	json_t *document = json_object_get(c->body, "spec");
	const json_t *raw = json_object_get(c->body, "specRaw");
	const char *name = NULL;
	struct err e;
	if (is_given(document) == is_given(raw)) {
		call_fail_with(c, ERR_BAD_REQUEST, "Either spec or specRaw is needed");
		return -1;
	}
	im->member = is_given(raw) ? "specRaw" : "spec";
	if (is_given(raw) && parse_raw(c, raw, &document, &e))
		goto wrong;
	if (webhooks_read(document, c->arena, &im->webhooks, &name, &e) == 0)
		return 0;
wrong:;
	const char *const loc[] = { "body", im->member, name ? "webhooks" : NULL, name, NULL };
	call_invalid(c, loc, "%s", e.text);
	return -1;
}

void
api_event_type_import(struct call *c)
{
	struct import *im = arena_zalloc(c->arena, sizeof(*im));
	struct fields f;
	if (call_body(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	field_bool(&f, "dryRun", &im->dry);
	field_bool(&f, "replaceAll", &im->replace);
	if (fields_end(&f) || read_document(c, im))
		return;
	import(c, im);
}
