/* Unit tests of api/percent: what is decoded, and everything that is refused. */
#include "base/attr.h"

#include "rest/percent.h"
#include "unit.h"

static void
test_cases(void **state)
{
	const struct {
		struct str in;
		bool plus_is_space;
		struct str out; /* p == NULL: refused */
	} cases[] = {
		{ STR(""), false, STR("") },
		{ STR("plain-_.~"), false, STR("plain-_.~") },
		{ STR("%61%62c"), false, STR("abc") },
		{ STR("a%2fb%2Fc"), false, STR("a/b/c") },
		{ STR("a+b"), false, STR("a+b") },
		{ STR("a+b%2B"), true, STR("a b+") },
		{ STR("%C3%A9"), false, STR("\xc3\xa9") },
		{ STR("\xc3\xa9"), false, STR("\xc3\xa9") },
		{ STR("%25%32%35"), false, STR("%25") }, /* once, not again */
		{ STR("%"), false, { NULL, 0 } },
		{ STR("%4"), false, { NULL, 0 } },
		{ STR("a%4"), false, { NULL, 0 } },
		{ STR("%4g"), false, { NULL, 0 } },
		{ STR("%g4"), false, { NULL, 0 } },
		{ STR("%%41"), false, { NULL, 0 } },
		{ STR("%+41"), true, { NULL, 0 } },
		{ STR("%00"), false, { NULL, 0 } },
		{ STR("a\0b"), false, { NULL, 0 } },
		{ STR("%ff"), false, { NULL, 0 } },
		{ STR("\xff"), false, { NULL, 0 } },
		{ STR("%c0%80"), false, { NULL, 0 } },
		{ STR("%ed%a0%80"), false, { NULL, 0 } },
		{ STR("%C3"), false, { NULL, 0 } },
	};
	struct arena *a = arena_new();
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str out = { NULL, 0 };
		int status = percent_decode(cases[i].in, cases[i].plus_is_space, a, &out);
		assert_int_equal(status, cases[i].out.p ? 0 : -1);
		if (cases[i].out.p)
			assert_true(str_eq(out, cases[i].out));
	}
	arena_free(a);
}

/* Nothing behind the last byte is read: the text ends where its memory ends. */
static void
test_ends_at_its_end(void **state)
{
	static const char *const texts[] = { "%", "%4", "ab%", "ab%4" };
	struct arena *a = arena_new();
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t n = strlen(texts[i]);
		char *exact = test_malloc(n);
		struct str out;
		memcpy(exact, texts[i], n);
		assert_int_equal(percent_decode((struct str){ exact, n }, false, a, &out), -1);
		test_free(exact);
	}
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_ends_at_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
