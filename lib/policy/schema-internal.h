/* The tree that a schema document becomes: schema.c makes it, schema_judge.c walks it. */
#pragma once

#include "base/arena.h"

#include "policy/pattern.h"
#include "policy/schema.h"

struct rule;
struct judge;

/* One subschema: what a value must hold to, in the order of the keywords' table. */
struct node {
	bool never; /* the schema false */
	int nrules;
	const struct rule *rules;
};

struct named_node {
	const char *name;
	const struct node *node; /* NULL: names (of `dependencies`) */
	const json_t *names;
};

struct pattern_node {
	const struct pattern *pattern;
	const struct node *node;
};

struct nodes {
	size_t n;
	const struct node **node;
};

struct named_nodes {
	size_t n;
	struct named_node *named;
};

struct pattern_nodes {
	size_t n;
	struct pattern_node *node;
};

/* Members that neither these names nor these patterns cover. */
struct others {
	const json_t *properties; /* NULL: none */
	struct pattern_nodes patterns;
	const struct node *node;
};

struct conditional {
	const struct node *test, *good, *bad; /* the latter may be NULL */
};

/* Elements from the nth on. */
struct rest {
	size_t from;
	const struct node *node;
};

typedef bool (*format_fn)(struct str text);

/* One keyword of one subschema. */
struct rule {
	const char *keyword;
	/* Whether the value holds to it; if not, tells why (schema_judge.c). */
	bool (*holds)(struct judge *j, const struct rule *r, const json_t *v);
	union {
		unsigned types; /* bits of enum type_bit */
		const json_t *json;
		size_t count;
		const struct node *node;
		struct nodes nodes;
		struct named_nodes named;
		struct pattern_nodes patterns;
		struct others others;
		struct conditional conditional;
		struct rest rest;
		const struct pattern *pattern;
		struct {
			const char *name;
			format_fn fits;
		} format;
	};
};

enum type_bit {
	TYPE_ARRAY = 1,
	TYPE_BOOLEAN = 2,
	TYPE_INTEGER = 4,
	TYPE_NULL = 8,
	TYPE_NUMBER = 16,
	TYPE_OBJECT = 32,
	TYPE_STRING = 64,
};
#define TYPES 7
extern const char *const type_names[TYPES]; /* by bit */

struct schema {
	json_t *document;
	struct arena *arena; /* owns the tree, this struct included */
	const struct node *root;
	size_t pattern_bytes;
};

/* ---- what keywords ask of values (schema_judge.c, schema_members.c, schema_values.c) ---- */

bool holds_type(struct judge *j, const struct rule *r, const json_t *v);
bool holds_enum(struct judge *j, const struct rule *r, const json_t *v);
bool holds_const(struct judge *j, const struct rule *r, const json_t *v);
bool holds_multiple_of(struct judge *j, const struct rule *r, const json_t *v);
bool holds_minimum(struct judge *j, const struct rule *r, const json_t *v);
bool holds_maximum(struct judge *j, const struct rule *r, const json_t *v);
bool holds_above(struct judge *j, const struct rule *r, const json_t *v);
bool holds_below(struct judge *j, const struct rule *r, const json_t *v);
bool holds_min_length(struct judge *j, const struct rule *r, const json_t *v);
bool holds_max_length(struct judge *j, const struct rule *r, const json_t *v);
bool holds_pattern(struct judge *j, const struct rule *r, const json_t *v);
bool holds_format(struct judge *j, const struct rule *r, const json_t *v);
bool holds_min_items(struct judge *j, const struct rule *r, const json_t *v);
bool holds_max_items(struct judge *j, const struct rule *r, const json_t *v);
bool holds_unique(struct judge *j, const struct rule *r, const json_t *v);
bool holds_min_properties(struct judge *j, const struct rule *r, const json_t *v);
bool holds_max_properties(struct judge *j, const struct rule *r, const json_t *v);
bool holds_required(struct judge *j, const struct rule *r, const json_t *v);

bool holds_items(struct judge *j, const struct rule *r, const json_t *v);
bool holds_first_items(struct judge *j, const struct rule *r, const json_t *v);
bool holds_other_items(struct judge *j, const struct rule *r, const json_t *v);
bool holds_contains(struct judge *j, const struct rule *r, const json_t *v);
bool holds_properties(struct judge *j, const struct rule *r, const json_t *v);
bool holds_patterns(struct judge *j, const struct rule *r, const json_t *v);
bool holds_others(struct judge *j, const struct rule *r, const json_t *v);
bool holds_names(struct judge *j, const struct rule *r, const json_t *v);
bool holds_dependencies(struct judge *j, const struct rule *r, const json_t *v);

bool holds_ref(struct judge *j, const struct rule *r, const json_t *v);
bool holds_all(struct judge *j, const struct rule *r, const json_t *v);
bool holds_any(struct judge *j, const struct rule *r, const json_t *v);
bool holds_one(struct judge *j, const struct rule *r, const json_t *v);
bool holds_not(struct judge *j, const struct rule *r, const json_t *v);
bool holds_if(struct judge *j, const struct rule *r, const json_t *v);

/* ---- a value being judged ---- */

/* Where in the value: on the stack, a link for each level. */
struct place {
	const struct place *up; /* NULL: the value itself */
	const char *key;        /* NULL: index */
	size_t index;
};

struct judge {
	int64_t steps; /* left */
	int depth;
	int quiet;   /* what is wrong now is one try of several: nothing is told */
	bool beyond; /* a limit was reached: nothing that follows counts */
	const struct place *place;
	struct matcher *matcher; /* NULL: none needed yet */
	struct schema_finding *ret;
};

bool judge_apply(struct judge *j, const struct node *n, const json_t *v);
/* The same for what stands in the value under a key or, without one, an index. */
bool judge_below(
    struct judge *j, const struct node *n, const json_t *v, const char *key, size_t index);
/* The same, for its answer only. */
bool judge_try(struct judge *j, const struct node *n, const json_t *v);
/* Whether there are so many steps left; takes them. */
bool judge_spend(struct judge *j, size_t steps);
/* Whether a text matches, at the price of steps. */
bool judge_matches(struct judge *j, const struct pattern *p, struct str text);
/* Tells what is wrong at the present place, or at its member `key`. Returns false. */
bool judge_blame(struct judge *j, const struct rule *r, const char *key, const char *fmt, ...)
    PRINTF(4, 5);

bool number_is_integer(const json_t *v);

/* ---- formats (schema_format.c) ---- */
format_fn format_find(const char *name); /* NULL: none that is checked */

/* jansson's iterators want what they do not change. */
static inline json_t *
json_mutable(const json_t *v)
{
	return (json_t *)(uintptr_t)v;
}
