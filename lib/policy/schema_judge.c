/* Judging a value by a schema's tree: the walk, its limits, what is told, and the keywords that
 * apply other schemas to the same value (validation-01, 6.6 and 6.7; core-01, 8.3).
 *
 * Invariant: once `beyond` is set nothing that returns true or false means anything; loops stop
 * early on it and schema_judge looks at it last. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "policy/schema-internal.h"

/* ---- limits ---- */

bool
judge_spend(struct judge *j, size_t steps)
{
	if (j->beyond || steps > (size_t)j->steps) {
		j->steps = 0;
		j->beyond = true;
		return false;
	}
	j->steps -= (int64_t)steps;
	return true;
}

bool
judge_matches(struct judge *j, const struct pattern *p, struct str text)
{
	if (!j->matcher)
		j->matcher = matcher_new();
	enum found_pattern found = pattern_find(j->matcher, p, text, &j->steps);
	if (found == PATTERN_BEYOND || j->steps < 0) {
		j->steps = 0;
		j->beyond = true;
	}
	return found == PATTERN_FOUND;
}

/* ---- what is told ---- */

/* The outermost segments; what is deeper than there is room for is left out. */
static void
tell_place(struct schema_finding *f, const struct place *place, const char *key)
{
	int depth = key ? 1 : 0;
	for (const struct place *p = place; p; p = p->up)
		depth++;
	f->n = depth < SCHEMA_LOC_MAX ? depth : SCHEMA_LOC_MAX;
	f->loc[f->n] = NULL;
	if (key && --depth < SCHEMA_LOC_MAX)
		f->loc[depth] = key;
	for (const struct place *p = place; p; p = p->up) {
		if (--depth >= SCHEMA_LOC_MAX)
			continue;
		snprintf(f->index[depth], sizeof(f->index[depth]), "[%zu]", p->index);
		f->loc[depth] = p->key ? p->key : f->index[depth];
	}
}

bool
judge_blame(struct judge *j, const struct rule *r, const char *key, const char *fmt, ...)
{
	if (j->quiet || j->beyond)
		return false;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(j->ret->reason, sizeof(j->ret->reason), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(j->ret->reason))
		snprintf(
		    j->ret->reason + n, sizeof(j->ret->reason) - (size_t)n, " (%s)", r->keyword);
	tell_place(j->ret, j->place, key);
	return false;
}

/* ---- the walk ---- */

bool
judge_apply(struct judge *j, const struct node *n, const json_t *v)
{
	static const struct rule never = { .keyword = "false" };
	if (j->depth >= SCHEMA_DEPTH_MAX || !judge_spend(j, 1)) {
		j->beyond = true;
		return false;
	}
	if (n->never)
		return judge_blame(j, &never, NULL, "may not be there");
	j->depth++;
	bool good = true;
	for (int i = 0; good && i < n->nrules; i++)
		good = judge_spend(j, 1) && n->rules[i].holds(j, &n->rules[i], v);
	j->depth--;
	return good;
}

bool
judge_below(struct judge *j, const struct node *n, const json_t *v, const char *key, size_t index)
{
	const struct place place = { j->place, key, index };
	j->place = &place;
	bool good = judge_apply(j, n, v);
	j->place = place.up;
	return good;
}

bool
judge_try(struct judge *j, const struct node *n, const json_t *v)
{
	j->quiet++;
	bool good = judge_apply(j, n, v);
	j->quiet--;
	return good;
}

enum schema_verdict
schema_judge(
    const struct schema *s, const json_t *value, int64_t *steps, struct schema_finding *ret)
{
	struct judge j = { .steps = *steps, .ret = ret };
	bool good = judge_apply(&j, s->root, value);
	matcher_free(j.matcher);
	*steps = j.steps;
	if (!j.beyond)
		return good ? SCHEMA_VALID : SCHEMA_INVALID;
	ret->n = 0;
	ret->loc[0] = NULL;
	snprintf(ret->reason, sizeof(ret->reason),
	    "cannot be checked against the schema: it takes too much");
	return SCHEMA_BEYOND;
}

/* ---- the same value by other schemas ---- */

bool
holds_ref(struct judge *j, const struct rule *r, const json_t *v)
{
	return judge_apply(j, r->node, v);
}

bool
holds_all(struct judge *j, const struct rule *r, const json_t *v)
{
	for (size_t i = 0; i < r->nodes.n; i++)
		if (!judge_apply(j, r->nodes.node[i], v))
			return false;
	return true;
}

static size_t
count_good(struct judge *j, const struct rule *r, const json_t *v, size_t enough)
{
	size_t n = 0;
	for (size_t i = 0; n < enough && !j->beyond && i < r->nodes.n; i++)
		n += judge_try(j, r->nodes.node[i], v);
	return n;
}

bool
holds_any(struct judge *j, const struct rule *r, const json_t *v)
{
	if (count_good(j, r, v, 1))
		return true;
	if (r->nodes.n == 1) /* there is one reason then */
		return judge_apply(j, r->nodes.node[0], v);
	return judge_blame(j, r, NULL, "fits none of the %zu schemas", r->nodes.n);
}

bool
holds_one(struct judge *j, const struct rule *r, const json_t *v)
{
	size_t n = count_good(j, r, v, 2);
	if (n == 1)
		return true;
	if (n > 1)
		return judge_blame(j, r, NULL, "fits more than one of the schemas");
	return judge_blame(j, r, NULL, "fits none of the %zu schemas", r->nodes.n);
}

bool
holds_not(struct judge *j, const struct rule *r, const json_t *v)
{
	return !judge_try(j, r->node, v) ||
	       judge_blame(j, r, NULL, "fits a schema that it may not fit");
}

bool
holds_if(struct judge *j, const struct rule *r, const json_t *v)
{
	const struct conditional *c = &r->conditional;
	const struct node *next = judge_try(j, c->test, v) ? c->good : c->bad;
	return !next || judge_apply(j, next, v);
}
