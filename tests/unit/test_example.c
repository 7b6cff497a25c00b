/* Unit tests of policy/example: which version, which example, and what is none. */
#include "base/attr.h"

#include "policy/example.h"
#include "unit.h"

static void
test_cases(void **state)
{
	static const struct {
		const char *schemas;
		int64_t index;
		enum example want;
		const char *payload;
	} cases[] = {
		{ "{\"1\":{\"examples\":[{\"a\": 1.10}, {\"b\":2}]}}", 0, EXAMPLE_FOUND,
		    "{\"a\": 1.10}" },
		{ "{\"1\":{\"examples\":[{\"a\": 1.10}, {\"b\":2}]}}", 1, EXAMPLE_FOUND,
		    "{\"b\":2}" },
		{ "{\"1\":{\"examples\":[ {\"a\":[1,{}]} ]}}", 1, EXAMPLE_TOO_FEW, NULL },
		/* Versions are numbers before they are words. */
		{ "{\"9\":{\"examples\":[{\"v\":9}]},\"10\":{\"examples\":[{\"v\":10}]}}", 0,
		    EXAMPLE_FOUND, "{\"v\":10}" },
		{ "{\"10\":{\"examples\":[{\"v\":10}]},\"x\":{\"examples\":[{\"v\":1}]}}", 0,
		    EXAMPLE_FOUND, "{\"v\":10}" },
		{ "{\"b\":{\"examples\":[{\"v\":2}]},\"a\":{\"examples\":[{\"v\":1}]}}", 0,
		    EXAMPLE_FOUND, "{\"v\":2}" },
		/* The newest counts, also when it has none. */
		{ "{\"1\":{\"examples\":[{}]},\"2\":{}}", 0, EXAMPLE_NONE, NULL },
		{ "{\"1\":{\"example\":{\"e\":1}}}", 7, EXAMPLE_FOUND, "{\"e\":1}" },
		{ "{\"1\":{\"examples\":{\"e\":1}}}", 7, EXAMPLE_FOUND, "{\"e\":1}" },
		{ "{\"1\":{\"examples\":[]}}", 0, EXAMPLE_NONE, NULL },
		{ "{\"1\":{\"examples\":[5,{}]}}", 0, EXAMPLE_NO_OBJECT, NULL },
		{ "{\"1\":{\"examples\":[5,{}]}}", 1, EXAMPLE_FOUND, "{}" },
		{ "{\"1\":{\"example\":\"text\"}}", 0, EXAMPLE_NO_OBJECT, NULL },
		{ "{\"1\":true}", 0, EXAMPLE_NONE, NULL },
		{ "{}", 0, EXAMPLE_NONE, NULL },
		{ "", 0, EXAMPLE_NONE, NULL },
		{ "[", 0, EXAMPLE_NONE, NULL },
		{ "{\"1\":{\"examples\":[{\"a\":1}", 0, EXAMPLE_NONE, NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str payload = { NULL, 0 };
		enum example got = example_find(str_of(cases[i].schemas), cases[i].index, &payload);
		if (got != cases[i].want)
			fail_msg("%s: %d", cases[i].schemas, got);
		if (cases[i].payload && !str_eq(payload, str_of(cases[i].payload)))
			fail_msg("%s: %.*s", cases[i].schemas, STR_FMT(payload));
	}
}

static void
test_no_schemas(void **state)
{
	struct str payload;
	(void)state;
	assert_int_equal(example_find((struct str){ NULL, 0 }, 0, &payload), EXAMPLE_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_no_schemas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
