/* /app/{app}/endpoint/{endpoint}/headers: what is added to each delivery. Names compare without
 * case and are kept as written; which ones may be set is policy/name's business. */
#include "api/endpoint_headers.h"

#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "policy/name.h"
#include "statements.h"

#define TRIES_MAX 8                          /* of a change that others overtake */
#define TOLD_MAX  (2 * ENDPOINT_HEADERS_MAX) /* a patch may take all out and put as many in */

/* ---- a set of headers: a JSON object ---- */

static struct str
set_to_text(struct call *c, const json_t *set)
{
	size_t n = json_dumpb(set, NULL, 0, JSON_COMPACT);
	char *text = arena_alloc(c->arena, n);
	json_dumpb(set, text, n, JSON_COMPACT);
	return (struct str){ text, n };
}

/* The name under which the set has a header, or NULL. */
static const char *
set_find(json_t *set, const char *name)
{
	for (void *at = json_object_iter(set); at; at = json_object_iter_next(set, at))
		if (str_eq_nocase(str_of(json_object_iter_key(at)), str_of(name)))
			return json_object_iter_key(at);
	return NULL;
}

static void
set_remove(json_t *set, const char *name)
{
	const char *found = set_find(set, name);
	if (found)
		json_object_del(set, found);
}

/* ---- what is told ---- */

static bool
check_header(struct fields *f, const char *name, const json_t *value)
{
	struct str text = { json_string_value(value), json_string_length(value) };
	const char *refused = name_header_refused(str_of(name));
	if (refused)
		field_problem(f, "headers", "%.64s: %s", name, refused);
	else if (!json_is_string(value) || !name_header_value_valid(text))
		field_problem(
		    f, "headers", "%.64s: the value must be 1 to 4096 visible characters", name);
	return !refused && json_is_string(value) && name_header_value_valid(text);
}

/* Puts the headers of `told` into the set; in a patch, null takes one out. Each is looked for among
 * all the others, so that too many are refused before that. */
static void
set_merge(struct fields *f, json_t *set, json_t *told, bool patch)
{
	if (json_object_size(told) > TOLD_MAX) {
		field_problem(f, "headers", "there may be %d at most", ENDPOINT_HEADERS_MAX);
		return;
	}
	for (void *at = json_object_iter(told); at; at = json_object_iter_next(told, at)) {
		const char *name = json_object_iter_key(at);
		json_t *value = json_object_iter_value(at);
		if (patch && json_is_null(value)) {
			set_remove(set, name);
			continue;
		}
		if (!check_header(f, name, value))
			continue;
		if (!patch && set_find(set, name))
			field_problem(f, "headers", "%.64s stands there twice", name);
		set_remove(set, name);
		json_object_set(set, name, value);
	}
	if (json_object_size(set) > ENDPOINT_HEADERS_MAX)
		field_problem(f, "headers", "there may be %d at most", ENDPOINT_HEADERS_MAX);
}

void
endpoint_headers_field(struct fields *f, struct str *ret)
{
	const json_t *told = field_object_or_null(f, "headers");
	if (!told)
		return;
	json_t *set = call_own_json(f->c, json_object());
	set_merge(f, set, json_object_get(f->c->body, "headers"), false);
	*ret = set_to_text(f->c, set);
}

/* ---- read ---- */

static json_t *
parse_stored(struct call *c, struct str text)
{
	json_t *set = json_loadb(text.p, text.n, 0, NULL);
	if (set)
		call_own_json(c, set);
	else
		call_fail_with(c, ERR_INTERNAL, "stored headers are no JSON");
	return set;
}

static void
on_got(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	json_t *set = parse_stored(c, pg_str(r->res[0], 0, 0));
	if (!set)
		return;
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_key(j, "headers");
	jw_open_object(j);
	for (void *at = json_object_iter(set); at; at = json_object_iter_next(set, at)) {
		const char *name = json_object_iter_key(at);
		if (!name_header_sensitive(str_of(name)))
			jw_put_text(j, name, str_of(json_string_value(json_object_iter_value(at))));
	}
	jw_close_object(j);
	jw_key(j, "sensitive");
	jw_open_array(j);
	for (void *at = json_object_iter(set); at; at = json_object_iter_next(set, at))
		if (name_header_sensitive(str_of(json_object_iter_key(at))))
			jw_text(j, str_of(json_object_iter_key(at)));
	jw_close_array(j);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

void
api_endpoint_headers_get(struct call *c)
{
	call_query_one(c, &stmt_endpoint_headers_get, endpoint_args(c), on_got);
}

/* ---- change ---- */

/* before.p == NULL: whatever there is. */
static void
write_set(struct call *c, struct str headers, struct str before, call_fn fn)
{
	struct pg_args *a = endpoint_args(c);
	pg_arg_text(a, headers);
	pg_arg_text(a, before);
	call_query_one(c, &stmt_endpoint_headers_set, a, fn);
}

void
api_endpoint_headers_put(struct call *c)
{
	struct fields f;
	struct str headers = STR("{}");
	if (call_body(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	endpoint_headers_field(&f, &headers);
	const json_t *told = json_object_get(c->body, "headers");
	if (!told || json_is_null(told))
		field_problem(&f, "headers", "is required");
	if (fields_end(&f) == 0)
		write_set(c, headers, (struct str){ NULL, 0 }, endpoint_on_changed);
}

/* A patch is made from what is there: read, changed, and written unless somebody has changed it
 * meanwhile; then all over. */
struct patch {
	int tries;
};

static void patch_read(struct call *c);

static void
on_written(struct call *c, const struct pg_result *r)
{
	struct patch *p = c->state;
	if (pg_rows(r->res[0]))
		endpoint_on_changed(c, r);
	else if (++p->tries < TRIES_MAX)
		patch_read(c);
	else
		call_fail_with(c, ERR_UNAVAILABLE, "the headers are being changed by others");
}

static void
remove_listed(struct fields *f, json_t *set)
{
	const json_t *names = json_object_get(f->object, "deleteHeaders");
	if (!names || json_is_null(names))
		return;
	if (!json_is_array(names) || json_array_size(names) > TOLD_MAX) {
		field_problem(f, "deleteHeaders", "must be a list of at most %d names", TOLD_MAX);
		return;
	}
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		if (name)
			set_remove(set, name);
		else
			field_problem_at(f, "deleteHeaders", i, "must be a name");
	}
}

static void
on_patch_read(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	struct str before = arena_str(c->arena, pg_str(r->res[0], 0, 0));
	json_t *set = parse_stored(c, before);
	if (!set)
		return;
	struct fields f;
	fields_begin(&f, c, BODY_PATCH);
	if (field_object_or_null(&f, "headers"))
		set_merge(&f, set, json_object_get(c->body, "headers"), true);
	remove_listed(&f, set);
	if (fields_end(&f) == 0)
		write_set(c, set_to_text(c, set), before, on_written);
}

static void
patch_read(struct call *c)
{
	call_query_one(c, &stmt_endpoint_headers_get, endpoint_args(c), on_patch_read);
}

void
api_endpoint_headers_patch(struct call *c)
{
	if (call_body(c))
		return;
	c->state = arena_zalloc(c->arena, sizeof(struct patch));
	patch_read(c);
}
