/* A schema document on its way to a tree: which of its parts are schemas, where they stand, and
 * what refers to what. Lives as long as schema_new runs. */
#pragma once

#include <sys/queue.h>
#include <uthash.h>

#include "policy/schema-internal.h"

/* How a subschema follows from the one that names it. */
enum source_step {
	SOURCE_INSIDE, /* it is about something inside the value */
	SOURCE_SAME,   /* about the same value */
};

struct edge {
	struct spot *to;
	SLIST_ENTRY(edge) entry;
};

/* One subschema. */
struct spot {
	const json_t *json;
	struct node *node;
	const struct spot *up; /* NULL: the document */
	const char *keyword;   /* of `up`, which it stands in */
	const char *key;       /* in the keyword's object, or NULL */
	size_t index;          /* in its list, or SIZE_MAX */
	bool foreign;          /* inside a part that has an $id of its own */
	int height;            /* 0: not known; -1: being measured */
	SLIST_HEAD(, edge) same;
	STAILQ_ENTRY(spot) queue;
	UT_hash_handle hh, hh_name;
};

struct reference {
	const struct spot *from;
	const char *text;
	struct rule *rule;
	STAILQ_ENTRY(reference) entry;
};

struct source {
	struct schema *out;
	struct err *e;
	bool failed;
	struct arena *arena;
	int n;
	struct spot *by_json, *by_name;
	STAILQ_HEAD(, spot) queue;
	STAILQ_HEAD(, reference) references;
	/* The subschema being compiled. */
	struct spot *at;
	const char *keyword;
	bool alone;                    /* it has a $ref: the others do not count */
	const char *ref;               /* that */
	struct pattern_nodes patterns; /* its patternProperties */
};

struct source *source_new(struct schema *out, struct err *e);
void source_free(struct source *s);

/* Tells what is wrong, and where; the first call counts. Returns -1. */
int source_fault(struct source *s, const struct spot *at, const char *keyword, const char *fmt, ...)
    PRINTF(4, 5);

const struct node *source_root(struct source *s, const json_t *document);
/* The node of a subschema of the present one, below that keyword and index (SIZE_MAX: none) or key;
 * it is compiled later. Never NULL. */
const struct node *source_node(
    struct source *s, const json_t *v, const char *keyword, size_t index, enum source_step step);
const struct node *source_node_of(
    struct source *s, const json_t *v, const char *keyword, const char *key, enum source_step step);
/* NULL: told why not. */
const struct pattern *source_pattern(struct source *s, struct str text);
/* The present subschema's $ref; the rule gets its node later. */
void source_defer(struct source *s, struct rule *rule);

/* Makes the next one of the queue the present one; false when there is none or a fault. */
bool source_next(struct source *s);
/* Follows one reference: 1 done, 0 there is none left, -1 told why not. */
int source_follow(struct source *s);
/* Last: whether the schemas that apply to one value end. 0, or -1 and told. */
int source_measure(struct source *s);
