/* Query parameters: looked up in the text of the query, which dispatch has found well encoded. */
#include "rest/query.h"

#include "rest/call.h"
#include "rest/percent.h"

/* A place in the query. */
struct pairs {
	struct arena *arena;
	struct str rest;
};

/* 1: a pair; 0: the end; -1: it is not well encoded. */
static int
next_pair(struct pairs *p, struct str *ret_name, struct str *ret_value)
{
	struct str pair;
	do {
		if (!str_split(&p->rest, '&', &pair))
			return 0;
	} while (pair.n == 0);
	struct str name;
	str_split(&pair, '=', &name);
	struct str value = pair.p ? pair : STR("");
	if (percent_decode(name, true, p->arena, ret_name) ||
	    percent_decode(value, true, p->arena, ret_value))
		return -1;
	return 1;
}

static struct pairs
pairs_of(const struct call *c)
{
	return (struct pairs){ c->arena, c->rq->query };
}

bool
query_well_encoded(const struct call *c)
{
	struct pairs p = pairs_of(c);
	struct str name, value;
	int found;
	while ((found = next_pair(&p, &name, &value)) == 1)
		;
	return found == 0;
}

struct str
call_query(struct call *c, const char *name)
{
	struct pairs p = pairs_of(c);
	struct str found, value;
	while (next_pair(&p, &found, &value) == 1)
		if (str_eq(found, str_of(name)))
			return value;
	return (struct str){ NULL, 0 };
}

static int
wrong_type(struct call *c, const char *name, const char *wanted)
{
	call_fail_with(c, ERR_BAD_REQUEST, "query parameter %s: %s expected", name, wanted);
	return -1;
}

int
call_query_bool(struct call *c, const char *name, bool *ret)
{
	struct str value = call_query(c, name);
	if (!value.p)
		return 0;
	if (!str_eq(value, STR("true")) && !str_eq(value, STR("false")))
		return wrong_type(c, name, "true or false");
	*ret = str_eq(value, STR("true"));
	return 0;
}

int
call_query_int(struct call *c, const char *name, int64_t *ret)
{
	struct str value = call_query(c, name);
	if (value.p && str_to_i64(value, INT64_MIN, INT64_MAX, ret))
		return wrong_type(c, name, "an integer");
	return 0;
}

int
call_query_time(struct call *c, const char *name, struct wall *ret)
{
	struct str value = call_query(c, name);
	if (value.p && wall_from_text(value, ret))
		return wrong_type(c, name, "a time such as 2026-01-31T12:00:00Z");
	return 0;
}

/* "name", "name[]" or "name[0]". */
static bool
names_list(struct str found, struct str name)
{
	if (!str_starts(found, name))
		return false;
	struct str index = { found.p + name.n, found.n - name.n };
	return index.n == 0 || (index.n >= 2 && index.p[0] == '[' && index.p[index.n - 1] == ']');
}

int
call_query_list(struct call *c, const char *name, struct str *ret, int max)
{
	struct pairs p = pairs_of(c);
	struct str found, value, item;
	int n = 0;
	while (next_pair(&p, &found, &value) == 1) {
		if (!names_list(found, str_of(name)))
			continue;
		while (str_split(&value, ',', &item)) {
			if (item.n == 0)
				continue;
			if (n == max) {
				call_invalid_query(c, name, "at most %d values are taken", max);
				return -1;
			}
			ret[n++] = item;
		}
	}
	return n;
}
