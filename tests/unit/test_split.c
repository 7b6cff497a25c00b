/* Unit tests of policy/split: which items a body has, that they are the sender's bytes, and where a
 * body is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#include "policy/split.h"
#include "unit.h"

/* The steps of a body as a text: the members' count of an item, x for one that is refused, then .
 * or ! for the end. Splits a copy of exactly the body's size, so that ASan sees a read behind it.
 */
static const char *
steps_of(struct str body, bool lines, struct err *e)
{
	static char text[256];
	char *copy = malloc(body.n + 1);
	struct split s;
	struct slice item;
	size_t n = 0;
	assert_non_null(copy);
	memcpy(copy + 1, body.n ? body.p : "", body.n);
	split_begin(&s, (struct str){ copy + 1, body.n }, lines);
	for (;;) {
		enum split_step step = split_next(&s, &item, e);
		assert_true(n < sizeof(text) - 2);
		if (step == SPLIT_END || step == SPLIT_BROKEN) {
			text[n++] = step == SPLIT_END ? '.' : '!';
			break;
		}
		text[n++] = step == SPLIT_ITEM ? (char)('0' + item.n) : 'x';
		assert_int_equal(s.n, (int)n);
	}
	text[n] = '\0';
	free(copy);
	return text;
}

struct split_case {
	struct str body;
	const char *steps;
	const char *reason; /* a part of the last error; NULL: none */
};

static void
check(const struct split_case *cases, size_t n, bool lines)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = { 0 };
		const char *got = steps_of(cases[i].body, lines, &e);
		if (strcmp(got, cases[i].steps) != 0)
			fail_msg("%.*s: %s", STR_FMT(cases[i].body), got);
		if (!cases[i].reason)
			assert_string_equal(e.text, "");
		else if (!strstr(e.text, cases[i].reason))
			fail_msg("%.*s: %s", STR_FMT(cases[i].body), e.text);
		else
			assert_int_equal(e.kind, ERR_INVALID);
	}
}

static void
test_an_array(void **state)
{
	const struct split_case cases[] = {
		{ STR("[]"), ".", NULL },
		{ STR(" \r\n[ \t] \n"), ".", NULL },
		{ STR("[{}]"), "0.", NULL },
		{ STR(" [ {\"a\":1} , {} , {\"a\":[{}],\"b\":\"]\"} ] "), "102.", NULL },
		{ STR("[{},1]"), "0x.", "byte 0: an object" },
		{ STR("[null,{},\"a\",{},[{}],{},-1.5e9,{}]"), "x0x0x0x0.", "an object" },
	};
	(void)state;
	check(cases, ARRAY_LEN(cases), false);
}

static void
test_an_array_that_is_none(void **state)
{
	const struct split_case cases[] = {
		{ { NULL, 0 }, "!", "byte 0: an array" },
		{ STR(" "), "!", "byte 1: an array" },
		{ STR("{}"), "!", "byte 0: an array" },
		{ STR("{}\n{}"), "!", "byte 0: an array" },
		{ STR("\xef\xbb\xbf[]"), "!", "byte 0: an array" },
		{ STR("["), "!", "byte 1: a value" },
		{ STR("[{}"), "0!", "byte 3: ',' or ']'" },
		{ STR("[{},"), "0!", "byte 4: a value" },
		{ STR("[{},]"), "0!", "byte 4: a value" },
		{ STR("[,{}]"), "!", "byte 1: a value" },
		{ STR("[{},,{}]"), "0!", "byte 4: a value" },
		{ STR("[{} {}]"), "0!", "byte 4: ',' or ']'" },
		{ STR("[{}]]"), "0!", "byte 4: there is text behind" },
		{ STR("[{}] []"), "0!", "byte 5: there is text behind" },
		{ STR("[{}]\0"), "0!", "byte 4: there is text behind" },
		{ STR("[{}}"), "0!", "byte 3: ',' or ']'" },
		{ STR("[{},{\"a\":1]"), "0!", "byte 10: ',' or" },
		{ STR("[{},{\"a\":tru}]"), "0!", "byte 9: a value" },
		{ STR("[{\"a\":\"\xff\"}]"), "!", "byte 7: invalid UTF-8" },
		{ STR("[1,nul]"), "x!", "byte 3: a value" },
		{ STR("[01]"), "x!", "byte 2: ',' or ']'" },
		{ STR("[{\"a\":1}"), "1!", "byte 8: ',' or ']'" },
		{ STR("[{\"a\":\"b"), "!", "byte 8: the string" },
	};
	(void)state;
	check(cases, ARRAY_LEN(cases), false);
}

static void
test_lines(void **state)
{
	const struct split_case cases[] = {
		{ { NULL, 0 }, ".", NULL },
		{ STR("\n \r\n\t\n"), ".", NULL },
		{ STR("{}"), "0.", NULL },
		{ STR("{}\n"), "0.", NULL },
		{ STR("{}\r\n{\"a\":1}\r\n"), "01.", NULL },
		{ STR("\n\n {} \n\r\n{}\n\n\n{}"), "000.", NULL },
		{ STR("{}\n[]\n{}"), "0x0.", "byte 0: an object" },
		{ STR("{}{}\n{}"), "x0.", "byte 2: there is text behind" },
		{ STR("{\"a\":\n1}\n{}"), "xx0.", "byte 0: an object" },
		{ STR("{}\n{\"a\":"), "0x.", "byte 5: a value" },
		{ STR("{}\n\0{}\n{}"), "0x0.", "byte 0: an object" },
		{ STR("{}\rx{}\n{}"), "x0.", "byte 3: there is text behind" },
		{ STR("[{}]"), "x.", "byte 0: an object" },
	};
	(void)state;
	check(cases, ARRAY_LEN(cases), true);
}

/* {"a":{"a":…{}}}, nested so deep. */
static void
add_deep(struct buf *b, int depth)
{
	for (int i = 1; i < depth; i++)
		buf_adds(b, "{\"a\":");
	buf_adds(b, "{}");
	for (int i = 1; i < depth; i++)
		buf_adds(b, "}");
}

static void
add_members(struct buf *b, int n)
{
	for (int i = 0; i < n; i++)
		buf_addf(b, "%s\"m%d\":%d", i ? "," : "{", i, i);
	buf_adds(b, "}");
}

static void
test_limits_are_those_of_an_object(void **state)
{
	struct err e = { 0 };
	struct buf b;
	(void)state;
	buf_init(&b, 1 << 20);
	buf_adds(&b, "[{},");
	add_members(&b, SLICE_MEMBERS_MAX + 1);
	buf_adds(&b, ",{}]");
	assert_string_equal(steps_of((struct str){ b.data, b.len }, false, &e), "0x0.");
	assert_non_null(strstr(e.text, "too many members"));
	buf_clear(&b);
	buf_adds(&b, "[");
	add_deep(&b, SLICE_DEPTH_MAX);
	buf_adds(&b, "]");
	assert_string_equal(steps_of((struct str){ b.data, b.len }, false, &e), "1.");
	buf_clear(&b);
	buf_adds(&b, "[{},");
	add_deep(&b, SLICE_DEPTH_MAX + 1);
	buf_adds(&b, "]");
	assert_string_equal(steps_of((struct str){ b.data, b.len }, false, &e), "0!");
	assert_non_null(strstr(e.text, "nested too deeply"));
	buf_free(&b);
}

static void
test_items_are_the_senders_bytes(void **state)
{
	const struct str bodies[] = {
		STR("[{\"p\":{ \"a\" :1.10}},  {\"p\":18446744073709551616}]"),
		STR("{\"p\":{ \"a\" :1.10}}\r\n\r\n{\"p\":18446744073709551616}"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct split s;
		struct slice item;
		struct err e;
		split_begin(&s, bodies[i], i == 1);
		assert_int_equal(split_next(&s, &item, &e), SPLIT_ITEM);
		assert_true(str_eq(slice_get(&item, "p")->value, STR("{ \"a\" :1.10}")));
		assert_int_equal(split_next(&s, &item, &e), SPLIT_ITEM);
		assert_true(str_eq(slice_get(&item, "p")->value, STR("18446744073709551616")));
		assert_true(slice_get(&item, "p")->value.p > bodies[i].p);
		assert_int_equal(split_next(&s, &item, &e), SPLIT_END);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_array),
		cmocka_unit_test(test_an_array_that_is_none),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits_are_those_of_an_object),
		cmocka_unit_test(test_items_are_the_senders_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
