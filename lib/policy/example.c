/* Examples out of schemas (example.h). Nothing is built: spans of the text are cut out. */
#include "policy/example.h"

#include "policy/filter.h"
#include "policy/slice.h"

/* Whether version a is newer than b. */
static bool
is_newer(struct str a, struct str b)
{
	int64_t a_number = -1, b_number = -1;
	bool a_is = str_to_i64(a, 0, INT64_MAX, &a_number) == 0;
	bool b_is = str_to_i64(b, 0, INT64_MAX, &b_number) == 0;
	if (a_is || b_is)
		return a_number > b_number;
	return str_cmp(a, b) > 0;
}

/* The schema of the newest version. */
static bool
newest(struct str schemas, struct str *ret)
{
	struct slice versions;
	struct err e;
	const struct slice_member *best = NULL;
	if (!schemas.n || slice_object(schemas, &versions, &e))
		return false;
	for (int i = 0; i < versions.n; i++)
		if (!best || is_newer(versions.member[i].key, best->key))
			best = &versions.member[i];
	if (!best || best->kind != SLICE_OBJECT)
		return false;
	*ret = best->value;
	return true;
}

static bool
scan_value(struct scan *c)
{
	bool escaped;
	int first = scan_peek(c);
	return first == '{' || first == '[' ? scan_container(c, SLICE_DEPTH_MAX)
					    : scan_scalar(c, &escaped);
}

/* An element of a list that is known to be well formed. */
static enum example
element(struct str list, int64_t index, struct str *ret)
{
	struct scan c = scan_at(list);
	int64_t n = 0;
	for (c.p++, scan_blanks(&c); scan_peek(&c) != ']'; scan_blanks(&c)) {
		const unsigned char *from = c.p;
		if (!scan_value(&c))
			return EXAMPLE_NONE;
		if (n++ == index) {
			*ret = scan_span(&c, from);
			return ret->p[0] == '{' ? EXAMPLE_FOUND : EXAMPLE_NO_OBJECT;
		}
		scan_blanks(&c);
		if (scan_peek(&c) == ',')
			c.p++;
	}
	return n ? EXAMPLE_TOO_FEW : EXAMPLE_NONE;
}

enum example
example_find(struct str schemas, int64_t index, struct str *ret)
{
	struct str schema;
	struct slice s;
	struct err e;
	if (!newest(schemas, &schema) || slice_object(schema, &s, &e))
		return EXAMPLE_NONE;
	const struct slice_member *m = slice_get(&s, "examples");
	if (m && m->kind == SLICE_ARRAY)
		return element(m->value, index, ret);
	if (!m)
		m = slice_get(&s, "example");
	if (!m)
		return EXAMPLE_NONE;
	*ret = m->value;
	return m->kind == SLICE_OBJECT ? EXAMPLE_FOUND : EXAMPLE_NO_OBJECT;
}
