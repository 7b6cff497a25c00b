/* From a schema document to its tree.
 *
 *   queue of subschemas ─> compile_node ─> a rule for each keyword; subschemas that it names join
 *                                          the queue, references wait
 *   queue empty         ─> one reference is followed (schema_ref.c); its target joins the queue
 *   nothing left        ─> heights are measured: no chain of schemas for one value may be endless
 *
 * Nothing recurses over the document, so its depth needs no bound. Every keyword is checked, also
 * beside a $ref, where draft 7 ignores it; each is a row of one table. */
#include "policy/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"

#include "policy/schema-source.h"

/* Tells what is wrong with the keyword's value. Returns -1. */
static int
wrong(struct source *s, const char *what)
{
	return source_fault(s, s->at, s->keyword, "%s", what);
}

/* ---- what values look like ---- */

static bool
is_texts(const json_t *v)
{
	for (size_t i = 0; i < json_array_size(v); i++)
		if (!json_is_string(json_array_get(v, i)))
			return false;
	return json_is_array(v);
}

static int
only_text(struct source *s, const json_t *v, struct rule *r)
{
	(void)r;
	return json_is_string(v) ? 0 : wrong(s, "must be a text");
}

static int
only_bool(struct source *s, const json_t *v, struct rule *r)
{
	(void)r;
	return json_is_boolean(v) ? 0 : wrong(s, "must be true or false");
}

static int
only_list(struct source *s, const json_t *v, struct rule *r)
{
	(void)r;
	return json_is_array(v) ? 0 : wrong(s, "must be a list");
}

static int
take_list(struct source *s, const json_t *v, struct rule *r)
{
	r->json = v;
	return only_list(s, v, r);
}

static int
take_any(struct source *s, const json_t *v, struct rule *r)
{
	(void)s;
	r->json = v;
	return 0;
}

static int
take_number(struct source *s, const json_t *v, struct rule *r)
{
	r->json = v;
	return json_is_number(v) ? 0 : wrong(s, "must be a number");
}

static int
take_unit(struct source *s, const json_t *v, struct rule *r)
{
	r->json = v;
	return json_is_number(v) && json_number_value(v) > 0 ? 0 : wrong(s, "must be more than 0");
}

static int
take_count(struct source *s, const json_t *v, struct rule *r)
{
	double count = json_number_value(v);
	if (!json_is_number(v) || !number_is_integer(v) || count < 0)
		return wrong(s, "must be a whole number, 0 or more");
	r->count = count < 1e15 ? (size_t)count : SIZE_MAX;
	return 0;
}

static int
take_texts(struct source *s, const json_t *v, struct rule *r)
{
	r->json = v;
	return is_texts(v) ? 0 : wrong(s, "must be a list of texts");
}

static int
take_unique(struct source *s, const json_t *v, struct rule *r)
{
	if (!json_is_true(v))
		r->holds = NULL;
	return only_bool(s, v, r);
}

static int
add_type(struct source *s, const json_t *v, struct rule *r)
{
	for (int i = 0; i < TYPES && json_is_string(v); i++) {
		if (strcmp(json_string_value(v), type_names[i]) != 0)
			continue;
		r->types |= 1u << i;
		return 0;
	}
	return wrong(s, "must be array, boolean, integer, null, number, object or string");
}

static int
take_types(struct source *s, const json_t *v, struct rule *r)
{
	if (!json_is_array(v))
		return add_type(s, v, r);
	if (json_array_size(v) == 0)
		return wrong(s, "must name one type at least");
	for (size_t i = 0; i < json_array_size(v); i++)
		if (add_type(s, json_array_get(v, i), r))
			return -1;
	return 0;
}

/* ---- texts that are made into something ---- */

static int
take_pattern(struct source *s, const json_t *v, struct rule *r)
{
	if (only_text(s, v, r))
		return -1;
	r->pattern = source_pattern(s, (struct str){ json_string_value(v), json_string_length(v) });
	return r->pattern ? 0 : -1;
}

static int
take_format(struct source *s, const json_t *v, struct rule *r)
{
	if (only_text(s, v, r))
		return -1;
	r->format.name = json_string_value(v);
	r->format.fits = format_find(r->format.name);
	if (!r->format.fits)
		r->holds = NULL; /* what is not known is a note */
	return 0;
}

static int
take_ref(struct source *s, const json_t *v, struct rule *r)
{
	if (only_text(s, v, r))
		return -1;
	s->ref = json_string_value(v);
	return 0;
}

/* ---- subschemas ---- */

static int
take_inside(struct source *s, const json_t *v, struct rule *r) /* of what is in the value */
{
	r->node = source_node(s, v, s->keyword, SIZE_MAX, SOURCE_INSIDE);
	return 0;
}

static int
take_same(struct source *s, const json_t *v, struct rule *r) /* of the value itself */
{
	r->node = source_node(s, v, s->keyword, SIZE_MAX, SOURCE_SAME);
	return 0;
}

static int
take_nodes(struct source *s, const json_t *v, struct rule *r, enum source_step step)
{
	r->nodes.n = json_array_size(v);
	r->nodes.node = arena_alloc(s->out->arena, sizeof(struct node *) * r->nodes.n);
	for (size_t i = 0; i < r->nodes.n; i++)
		r->nodes.node[i] = source_node(s, json_array_get(v, i), s->keyword, i, step);
	return 0;
}

static int
take_alternatives(struct source *s, const json_t *v, struct rule *r)
{
	return json_array_size(v) > 0 ? take_nodes(s, v, r, SOURCE_SAME)
				      : wrong(s, "must be a list of schemas");
}

static int
take_items(struct source *s, const json_t *v, struct rule *r)
{
	if (!json_is_array(v))
		return take_inside(s, v, r);
	r->holds = holds_first_items;
	return take_nodes(s, v, r, SOURCE_INSIDE);
}

static int
take_other_items(struct source *s, const json_t *v, struct rule *r)
{
	const json_t *items = json_object_get(s->at->json, "items");
	if (!json_is_array(items))
		r->holds = NULL; /* there are no others */
	r->rest.node = source_node(s, v, s->keyword, SIZE_MAX, SOURCE_INSIDE);
	r->rest.from = json_array_size(items);
	return 0;
}

static int
take_map(struct source *s, const json_t *v, struct rule *r, enum source_step step)
{
	if (!json_is_object(v))
		return wrong(s, "must be an object of schemas");
	r->named.named =
	    arena_zalloc(s->out->arena, sizeof(struct named_node) * json_object_size(v));
	void *at = json_object_iter(json_mutable(v));
	for (; at; at = json_object_iter_next(json_mutable(v), at)) {
		struct named_node *named = &r->named.named[r->named.n++];
		const json_t *member = json_object_iter_value(at);
		named->name = json_object_iter_key(at);
		if (step == SOURCE_SAME && json_is_array(member)) { /* dependencies */
			named->names = member;
			if (!is_texts(member))
				return wrong(s, "must be schemas or lists of texts");
			continue;
		}
		named->node = source_node_of(s, member, s->keyword, named->name, step);
	}
	return 0;
}

static int
take_properties(struct source *s, const json_t *v, struct rule *r)
{
	return take_map(s, v, r, SOURCE_INSIDE);
}

static int
take_dependencies(struct source *s, const json_t *v, struct rule *r)
{
	return take_map(s, v, r, SOURCE_SAME);
}

/* Kept for additionalProperties too, whose row comes later. */
static int
take_patterns(struct source *s, const json_t *v, struct rule *r)
{
	if (!json_is_object(v))
		return wrong(s, "must be an object of schemas");
	struct pattern_node *list = arena_alloc(s->out->arena, sizeof(*list) * json_object_size(v));
	size_t n = 0;
	void *at = json_object_iter(json_mutable(v));
	for (; at; at = json_object_iter_next(json_mutable(v), at)) {
		const char *key = json_object_iter_key(at);
		list[n].pattern = source_pattern(s, str_of(key));
		if (!list[n].pattern)
			return -1;
		list[n++].node =
		    source_node_of(s, json_object_iter_value(at), s->keyword, key, SOURCE_INSIDE);
	}
	s->patterns = r->patterns = (struct pattern_nodes){ n, list };
	return 0;
}

static int
take_others(struct source *s, const json_t *v, struct rule *r)
{
	const json_t *properties = json_object_get(s->at->json, "properties");
	r->others.properties = properties;
	r->others.patterns = s->patterns;
	r->others.node = source_node(s, v, s->keyword, SIZE_MAX, SOURCE_INSIDE);
	return 0;
}

/* `then` and `else` have rows of their own, for when they stand alone. */
static int
take_if(struct source *s, const json_t *v, struct rule *r)
{
	const json_t *good = json_object_get(s->at->json, "then");
	const json_t *bad = json_object_get(s->at->json, "else");
	r->conditional.test = source_node(s, v, "if", SIZE_MAX, SOURCE_SAME);
	r->conditional.good = good ? source_node(s, good, "then", SIZE_MAX, SOURCE_SAME) : NULL;
	r->conditional.bad = bad ? source_node(s, bad, "else", SIZE_MAX, SOURCE_SAME) : NULL;
	return 0;
}

/* ---- the keywords ---- */

/* The cheap ones first: what fails early costs little. `take` reads the value and may clear the
 * rule's `holds`; without one there is nothing to hold to. */
static const struct keyword {
	const char *name;
	int (*take)(struct source *s, const json_t *v, struct rule *r);
	bool (*holds)(struct judge *j, const struct rule *r, const json_t *v);
} keywords[] = {
	{ "$ref", take_ref, holds_ref },
	{ "$comment", only_text, NULL },
	{ "$id", only_text, NULL },
	{ "$schema", only_text, NULL },
	{ "contentEncoding", only_text, NULL },
	{ "contentMediaType", only_text, NULL },
	{ "description", only_text, NULL },
	{ "examples", only_list, NULL },
	{ "readOnly", only_bool, NULL },
	{ "title", only_text, NULL },
	{ "writeOnly", only_bool, NULL },
	{ "$defs", take_properties, NULL },
	{ "definitions", take_properties, NULL },
	{ "type", take_types, holds_type },
	{ "const", take_any, holds_const },
	{ "enum", take_list, holds_enum },
	{ "minimum", take_number, holds_minimum },
	{ "maximum", take_number, holds_maximum },
	{ "exclusiveMinimum", take_number, holds_above },
	{ "exclusiveMaximum", take_number, holds_below },
	{ "multipleOf", take_unit, holds_multiple_of },
	{ "minLength", take_count, holds_min_length },
	{ "maxLength", take_count, holds_max_length },
	{ "format", take_format, holds_format },
	{ "pattern", take_pattern, holds_pattern },
	{ "minItems", take_count, holds_min_items },
	{ "maxItems", take_count, holds_max_items },
	{ "minProperties", take_count, holds_min_properties },
	{ "maxProperties", take_count, holds_max_properties },
	{ "required", take_texts, holds_required },
	{ "propertyNames", take_inside, holds_names },
	{ "properties", take_properties, holds_properties },
	{ "patternProperties", take_patterns, holds_patterns },
	{ "additionalProperties", take_others, holds_others },
	{ "dependencies", take_dependencies, holds_dependencies },
	{ "items", take_items, holds_items },
	{ "additionalItems", take_other_items, holds_other_items },
	{ "contains", take_inside, holds_contains },
	{ "uniqueItems", take_unique, holds_unique },
	{ "allOf", take_alternatives, holds_all },
	{ "anyOf", take_alternatives, holds_any },
	{ "oneOf", take_alternatives, holds_one },
	{ "not", take_same, holds_not },
	{ "if", take_if, holds_if },
	{ "then", take_same, NULL },
	{ "else", take_same, NULL },
};

static int
compile_object(struct source *s, struct node *n)
{
	struct rule found[ARRAY_LEN(keywords)];
	s->patterns = (struct pattern_nodes){ 0 };
	s->alone = json_object_get(s->at->json, "$ref") != NULL;
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		const json_t *v = json_object_get(s->at->json, keywords[i].name);
		struct rule *r = &found[n->nrules];
		if (!v)
			continue;
		*r = (struct rule){ .keyword = keywords[i].name, .holds = keywords[i].holds };
		s->keyword = keywords[i].name;
		if (keywords[i].take(s, v, r))
			return -1;
		if (r->holds && !(s->alone && n->nrules))
			n->nrules++;
	}
	struct rule *rules = arena_alloc(s->out->arena, sizeof(*rules) * (size_t)n->nrules);
	memcpy(rules, found, sizeof(*rules) * (size_t)n->nrules);
	n->rules = rules;
	if (s->alone)
		source_defer(s, rules);
	return 0;
}

static int
compile_node(struct source *s)
{
	struct node *n = s->at->node;
	s->keyword = NULL;
	if (json_is_object(s->at->json))
		return compile_object(s, n);
	n->never = json_is_false(s->at->json);
	return json_is_boolean(s->at->json) ? 0 : wrong(s, "must be an object, true or false");
}

static int
compile(struct source *s, json_t *document)
{
	s->out->root = source_root(s, document);
	for (;;) {
		while (source_next(s))
			if (compile_node(s))
				return -1;
		int more = s->failed ? -1 : source_follow(s);
		if (more <= 0)
			return more < 0 ? -1 : source_measure(s);
	}
}

int
schema_new(json_t *document, struct schema **ret, struct err *e)
{
	struct arena *a = arena_new();
	struct schema *out = arena_zalloc(a, sizeof(*out));
	out->arena = a;
	out->document = json_incref(document);
	struct source *s = source_new(out, e);
	int failed = compile(s, document);
	source_free(s);
	if (failed) {
		schema_free(out);
		return -1;
	}
	*ret = out;
	return 0;
}

void
schema_free(struct schema *s)
{
	if (!s)
		return;
	json_decref(s->document);
	arena_free(s->arena);
}

size_t
schema_bytes(const struct schema *s)
{
	return arena_used(s->arena) + s->pattern_bytes;
}
