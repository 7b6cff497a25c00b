/* Webhooks of an OpenAPI document (webhooks.h).
 *
 *   webhook ─> path item ─> operation ─> requestBody ─> content ─> schema ─> made to stand alone
 *
 * Each of them may be a reference. The schema is copied first: the document stays as it is. */
#include "policy/webhooks.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#include "policy/name.h"
#include "policy/schema.h"

#define DEPTH_MAX 200 /* of a schema's JSON */
#define HOPS_MAX  16  /* references to references */

struct taker {
	const json_t *document;
	struct arena *arena;
	size_t bytes; /* of schemas, so far */
	size_t trees; /* of theirs, so far */
	struct err *e;
	/* The schema being made to stand alone. */
	json_t *definitions; /* name to schema */
	json_t *names;       /* reference to name */
	json_t *waiting;     /* schemas whose references are still the document's */
	int number;          /* the last that made a name a new one */
};

static struct str
text_at(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);
	return (struct str){ json_string_value(v), json_string_length(v) };
}

/* ---- references in the document ---- */

/* "#/a/b~1c"; RFC 6901 without percent signs. NULL: nothing is there. */
static const json_t *
point(struct taker *t, const char *reference)
{
	const json_t *v = t->document;
	if (reference[0] != '#' || reference[1] != '/')
		return NULL;
	struct str rest = str_of(reference + 2), token;
	while (v && str_split(&rest, '/', &token)) {
		char *key = arena_alloc(t->arena, token.n + 1);
		size_t n = 0;
		for (size_t i = 0; i < token.n; i++) {
			bool escaped = token.p[i] == '~' && i + 1 < token.n;
			key[n++] = !escaped ? token.p[i] : token.p[++i] == '1' ? '/' : '~';
		}
		key[n] = '\0';
		v = json_object_get(v, key);
	}
	return v;
}

/* What a value stands for. NULL and the error set when that is nothing. */
static const json_t *
follow(struct taker *t, const json_t *v)
{
	for (int hops = 0; v && hops < HOPS_MAX; hops++) {
		const char *reference = json_string_value(json_object_get(v, "$ref"));
		if (!reference)
			return v;
		v = point(t, reference);
	}
	err_set(t->e, ERR_INVALID, "a reference leads to nothing in the document");
	return NULL;
}

/* ---- a schema that stands alone ---- */

/* A name that no other definition has: the last part of the reference, without what means something
 * in a pointer or a fragment, and perhaps with a number. Numbers only rise, so that many references
 * of one end are not tried against each other. */
static const char *
definition_name(struct taker *t, const char *reference)
{
	const char *slash = strrchr(reference, '/');
	char *base = arena_strdup(t->arena, slash ? slash + 1 : reference);
	for (char *c = base; *c; c++)
		if (!name_valid((struct str){ c, 1 }))
			*c = '_';
	const char *name = base;
	while (json_object_get(t->definitions, name))
		name = arena_printf(t->arena, "%s_%d", base, ++t->number);
	return name;
}

static int
take_reference(struct taker *t, json_t *holder, const char *reference)
{
	const char *name = json_string_value(json_object_get(t->names, reference));
	if (!name) {
		const json_t *target = point(t, reference);
		if (!target)
			return err_set(
			    t->e, ERR_INVALID, "%.100s is nothing in the document", reference);
		name = definition_name(t, reference);
		json_t *copy = json_deep_copy(target);
		json_object_set_new(t->definitions, name, copy);
		json_array_append(t->waiting, copy);
		json_object_set_new(t->names, reference, json_string(name));
	}
	json_object_set_new(holder, "$ref", json_sprintf("#/definitions/%s", name));
	return 0;
}

/* "nullable": true beside a type. */
static void
take_nullable(json_t *schema)
{
	json_t *type = json_object_get(schema, "type");
	json_t *values = json_object_get(schema, "enum");
	if (!json_is_true(json_object_get(schema, "nullable")))
		return;
	json_object_del(schema, "nullable");
	if (json_is_string(type))
		json_object_set_new(schema, "type", json_pack("[O, s]", type, "null"));
	if (json_is_array(values))
		json_array_append_new(values, json_null());
}

/* "exclusiveMinimum": true beside a minimum. */
static void
take_exclusive(json_t *schema, const char *limit, const char *exclusive)
{
	const json_t *flag = json_object_get(schema, exclusive);
	if (!json_is_boolean(flag))
		return;
	json_t *number = json_object_get(schema, limit);
	if (json_is_true(flag) && json_is_number(number)) {
		json_object_set(schema, exclusive, number);
		json_object_del(schema, limit);
	} else {
		json_object_del(schema, exclusive);
	}
}

/* Keywords whose values are no schemas: nothing in them is touched. */
static bool
is_data(const char *key)
{
	static const char *const keys[] = { "const", "default", "enum", "example", "examples" };
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

static int
adapt(struct taker *t, json_t *v, int depth)
{
	size_t index;
	json_t *item;
	void *at;
	if (depth == 0)
		return err_set(t->e, ERR_INVALID, "the schema is nested too deep");
	json_array_foreach(v, index, item) {
		if (adapt(t, item, depth - 1))
			return -1;
	}
	if (!json_is_object(v))
		return 0;
	const char *reference = json_string_value(json_object_get(v, "$ref"));
	if (reference)
		return take_reference(t, v, reference);
	take_nullable(v);
	take_exclusive(v, "minimum", "exclusiveMinimum");
	take_exclusive(v, "maximum", "exclusiveMaximum");
	for (at = json_object_iter(v); at; at = json_object_iter_next(v, at))
		if (!is_data(json_object_iter_key(at)) &&
		    adapt(t, json_object_iter_value(at), depth - 1))
			return -1;
	return 0;
}

static int
adapt_all(struct taker *t, json_t *root)
{
	if (adapt(t, root, DEPTH_MAX))
		return -1;
	for (size_t i = 0; i < json_array_size(t->waiting); i++)
		if (adapt(t, json_array_get(t->waiting, i), DEPTH_MAX))
			return -1;
	if (json_object_size(t->definitions) && json_is_object(root))
		json_object_set(root, "definitions", t->definitions);
	return 0;
}

/* The body's examples, unless the schema has its own. */
static void
put_examples(json_t *root, const json_t *media)
{
	json_t *one = json_object_get(media, "example");
	json_t *named = json_object_get(media, "examples");
	if (!json_is_object(root) || json_object_get(root, "examples") || (!one && !named))
		return;
	json_t *list = json_array();
	if (one)
		json_array_append(list, one);
	void *at = json_is_object(named) ? json_object_iter(named) : NULL;
	for (; at; at = json_object_iter_next(named, at)) {
		json_t *value = json_object_get(json_object_iter_value(at), "value");
		if (value)
			json_array_append(list, value);
	}
	json_object_set_new(root, "examples", list);
}

/* {"1": root}, checked, as text. */
static int
write_schemas(struct taker *t, json_t *root, struct str *ret)
{
	struct schema *schema;
	if (schema_new(root, &schema, t->e))
		return err_prefix(t->e, "no JSON Schema (draft 7)");
	t->trees += schema_bytes(schema);
	schema_free(schema);
	json_t *versions = json_pack("{s:O}", "1", root);
	char *text = json_dumps(versions, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(versions);
	if (!text)
		return err_set(t->e, ERR_INVALID, "the schema cannot be written");
	*ret = arena_str(t->arena, str_of(text));
	free(text);
	t->bytes += ret->n;
	return t->bytes > WEBHOOKS_BYTES || t->trees > WEBHOOKS_TREES
		   ? err_set(t->e, ERR_INVALID, "the schemas are too large together")
		   : 0;
}

static int
take_schema(struct taker *t, const json_t *media, struct str *ret)
{
	const json_t *schema = json_object_get(media, "schema");
	if (!schema)
		return 0;
	json_t *root = json_deep_copy(schema);
	t->definitions = json_object();
	t->names = json_object();
	t->waiting = json_array();
	t->number = 1;
	int failed = adapt_all(t, root);
	if (!failed) {
		put_examples(root, media);
		failed = write_schemas(t, root, ret);
	}
	json_decref(root);
	json_decref(t->definitions);
	json_decref(t->names);
	json_decref(t->waiting);
	return failed;
}

/* ---- an operation ---- */

/* The JSON one of the bodies that an operation may have: the first that is called so. */
static const json_t *
json_media(const json_t *content)
{
	void *at = json_object_iter((json_t *)(uintptr_t)content);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)content, at)) {
		struct str type = str_of(json_object_iter_key(at)), name;
		str_split(&type, ';', &name);
		name = str_trim(name);
		bool suffix =
		    name.n > 5 && str_eq((struct str){ name.p + name.n - 5, 5 }, STR("+json"));
		if (suffix || str_eq_nocase(name, STR("application/json")))
			return json_object_iter_value(at);
	}
	return NULL;
}

static int
take_flags(struct taker *t, const json_t *operation, struct webhook *w)
{
	const json_t *list = json_object_get(operation, "x-svix-feature-flags");
	struct str one = text_at(operation, "x-svix-feature-flag");
	size_t n = list ? json_array_size(list) : one.p ? 1 : 0;
	if (n > WEBHOOKS_FLAGS_MAX || (list && !json_is_array(list)))
		return err_set(t->e, ERR_INVALID, "x-svix-feature-flags must be a list of %d names",
		    WEBHOOKS_FLAGS_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = list ? json_array_get(list, i) : NULL;
		struct str flag =
		    list ? (struct str){ json_string_value(item), json_string_length(item) } : one;
		if (!flag.p || !name_valid(flag))
			return err_set(t->e, ERR_INVALID, "a feature flag is no name");
		w->flags[w->nflags++] = flag;
	}
	return 0;
}

static bool
has_nul(struct str s)
{
	return s.n && memchr(s.p, '\0', s.n);
}

static int
take_operation(struct taker *t, const json_t *operation, struct webhook *w)
{
	w->description = text_at(operation, "description");
	if (!w->description.p)
		w->description = text_at(operation, "summary");
	if (!w->description.p)
		w->description = STR("");
	w->group = text_at(operation, "x-svix-group-name");
	if (has_nul(w->description) || has_nul(w->group))
		return err_set(t->e, ERR_INVALID, "a NUL stands in a text");
	w->deprecated = json_is_true(json_object_get(operation, "deprecated"));
	if (w->group.n > NAME_MAX_LEN)
		return err_set(t->e, ERR_INVALID, "x-svix-group-name is too long");
	if (take_flags(t, operation, w))
		return -1;
	const json_t *body = json_object_get(operation, "requestBody");
	if (body && !(body = follow(t, body)))
		return -1;
	return take_schema(t, json_media(json_object_get(body, "content")), &w->schemas);
}

static int
take_webhook(struct taker *t, const char *name, const json_t *item, struct webhook *w)
{
	static const char *const methods[] = { "post", "put", "patch", "get", "delete" };
	w->name = str_of(name);
	if (!name_valid(w->name))
		return err_set(t->e, ERR_INVALID, "the name must be 1 to %d of a-z A-Z 0-9 - _ .",
		    NAME_MAX_LEN);
	if (!(item = follow(t, item)))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		const json_t *operation = json_object_get(item, methods[i]);
		if (json_is_object(operation))
			return take_operation(t, operation, w);
	}
	return err_set(t->e, ERR_INVALID, "there is no operation");
}

static int
take_section(struct taker *t, const char *section, struct webhooks *ret, const char **ret_name)
{
	json_t *list = json_object_get(t->document, section);
	const json_t *first = json_object_get(t->document, "webhooks");
	void *at = json_is_object(list) ? json_object_iter(list) : NULL;
	for (; at; at = json_object_iter_next(list, at)) {
		*ret_name = json_object_iter_key(at);
		if (strncmp(*ret_name, "x-", 2) == 0 && !json_is_object(json_object_iter_value(at)))
			continue; /* an extension */
		if (list != first && json_object_get(first, *ret_name))
			continue;
		if (ret->n == WEBHOOKS_MAX)
			return err_set(t->e, ERR_INVALID, "there are more than %d", WEBHOOKS_MAX);
		if (take_webhook(t, *ret_name, json_object_iter_value(at), &ret->list[ret->n]))
			return -1;
		ret->n++;
	}
	return 0;
}

int
webhooks_read(const json_t *document, struct arena *a, struct webhooks *ret, const char **ret_name,
    struct err *e)
{
	struct taker t = { .document = document, .arena = a, .e = e };
	size_t most = json_object_size(json_object_get(document, "webhooks")) +
		      json_object_size(json_object_get(document, "x-webhooks"));
	*ret_name = NULL;
	*ret = (struct webhooks){ 0 };
	if (!json_is_object(json_object_get(document, "webhooks")) &&
	    !json_is_object(json_object_get(document, "x-webhooks")))
		return err_set(e, ERR_INVALID, "has neither webhooks nor x-webhooks");
	ret->list = arena_zalloc(
	    a, sizeof(*ret->list) * (most < WEBHOOKS_MAX ? most : (size_t)WEBHOOKS_MAX));
	if (take_section(&t, "webhooks", ret, ret_name))
		return -1;
	return take_section(&t, "x-webhooks", ret, ret_name);
}
