/* What a schema asks of elements and members (validation-01, 6.4 and 6.5). */
#include "base/attr.h"

#include "policy/schema-internal.h"

/* ---- arrays ---- */

static bool
each_item(struct judge *j, const struct node *n, const json_t *v, size_t from)
{
	for (size_t i = from; i < json_array_size(v); i++)
		if (!judge_below(j, n, json_array_get(v, i), NULL, i))
			return false;
	return true;
}

bool
holds_items(struct judge *j, const struct rule *r, const json_t *v)
{
	return each_item(j, r->node, v, 0);
}

bool
holds_first_items(struct judge *j, const struct rule *r, const json_t *v)
{
	for (size_t i = 0; i < r->nodes.n && i < json_array_size(v); i++)
		if (!judge_below(j, r->nodes.node[i], json_array_get(v, i), NULL, i))
			return false;
	return true;
}

bool
holds_other_items(struct judge *j, const struct rule *r, const json_t *v)
{
	return each_item(j, r->rest.node, v, r->rest.from);
}

bool
holds_contains(struct judge *j, const struct rule *r, const json_t *v)
{
	if (!json_is_array(v))
		return true;
	for (size_t i = 0; !j->beyond && i < json_array_size(v); i++)
		if (judge_try(j, r->node, json_array_get(v, i)))
			return true;
	return judge_blame(j, r, NULL, "has no element that fits");
}

bool
holds_min_items(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_array(v) || json_array_size(v) >= r->count ||
	       judge_blame(j, r, NULL, "must have at least %zu elements", r->count);
}

bool
holds_max_items(struct judge *j, const struct rule *r, const json_t *v)
{
	return json_array_size(v) <= r->count ||
	       judge_blame(j, r, NULL, "may have %zu elements at most", r->count);
}

/* ---- objects ---- */

bool
holds_min_properties(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_object(v) || json_object_size(v) >= r->count ||
	       judge_blame(j, r, NULL, "must have at least %zu members", r->count);
}

bool
holds_max_properties(struct judge *j, const struct rule *r, const json_t *v)
{
	return json_object_size(v) <= r->count ||
	       judge_blame(j, r, NULL, "may have %zu members at most", r->count);
}

static bool
has_all(struct judge *j, const struct rule *r, const json_t *v, const json_t *names)
{
	if (!judge_spend(j, json_array_size(names)))
		return false;
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		if (!json_object_get(v, name))
			return judge_blame(j, r, name, "is required");
	}
	return true;
}

bool
holds_required(struct judge *j, const struct rule *r, const json_t *v)
{
	return !json_is_object(v) || has_all(j, r, v, r->json);
}

bool
holds_properties(struct judge *j, const struct rule *r, const json_t *v)
{
	if (!json_is_object(v) || !judge_spend(j, r->named.n))
		return !j->beyond;
	for (size_t i = 0; i < r->named.n; i++) {
		const struct named_node *p = &r->named.named[i];
		const json_t *member = json_object_get(v, p->name);
		if (member && !judge_below(j, p->node, member, p->name, 0))
			return false;
	}
	return true;
}

bool
holds_patterns(struct judge *j, const struct rule *r, const json_t *v)
{
	void *at = json_object_iter(json_mutable(v));
	for (; at && !j->beyond; at = json_object_iter_next(json_mutable(v), at)) {
		const char *key = json_object_iter_key(at);
		const json_t *member = json_object_iter_value(at);
		for (size_t i = 0; i < r->patterns.n; i++) {
			const struct pattern_node *p = &r->patterns.node[i];
			if (judge_matches(j, p->pattern, str_of(key)) &&
			    !judge_below(j, p->node, member, key, 0))
				return false;
		}
	}
	return !j->beyond;
}

static bool
is_covered(struct judge *j, const struct others *o, const char *key)
{
	bool covered = o->properties && json_object_get(o->properties, key);
	for (size_t i = 0; !covered && i < o->patterns.n; i++)
		covered = judge_matches(j, o->patterns.node[i].pattern, str_of(key));
	return covered;
}

bool
holds_others(struct judge *j, const struct rule *r, const json_t *v)
{
	void *at = json_object_iter(json_mutable(v));
	for (; at; at = json_object_iter_next(json_mutable(v), at)) {
		const char *key = json_object_iter_key(at);
		if (!judge_spend(j, 1))
			return false;
		if (!is_covered(j, &r->others, key) &&
		    !judge_below(j, r->others.node, json_object_iter_value(at), key, 0))
			return false;
	}
	return !j->beyond;
}

bool
holds_names(struct judge *j, const struct rule *r, const json_t *v)
{
	void *at = json_object_iter(json_mutable(v));
	for (; at; at = json_object_iter_next(json_mutable(v), at)) {
		const char *key = json_object_iter_key(at);
		json_t *name = json_string_nocheck(key);
		bool good = judge_below(j, r->node, name, key, 0);
		json_decref(name);
		if (!good)
			return false;
	}
	return true;
}

bool
holds_dependencies(struct judge *j, const struct rule *r, const json_t *v)
{
	if (!json_is_object(v) || !judge_spend(j, r->named.n))
		return !j->beyond;
	for (size_t i = 0; i < r->named.n; i++) {
		const struct named_node *p = &r->named.named[i];
		if (!json_object_get(v, p->name))
			continue;
		if (p->node ? !judge_apply(j, p->node, v) : !has_all(j, r, v, p->names))
			return false;
	}
	return true;
}
