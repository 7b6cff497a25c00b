/* The shape of JSON Schemas: draft-handrews-json-schema-validation-01 ("draft 7") says what kind of
 * value each keyword has. Schemas are kept for the producers' and subscribers' documents; events
 * are not validated against them, and references are not followed. */
#include "api/schemas.h"

#include "policy/slice.h"

#define DEPTH_MAX 64

static const char *check(const json_t *schema, int depth);

/* ---- kinds of values ---- */

static bool
is_type_name(const json_t *v)
{
	static const char *const types[] = { "array", "boolean", "integer", "null", "number",
		"object", "string" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (json_is_string(v) && strcmp(json_string_value(v), types[i]) == 0)
			return true;
	return false;
}

static bool
each(const json_t *list, bool (*fits)(const json_t *v))
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!fits(json_array_get(list, i)))
			return false;
	return json_is_array(list);
}

static bool
is_text(const json_t *v)
{
	return json_is_string(v);
}

static bool
is_texts(const json_t *v)
{
	return each(v, is_text);
}

static bool
is_types(const json_t *v)
{
	return is_type_name(v) || (json_array_size(v) > 0 && each(v, is_type_name));
}

static bool
is_number(const json_t *v)
{
	return json_is_number(v);
}

static bool
is_positive(const json_t *v)
{
	return json_is_number(v) && json_number_value(v) > 0;
}

static bool
is_count(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool
is_bool(const json_t *v)
{
	return json_is_boolean(v);
}

static bool
is_list(const json_t *v)
{
	return json_is_array(v);
}

/* ---- kinds of schemas in schemas ---- */

static const char *
check_list(const json_t *list, int depth)
{
	const char *fault = json_array_size(list) == 0 ? "a list of schemas" : NULL;
	for (size_t i = 0; !fault && i < json_array_size(list); i++)
		fault = check(json_array_get(list, i), depth);
	return fault;
}

static const char *
check_one_or_list(const json_t *v, int depth)
{
	if (!json_is_array(v))
		return check(v, depth);
	return json_array_size(v) == 0 ? NULL : check_list(v, depth);
}

static const char *
check_map(const json_t *map, int depth)
{
	const char *fault = json_is_object(map) ? NULL : "a map of schemas";
	void *at = json_object_iter((json_t *)(uintptr_t)map);
	for (; at && !fault; at = json_object_iter_next((json_t *)(uintptr_t)map, at))
		fault = check(json_object_iter_value(at), depth);
	return fault;
}

static const char *
check_dependencies(const json_t *map, int depth)
{
	const char *fault = json_is_object(map) ? NULL : "dependencies";
	void *at = json_object_iter((json_t *)(uintptr_t)map);
	for (; at && !fault; at = json_object_iter_next((json_t *)(uintptr_t)map, at)) {
		const json_t *v = json_object_iter_value(at);
		fault = is_texts(v) ? NULL : check(v, depth);
	}
	return fault;
}

/* Every keyword with what its value is. One of the two is set. */
static const struct keyword {
	const char *name;
	bool (*fits)(const json_t *v);
	const char *(*check)(const json_t *v, int depth);
} keywords[] = {
	{ "$comment", is_text, NULL },
	{ "$id", is_text, NULL },
	{ "$ref", is_text, NULL },
	{ "$schema", is_text, NULL },
	{ "$defs", NULL, check_map },
	{ "additionalItems", NULL, check },
	{ "additionalProperties", NULL, check },
	{ "allOf", NULL, check_list },
	{ "anyOf", NULL, check_list },
	{ "contains", NULL, check },
	{ "contentEncoding", is_text, NULL },
	{ "contentMediaType", is_text, NULL },
	{ "definitions", NULL, check_map },
	{ "dependencies", NULL, check_dependencies },
	{ "description", is_text, NULL },
	{ "else", NULL, check },
	{ "enum", is_list, NULL },
	{ "examples", is_list, NULL },
	{ "exclusiveMaximum", is_number, NULL },
	{ "exclusiveMinimum", is_number, NULL },
	{ "format", is_text, NULL },
	{ "if", NULL, check },
	{ "items", NULL, check_one_or_list },
	{ "maxItems", is_count, NULL },
	{ "maxLength", is_count, NULL },
	{ "maxProperties", is_count, NULL },
	{ "maximum", is_number, NULL },
	{ "minItems", is_count, NULL },
	{ "minLength", is_count, NULL },
	{ "minProperties", is_count, NULL },
	{ "minimum", is_number, NULL },
	{ "multipleOf", is_positive, NULL },
	{ "not", NULL, check },
	{ "oneOf", NULL, check_list },
	{ "pattern", is_text, NULL },
	{ "patternProperties", NULL, check_map },
	{ "properties", NULL, check_map },
	{ "propertyNames", NULL, check },
	{ "readOnly", is_bool, NULL },
	{ "required", is_texts, NULL },
	{ "then", NULL, check },
	{ "title", is_text, NULL },
	{ "type", is_types, NULL },
	{ "uniqueItems", is_bool, NULL },
	{ "writeOnly", is_bool, NULL },
};

static const char *
check(const json_t *schema, int depth)
{
	if (json_is_boolean(schema))
		return NULL;
	if (!json_is_object(schema))
		return "a schema";
	if (depth == 0)
		return "the depth";
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		const json_t *v = json_object_get(schema, keywords[i].name);
		if (!v)
			continue;
		if (keywords[i].fits && !keywords[i].fits(v))
			return keywords[i].name;
		const char *fault = keywords[i].check ? keywords[i].check(v, depth - 1) : NULL;
		if (fault)
			return fault;
	}
	return NULL;
}

const char *
schema_fault(const json_t *schema)
{
	return check(schema, DEPTH_MAX);
}

/* The sender's bytes of the member: numbers and the order of keys stay as they are. */
static void
take_bytes(struct fields *f, struct str *ret)
{
	struct slice *s = arena_alloc(f->c->arena, sizeof(*s));
	struct err e;
	const struct slice_member *m = NULL;
	if (slice_object(f->c->rq->body, s, &e) == 0)
		m = slice_get(s, "schemas");
	if (m)
		*ret = m->value;
	else
		field_problem(f, "schemas", "cannot be kept: too many members around it");
}

void
schemas_field(struct fields *f, struct str *ret)
{
	const json_t *v = field_object_or_null(f, "schemas");
	if (!v)
		return;
	int before = f->nproblems;
	void *at = json_object_iter((json_t *)(uintptr_t)v);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
		const char *fault = schema_fault(json_object_iter_value(at));
		if (fault)
			field_problem(
			    f, "schemas", "a version is no JSON Schema (draft 7): %s", fault);
	}
	if (f->nproblems == before)
		take_bytes(f, ret);
}
