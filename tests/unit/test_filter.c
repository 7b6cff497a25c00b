/* Unit tests of policy/filter: order, the search by halves, channels. */
#include <stdio.h>

#include "base/attr.h"

#include "policy/filter.h"
#include "unit.h"

static void
test_order(void **state)
{
	const struct str sorted[] = {
		STR(""),
		STR("\0"),
		STR("A"),
		STR("a"),
		STR("a\0"),
		STR("a.b"),
		STR("ab"),
		STR("b"),
		STR("\x7f"),
		STR("\xc3\xa9"), /* bytes are unsigned */
		STR("\xff"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++) {
		for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
			int order = str_cmp(sorted[i], sorted[k]);
			assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
		}
	}
	assert_int_equal(str_cmp((struct str){ NULL, 0 }, STR("")), 0);
}

/* Lists of every length from 0 to 33: each of their types is found, and nothing between them. */
static void
test_types(void **state)
{
	char text[34][8];
	struct str types[34];
	(void)state;
	for (int i = 0; i < 34; i++) {
		snprintf(text[i], sizeof(text[i]), "t%02d", i);
		types[i] = str_of(text[i]);
	}
	for (int n = 1; n <= 33; n++) {
		struct filter f = { .ntypes = n, .types = types };
		for (int i = 0; i < n; i++) {
			char between[12];
			assert_true(filter_match(&f, types[i], NULL, 0));
			snprintf(between, sizeof(between), "%s.x", text[i]);
			assert_false(filter_match(&f, str_of(between), NULL, 0));
		}
		assert_false(filter_match(&f, types[n], NULL, 0));
		assert_false(filter_match(&f, STR("t"), NULL, 0));
		assert_false(filter_match(&f, STR(""), NULL, 0));
	}
}

static void
test_channels(void **state)
{
	const struct str type = STR("user.created"), other = STR("user.deleted");
	const struct str both[] = { STR("red"), STR("green") }, blue[] = { STR("blue") };
	const struct str mixed[] = { STR("blue"), STR("green") };
	const struct {
		struct filter f;
		struct str type;
		const struct str *channels;
		int nchannels;
		bool wanted;
	} cases[] = {
		/* No filter: all events, on channels or not. */
		{ { 0 }, STR("anything"), NULL, 0, true },
		{ { 0 }, STR("anything"), blue, 1, true },
		/* Channels: at least one shared. */
		{ { .nchannels = 2, .channels = both }, STR("x"), NULL, 0, false },
		{ { .nchannels = 2, .channels = both }, STR("x"), blue, 1, false },
		{ { .nchannels = 2, .channels = both }, STR("x"), mixed, 2, true },
		/* Both must agree. */
		{ { 1, &type, 2, both }, STR("user.created"), mixed, 2, true },
		{ { 1, &type, 2, both }, STR("user.created"), blue, 1, false },
		{ { 1, &other, 2, both }, STR("user.created"), mixed, 2, false },
		/* Names are compared whole and by case. */
		{ { .nchannels = 2, .channels = both }, STR("x"),
		    (const struct str[]){ STR("Red") }, 1, false },
		{ { .nchannels = 2, .channels = both }, STR("x"), (const struct str[]){ STR("re") },
		    1, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
		    filter_match(&cases[i].f, cases[i].type, cases[i].channels, cases[i].nchannels),
		    cases[i].wanted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_channels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
