/* Unit tests of policy/pattern: what is found, and that a search stops when its steps are used up,
 * whatever the expression. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#include "policy/pattern.h"
#include "unit.h"

static enum found_pattern
find(const char *expression, struct str text, int64_t *steps)
{
	struct pattern *p;
	struct err e;
	if (pattern_new(str_of(expression), &p, &e))
		fail_msg("%s: %s", expression, e.text);
	struct matcher *m = matcher_new();
	enum found_pattern found = pattern_find(m, p, text, steps);
	matcher_free(m);
	pattern_free(p);
	return found;
}

static void
test_found(void **state)
{
	static const struct {
		const char *expression, *text;
		enum found_pattern found;
	} cases[] = {
		{ "b", "abc", PATTERN_FOUND },
		{ "^b", "abc", PATTERN_ABSENT },
		{ "^abc$", "abc\n", PATTERN_ABSENT },
		{ "^a.c$", "a\nc", PATTERN_ABSENT },
		{ "^.$", "\xc3\xa9", PATTERN_FOUND },
		{ "^\\d$", "\xd9\xa3", PATTERN_ABSENT },
		{ "^\\u00e9$", "\xc3\xa9", PATTERN_FOUND },
		{ "[]", "a", PATTERN_ABSENT },
		{ "", "", PATTERN_FOUND },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t steps = 1000;
		assert_int_equal(
		    find(cases[i].expression, str_of(cases[i].text), &steps), cases[i].found);
		assert_in_range(steps, 900, 999);
	}
}

/* A step may cost as much as the text is long, but there is none behind the last. */
static void
test_steps(void **state)
{
	static const char *const bombs[] = { "^(a+)+$", "(a*)*b", "^(a|aa)+$", "a.*a.*a.*a.*b",
		"[a-z]*1", "(?=(a+)+$)b" };
	enum {
		SIZE = 4000,
		STEPS = 10000,
		OVER = SIZE / 16 + 2
	};
	char *text = malloc(SIZE);
	(void)state;
	memset(text, 'a', SIZE);
	text[SIZE - 1] = '!';
	for (size_t i = 0; i < ARRAY_LEN(bombs); i++) {
		int64_t steps = STEPS;
		if (find(bombs[i], (struct str){ text, SIZE }, &steps) == PATTERN_FOUND)
			fail_msg("%s is found", bombs[i]);
		if (steps < -OVER)
			fail_msg("%s: %lld steps too many", bombs[i], -(long long)steps);
	}
	free(text);
}

/* Few steps that each go over much text are many: this one starts anew at each letter. */
static void
test_bytes_cost(void **state)
{
	enum {
		SIZE = 4000,
		STEPS = 10000000
	};
	char *text = malloc(SIZE);
	int64_t steps = STEPS;
	(void)state;
	memset(text, 'a', SIZE);
	assert_int_equal(find("[a-z]*\\d", (struct str){ text, SIZE }, &steps), PATTERN_ABSENT);
	assert_true(STEPS - steps > SIZE / 2 * SIZE / 16);
	free(text);
}

static void
test_refusals(void **state)
{
	static const char *const bad[] = { "(", "[", "a{2,1}", "\\C", "((a{1,999}){1,999}){1,999}",
		"(?<name", "*" };
	char deep[2 * 200 + 1], lengthy[PATTERN_MAX + 2];
	struct pattern *p;
	struct err e;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (pattern_new(str_of(bad[i]), &p, &e) == 0)
			fail_msg("%s passes", bad[i]);
	memset(deep, '(', 200);
	memset(deep + 200, ')', 200);
	assert_int_equal(pattern_new((struct str){ deep, 400 }, &p, &e), -1);
	memset(lengthy, 'a', sizeof(lengthy));
	assert_int_equal(pattern_new((struct str){ lengthy, PATTERN_MAX + 1 }, &p, &e), -1);
	assert_int_equal(e.kind, ERR_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_bytes_cost),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
