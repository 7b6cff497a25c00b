/* Unit tests of base/str: numbers at their limits, splitting, trimming, comparison by bytes. */
#include "base/attr.h"
#include "base/str.h"

#include "unit.h"

static void
test_numbers(void **state)
{
	const struct {
		struct str s;
		int64_t min;
		int64_t max;
		int rc;
		int64_t wanted;
	} cases[] = {
		{ STR("0"), INT64_MIN, INT64_MAX, 0, 0 }, { STR("-0"), INT64_MIN, INT64_MAX, 0, 0 },
		{ STR("007"), INT64_MIN, INT64_MAX, 0, 7 },
		{ STR("-12"), INT64_MIN, INT64_MAX, 0, -12 },
		{ STR("9223372036854775807"), INT64_MIN, INT64_MAX, 0, INT64_MAX },
		{ STR("-9223372036854775808"), INT64_MIN, INT64_MAX, 0, INT64_MIN },
		{ STR("9223372036854775808"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("-9223372036854775809"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("18446744073709551617"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("99999999999999999999999999"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("000000000000000000000000000001"), INT64_MIN, INT64_MAX, 0, 1 },
		{ STR("5"), 5, 5, 0, 5 }, { STR("4"), 5, 10, -1, 0 }, { STR("11"), 5, 10, -1, 0 },
		{ STR("-1"), 0, 10, -1, 0 }, { STR(""), INT64_MIN, INT64_MAX, -1, 0 },
		{ { NULL, 0 }, INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("-"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("--1"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("+1"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR(" 1"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("1 "), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("1\0"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("1\n"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("0x1"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("1e3"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("1.0"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("1:"), INT64_MIN, INT64_MAX, -1,
		    0 }, /* the bytes on either side of the digits */
		{ STR("1/"), INT64_MIN, INT64_MAX, -1, 0 },
		{ STR("\xd9\xa1"), INT64_MIN, INT64_MAX, -1, 0 }, /* an Arabic one */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t v = 77;
		if (str_to_i64(cases[i].s, cases[i].min, cases[i].max, &v) != cases[i].rc)
			fail_msg("%.*s", STR_FMT(cases[i].s));
		assert_int_equal(v, cases[i].rc == 0 ? cases[i].wanted : 77);
	}
}

static void
test_equal(void **state)
{
	const struct {
		struct str a;
		struct str b;
		bool equal;
		bool nocase;
	} cases[] = {
		{ STR(""), STR(""), true, true }, { { NULL, 0 }, STR(""), true, true },
		{ STR("a"), STR("a"), true, true },
		{ STR("Content-Type"), STR("content-TYPE"), false, true },
		{ STR("a"), STR("b"), false, false }, { STR("a"), STR("ab"), false, false },
		{ STR("a\0b"), STR("a\0B"), false, true },
		{ STR("a\0b"), STR("a\0c"), false, false }, /* a NUL ends nothing */
		{ STR("@"), STR("`"), false, false },       /* letters only */
		{ STR("["), STR("{"), false, false },
		{ STR("\xc3\x84"), STR("\xc3\xa4"), false, false }, /* ASCII only */
		{ STR("\xc0"), STR("\xe0"), false, false },
		{ STR("K"), STR("\xe2\x84\xaa"), false, false }, /* the Kelvin sign */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(str_eq(cases[i].a, cases[i].b), cases[i].equal);
		assert_int_equal(str_eq(cases[i].b, cases[i].a), cases[i].equal);
		assert_int_equal(str_eq_nocase(cases[i].a, cases[i].b), cases[i].nocase);
		assert_int_equal(str_eq_nocase(cases[i].b, cases[i].a), cases[i].nocase);
	}
}

static void
test_starts(void **state)
{
	(void)state;
	assert_true(str_starts(STR("whsec_x"), STR("whsec_")));
	assert_true(str_starts(STR("whsec_"), STR("whsec_")));
	assert_true(str_starts(STR("x"), STR("")));
	assert_true(str_starts((struct str){ NULL, 0 }, (struct str){ NULL, 0 }));
	assert_false(str_starts(STR("whsec"), STR("whsec_")));
	assert_false(str_starts(STR("Whsec_"), STR("whsec_")));
	assert_false(str_starts((struct str){ NULL, 0 }, STR("a")));
}

static void
test_of(void **state)
{
	(void)state;
	assert_int_equal(str_of("abc").n, 3);
	assert_int_equal(str_of("").n, 0);
	assert_non_null(str_of("").p);
	assert_null(str_of(NULL).p);
	assert_int_equal(STR("a\0b").n, 3);
}

static void
test_split(void **state)
{
	const struct {
		struct str s;
		int n;
		const char *items[4];
	} cases[] = {
		{ { NULL, 0 }, 0, { 0 } },
		{ STR(""), 1, { "" } },
		{ STR("a"), 1, { "a" } },
		{ STR("a,b"), 2, { "a", "b" } },
		{ STR(","), 2, { "", "" } },
		{ STR("a,"), 2, { "a", "" } },
		{ STR(",a"), 2, { "", "a" } },
		{ STR("a,,b,"), 4, { "a", "", "b", "" } },
		{ STR(" a , b "), 2, { " a ", " b " } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str rest = cases[i].s, item;
		int n = 0;
		while (str_split(&rest, ',', &item)) {
			assert_true(n < cases[i].n);
			assert_true(str_eq(item, str_of(cases[i].items[n])));
			n++;
		}
		assert_int_equal(n, cases[i].n);
		assert_null(rest.p);
		assert_int_equal(rest.n, 0);
	}
}

static void
test_trim(void **state)
{
	static const struct {
		const char *s;
		const char *wanted;
	} cases[] = {
		{ "", "" }, { " \t ", "" }, { "a", "a" }, { "\ta b ", "a b" },
		{ "\na\r", "\na\r" }, /* spaces and tabs, no lines */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(str_eq(str_trim(str_of(cases[i].s)), str_of(cases[i].wanted)));
	assert_null(str_trim((struct str){ NULL, 0 }).p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_trim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
