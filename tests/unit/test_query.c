/* Unit tests of api/query: values, lists in all their spellings, and what is not well encoded. */
#include "base/attr.h"

#include "rest/query.h"
#include "unit.h"

static struct arena *arena;

static struct call
call_with(struct http_request *rq, const char *query)
{
	*rq = (struct http_request){ .query = str_of(query), .arena = arena };
	return (struct call){ .rq = rq, .arena = arena };
}

static void
test_values(void **state)
{
	static const struct {
		const char *query, *name;
		const char *value; /* NULL: absent */
	} cases[] = {
		{ "", "a", NULL },
		{ "a=1", "a", "1" },
		{ "b=2&a=1", "a", "1" },
		{ "a=1&a=2", "a", "1" },
		{ "a", "a", "" },
		{ "a=", "a", "" },
		{ "&&a=1&", "a", "1" },
		{ "aa=1", "a", NULL },
		{ "a=b=c", "a", "b=c" },
		{ "a=x%26y+z%2B", "a", "x&y z+" },
		{ "%61=1", "a", "1" },
		{ "=1", "", "1" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_request rq;
		struct call c = call_with(&rq, cases[i].query);
		struct str value = call_query(&c, cases[i].name);
		assert_true(query_well_encoded(&c));
		assert_int_equal(value.p != NULL, cases[i].value != NULL);
		assert_true(str_eq(value, str_of(cases[i].value)));
	}
}

static void
test_not_well_encoded(void **state)
{
	static const char *const queries[] = { "a=%", "a=%zz", "%0=1", "b=1&a=%00", "a=%ff",
		"\xff" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct http_request rq;
		struct call c = call_with(&rq, queries[i]);
		assert_false(query_well_encoded(&c));
	}
}

static void
test_lists(void **state)
{
	static const char *const queries[] = {
		"t=a,b,c",
		"t[]=a&t[]=b&t[]=c",
		"t%5B%5D=a&t%5B%5D=b&t%5B%5D=c",
		"t[0]=a&t[1]=b&t[2]=c",
		"t=a&t=b&t=c",
		"x=1&t=a,,b&tt=no&t[=no&t]=no&t[]=,c,",
		"t=a%2Cb&t=c",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct http_request rq;
		struct call c = call_with(&rq, queries[i]);
		struct str items[3];
		assert_int_equal(call_query_list(&c, "t", items, 3), 3);
		assert_true(str_eq(items[0], STR("a")) && str_eq(items[1], STR("b")) &&
			    str_eq(items[2], STR("c")));
		assert_int_equal(call_query_list(&c, "u", items, 3), 0);
	}
}

static void
test_typed_values(void **state)
{
	struct http_request rq;
	struct call c = call_with(&rq, "yes=true&no=false&n=-5&t=2026-01-31T12:00:00Z");
	bool yes = false, no = true, absent = true;
	int64_t n = 0, none = 7;
	struct wall t = { 0 };
	(void)state;
	assert_int_equal(call_query_bool(&c, "yes", &yes), 0);
	assert_int_equal(call_query_bool(&c, "no", &no), 0);
	assert_int_equal(call_query_bool(&c, "absent", &absent), 0);
	assert_int_equal(call_query_int(&c, "n", &n), 0);
	assert_int_equal(call_query_int(&c, "none", &none), 0);
	assert_int_equal(call_query_time(&c, "t", &t), 0);
	assert_true(yes && !no && absent);
	assert_int_equal(n, -5);
	assert_int_equal(none, 7);
	assert_int_equal(t.us, INT64_C(1769860800000000));
}

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_not_well_encoded),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_typed_values),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
