/* Unit tests of policy/slice: what is accepted, and that spans are the sender's bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

#include "policy/slice.h"
#include "unit.h"

/* Slices a copy of exactly the text's size, so that ASan sees a read behind its end. */
static int
slice_exact(struct str text, struct slice *ret, struct err *e)
{
	char *copy = malloc(text.n + 1);
	assert_non_null(copy);
	memcpy(copy + 1, text.p, text.n); /* off by one: no help from alignment */
	const int rc = slice_object((struct str){ copy + 1, text.n }, ret, e);
	free(copy);
	return rc;
}

static void
assert_str(struct str got, const char *wanted)
{
	if (!str_eq(got, str_of(wanted)))
		fail_msg("got '%.*s', wanted '%s'", STR_FMT(got), wanted);
}

static void
test_accepts(void **state)
{
	const struct str cases[] = {
		STR("{}"),
		STR(" \t\r\n{ \t\r\n} \t\r\n"),
		STR("{\"\":0}"),
		STR("{\"a\":-0,\"b\":0.0,\"c\":-1.5e+10,\"d\":1E-2,\"e\":10}"),
		STR("{\"a\":123456789012345678901234567890,\"b\":1e99999,\"c\":-1e-99999}"),
		STR("{\"a\":true,\"b\":false,\"c\":null}"),
		STR("{\"a\":[],\"b\":{},\"c\":[[],{}],\"d\":{\"e\":[{}]}}"),
		STR("{\"a\" : [ 1 , { \"b\" : [ ] } , \"c\" ] , \"d\" : { \"e\" : 1 } }"),
		STR("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\uABcd\"}"),
		STR("{\"a\":\"\\ud83d\\udE00\\udbff\\udfff\\ud800\\udc00\"}"),
		STR("{\"a\":\"\x7f\"}"),
		STR("{\"a\":\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"}"),
		STR("{\"\xc3\xa9\":\"0123456789abcde\xc3\xa9 over two blocks 0123456789abcde\"}"),
		STR("{\"a\":1,\"a\":2}"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct slice s;
		struct err e = { 0 };
		if (slice_exact(cases[i], &s, &e) != 0)
			fail_msg("refused: %.*s: %s", STR_FMT(cases[i]), e.text);
	}
}

struct refusal {
	struct str text;
	const char *reason; /* a part of it */
};

static void
check_refusals(const struct refusal *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice s;
		struct err e = { 0 };
		const int rc = cases[i].text.n == 0 ? slice_object(cases[i].text, &s, &e)
						    : slice_exact(cases[i].text, &s, &e);
		if (rc != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i].text));
		assert_int_equal(e.kind, ERR_INVALID);
		if (strstr(e.text, cases[i].reason) == NULL)
			fail_msg("%.*s: %s", STR_FMT(cases[i].text), e.text);
	}
}

static void
test_refuses_structure(void **state)
{
	const struct refusal cases[] = {
		{ { NULL, 0 }, "empty" },
		{ STR(" "), "byte 1: an object" },
		{ STR("[]"), "byte 0: an object" },
		{ STR("1"), "an object" },
		{ STR("\"a\""), "an object" },
		{ STR("\xef\xbb\xbf{}"), "byte 0: an object" },
		{ STR("\0{}"), "byte 0: an object" },
		{ STR("{"), "byte 1: a string" },
		{ STR("{}}"), "byte 2: there is text behind" },
		{ STR("{} {}"), "byte 3: there is text behind" },
		{ STR("{}\0"), "byte 2: there is text behind" },
		{ STR("{\"a\":6\0}"), "',' or '}'" }, /* jansson 2.14 overlooks this one */
		{ STR("{}/**/"), "there is text behind" },
		{ STR("{,}"), "a string" },
		{ STR("{\"a\"}"), "':'" },
		{ STR("{\"a\":}"), "a value" },
		{ STR("{\"a\":1"), "',' or '}'" },
		{ STR("{\"a\":1,"), "a string" },
		{ STR("{\"a\":1,}"), "a string" },
		{ STR("{\"a\":1 \"b\":2}"), "',' or '}'" },
		{ STR("{\"a\":1]"), "',' or '}'" },
		{ STR("{a:1}"), "a string" },
		{ STR("{'a':1}"), "a string" },
		{ STR("{1:1}"), "a string" },
		{ STR("{\"a\":[1,]}"), "a value" },
		{ STR("{\"a\":[,1]}"), "a value" },
		{ STR("{\"a\":[1 2]}"), "',' or a closing" },
		{ STR("{\"a\":[1}}"), "',' or a closing" },
		{ STR("{\"a\":{\"b\":1]}"), "',' or a closing" },
		{ STR("{\"a\":[{\"b\":[}]}"), "a value" },
		{ STR("{\"a\":{1}}"), "a string" },
		{ STR("{\"a\":[\"b\":1]}"), "',' or a closing" },
		{ STR("{\"a\":["), "a value" },
		{ STR("{\"a\":[1"), "',' or a closing" },
		{ STR("{\"a\":{"), "a string" },
		{ STR("{\"a\":01}"), "',' or '}'" },
		{ STR("{\"a\":-01}"), "',' or '}'" },
		{ STR("{\"a\":-}"), "a digit" },
		{ STR("{\"a\":+1}"), "a value" },
		{ STR("{\"a\":.5}"), "a value" },
		{ STR("{\"a\":1.}"), "a digit" },
		{ STR("{\"a\":1.e1}"), "a digit" },
		{ STR("{\"a\":1e}"), "a digit" },
		{ STR("{\"a\":1e+}"), "a digit" },
		{ STR("{\"a\":0x10}"), "',' or '}'" },
		{ STR("{\"a\":NaN}"), "a value" },
		{ STR("{\"a\":Infinity}"), "a value" },
		{ STR("{\"a\":tru}"), "a value" },
		{ STR("{\"a\":True}"), "a value" },
		{ STR("{\"a\":truey}"), "',' or '}'" },
		{ STR("{\"a\":nul"), "a value" },
	};
	(void)state;
	check_refusals(cases, ARRAY_LEN(cases));
}

static void
test_refuses_strings(void **state)
{
	const struct refusal cases[] = {
		{ STR("{\"a"), "does not end" },
		{ STR("{\"a\":\"b"), "does not end" },
		{ STR("{\"a\":\"b\\"), "unknown escape" },
		{ STR("{\"a\":\"\\\""), "does not end" },
		{ STR("{\"a\":\"\\x41\"}"), "unknown escape" },
		{ STR("{\"a\":\"\\'\"}"), "unknown escape" },
		{ STR("{\"a\":\"\\\0\"}"), "unknown escape" },
		{ STR("{\"a\":\"\\U0041\"}"), "unknown escape" },
		{ STR("{\"a\":\"\\u004\"}"), "hexadecimal" },
		{ STR("{\"a\":\"\\u004g\"}"), "hexadecimal" },
		{ STR("{\"a\":\"\\u+041\"}"), "hexadecimal" },
		{ STR("{\"a\":\"\\u0000\"}"), "\\u0000" },
		{ STR("{\"\\u0000\":1}"), "\\u0000" },
		{ STR("{\"a\":\"\\ud800\"}"), "surrogate" },
		{ STR("{\"a\":\"\\udc00\"}"), "surrogate" },
		{ STR("{\"a\":\"\\ud800\\ud800\"}"), "surrogate" },
		{ STR("{\"a\":\"\\ud800\\u0041\"}"), "surrogate" },
		{ STR("{\"a\":\"\\ud800\\n\"}"), "surrogate" },
		{ STR("{\"a\":\"\\ud800\\u"), "hexadecimal" },
		{ STR("{\"a\":\"\\udbff\\ue000\"}"), "surrogate" },
		{ STR("{\"a\":\"\n\"}"), "byte 6: there is a control" },
		{ STR("{\"a\":\"\0\"}"), "byte 6: there is a control" },
		{ STR("{\"a\":\"0123456789abcdef0123456789\x1f\"}"),
		    "byte 32: there is a control" },
		{ STR("{\"a\":\"\x80\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xc0\x80\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xc1\xbf\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xc3\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xc3"), "UTF-8" },
		{ STR("{\"a\":\"\xe0\x9f\xbf\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xed\xa0\x80\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xf0\x8f\xbf\xbf\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xf4\x90\x80\x80\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xf5\x80\x80\x80\"}"), "UTF-8" },
		{ STR("{\"a\":\"\xff\"}"), "UTF-8" },
		{ STR("{\"a\":\xc3\xa9}"), "a value" },
		{ STR("{\"a\":\f1}"), "a value" },
		{ STR("{\"a\":\v1}"), "a value" },
		{ STR("{\xc2\xa0}"), "a string" },
	};
	(void)state;
	check_refusals(cases, ARRAY_LEN(cases));
}

/* Every cut of a document that has all constructs is refused, and read no further than the cut. */
static void
test_refuses_every_prefix(void **state)
{
	const struct str whole = STR("{\"key \\u00e9\":[1.5e-3,true,{\"x\":\"\\ud83d\\ude00\"}],"
				     "\"long string over two blocks of 16\":\"\xf0\x9f\x98\x80\","
				     "\"n\":null,\"f\":false,\"e\":{}}");
	struct slice s;
	struct err e;
	(void)state;
	assert_int_equal(slice_exact(whole, &s, &e), 0);
	assert_int_equal(s.n, 5);
	for (size_t n = 1; n < whole.n; n++) {
		if (slice_exact((struct str){ whole.p, n }, &s, &e) == 0)
			fail_msg("accepted the first %zu bytes", n);
	}
}

static void
test_spans_are_the_bytes(void **state)
{
	const struct str text =
	    STR(" { \"eventType\" : \"a.b\" , \"n\":1.10, \"big\" :18446744073709551616,\n"
		"\"payload\":{ \"z\" : 1.0 ,\t\"a\":[ 1e2 ] } ,\"l\":[ ],"
		"\"e\":\"x\\ny\",\"t\":true,\"f\":false,\"0\":null} ");
	static const struct {
		const char *key;
		const char *value;
		enum slice_kind kind;
		bool escaped;
	} wanted[] = {
		{ "eventType", "\"a.b\"", SLICE_STRING, false },
		{ "n", "1.10", SLICE_NUMBER, false },
		{ "big", "18446744073709551616", SLICE_NUMBER, false },
		{ "payload", "{ \"z\" : 1.0 ,\t\"a\":[ 1e2 ] }", SLICE_OBJECT, false },
		{ "l", "[ ]", SLICE_ARRAY, false },
		{ "e", "\"x\\ny\"", SLICE_STRING, true },
		{ "t", "true", SLICE_TRUE, false },
		{ "f", "false", SLICE_FALSE, false },
		{ "0", "null", SLICE_NULL, false },
	};
	struct slice s;
	struct err e;
	(void)state;
	assert_int_equal(slice_object(text, &s, &e), 0);
	assert_int_equal(s.n, ARRAY_LEN(wanted));
	for (int i = 0; i < s.n; i++) {
		assert_str(s.member[i].key, wanted[i].key);
		assert_str(s.member[i].value, wanted[i].value);
		assert_int_equal(s.member[i].kind, wanted[i].kind);
		assert_int_equal(s.member[i].escaped, wanted[i].escaped);
		assert_true(s.member[i].value.p > text.p);
		assert_true(s.member[i].value.p < text.p + text.n);
		assert_ptr_equal(slice_get(&s, wanted[i].key), &s.member[i]);
	}
}

/* A mark in each place around the borders of the 16-byte blocks. */
static void
test_blocks(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 40; n++) {
		for (size_t at = 0; at < n; at++) {
			char text[64];
			struct slice s;
			struct err e;
			const int len = snprintf(text, sizeof(text), "{\"a\":\"%.*s\"}", (int)n,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
			text[6 + at] = '\x01';
			assert_int_equal(
			    slice_exact((struct str){ text, (size_t)len }, &s, &e), -1);
			char place[16];
			snprintf(place, sizeof(place), "byte %zu:", 6 + at);
			assert_non_null(strstr(e.text, place));
			text[6 + at] = ' ';
			assert_int_equal(slice_exact((struct str){ text, (size_t)len }, &s, &e), 0);
			assert_int_equal(s.member[0].value.n, n + 2);
		}
	}
}

static void
add_repeated(struct buf *b, const char *text, int n)
{
	for (int i = 0; i < n; i++)
		buf_adds(b, text);
}

/* The object is level 1: SLICE_DEPTH_MAX - 1 more containers may be open at once. */
static void
test_depth(void **state)
{
	static const struct {
		const char *open, *close;
	} shapes[] = { { "[", "]" }, { "{\"b\":", "}" }, { "[{\"b\":", "}]" }, { "[[],", "]" } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		const int levels = i == 2 ? 2 : 1;
		const int most = (SLICE_DEPTH_MAX - 1) / levels;
		for (int n = most - 1; n <= most + 1; n++) {
			struct buf b;
			struct slice s;
			struct err e = { 0 };
			buf_init(&b, 1 << 20);
			buf_adds(&b, "{\"a\":");
			add_repeated(&b, shapes[i].open, n);
			/* In the last shape the empty array beside is the deepest. */
			buf_adds(&b, "0");
			add_repeated(&b, shapes[i].close, n);
			buf_adds(&b, "}");
			const bool fits = i == 3 ? n < most : n <= most;
			const int rc = slice_exact((struct str){ b.data, b.len }, &s, &e);
			assert_int_equal(rc, fits ? 0 : -1);
			if (!fits)
				assert_non_null(strstr(e.text, "nested too deeply"));
			buf_free(&b);
		}
	}
}

static void
test_hostile_depth(void **state)
{
	struct buf b;
	struct slice s;
	struct err e;
	(void)state;
	buf_init(&b, 4 << 20);
	buf_adds(&b, "{\"a\":");
	add_repeated(&b, "[", 1 << 20);
	assert_int_equal(slice_object((struct str){ b.data, b.len }, &s, &e), -1);
	assert_non_null(strstr(e.text, "nested too deeply"));
	buf_free(&b);
}

static void
test_member_limit(void **state)
{
	(void)state;
	for (int n = SLICE_MEMBERS_MAX - 1; n <= SLICE_MEMBERS_MAX + 1; n++) {
		struct buf b;
		struct slice s;
		struct err e;
		buf_init(&b, 1 << 16);
		for (int i = 0; i < n; i++)
			buf_addf(&b, "%s\"k%d\":%d", i == 0 ? "{" : ",", i, i);
		buf_adds(&b, "}");
		const int rc = slice_exact((struct str){ b.data, b.len }, &s, &e);
		assert_int_equal(rc, n <= SLICE_MEMBERS_MAX ? 0 : -1);
		if (rc == 0)
			assert_int_equal(s.n, n);
		else
			assert_non_null(strstr(e.text, "too many members"));
		buf_free(&b);
	}
}

static void
test_get(void **state)
{
	const struct str text = STR("{\"a\":1,\"b\":2,\"a\":3,\"\\u0062\":4,\"c\\n\\\"\":5,"
				    "\"\\ud83d\\ude00!\":6,\"\":7,\"ab\":8,\"\\u00e9\":9}");
	static const struct {
		const char *key;
		int index; /* -1: none */
	} cases[] = {
		{ "a", 2 },
		{ "b", 3 }, /* the escaped spelling is the last of that name */
		{ "c\n\"", 4 },
		{ "c\\n\\\"", -1 },
		{ "c\n", -1 },
		{ "c\n\"x", -1 },
		{ "\xf0\x9f\x98\x80!", 5 },
		{ "\xf0\x9f\x98\x80", -1 },
		{ "\xf0\x9f", -1 },
		{ "", 6 },
		{ "ab", 7 },
		{ "abc", -1 },
		{ "A", -1 },
		{ "\xc3\xa9", 8 },
	};
	struct slice s;
	struct err e;
	(void)state;
	assert_int_equal(slice_object(text, &s, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct slice_member *m = slice_get(&s, cases[i].key);
		assert_ptr_equal(m, cases[i].index < 0 ? NULL : &s.member[cases[i].index]);
	}
	assert_int_equal(slice_object(STR("{}"), &s, &e), 0);
	assert_null(slice_get(&s, "a"));
}

static void
test_string(void **state)
{
	static const struct {
		const char *json;
		const char *wanted;
	} cases[] = {
		{ "\"\"", "" },
		{ "\"plain\"", "plain" },
		{ "\"\\\"\"", "\"" },
		{ "\"a\\\\b\\/c\"", "a\\b/c" },
		{ "\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t" },
		{ "\"\\u0041\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		    "A\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
		{ "\"\\ud800\\udc00 \\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf" },
		{ "\"\xc3\xa9\\n\xe2\x82\xac\"", "\xc3\xa9\n\xe2\x82\xac" },
	};
	struct arena *a = arena_new();
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[128];
		struct slice s;
		struct err e;
		snprintf(text, sizeof(text), "{\"k\":%s}", cases[i].json);
		assert_int_equal(slice_object(str_of(text), &s, &e), 0);
		const size_t used = arena_used(a);
		const struct str got = slice_string(&s.member[0], a);
		assert_str(got, cases[i].wanted);
		if (!s.member[0].escaped) { /* borrowed, not copied */
			assert_ptr_equal(got.p, s.member[0].value.p + 1);
			assert_int_equal(arena_used(a), used);
		}
	}
	arena_free(a);
}

static void
test_strings(void **state)
{
	static const struct {
		const char *json;
		int count; /* -1: refused */
		const char *wanted[3];
		int other; /* the element to blame for that; -1: none */
	} cases[] = {
		{ "[]", 0, { NULL } },
		{ "[ ]", 0, { NULL } },
		{ "[\"a\"]", 1, { "a" } },
		{ "[ \"a\" , \"\" ,\"\\u00e9,]\" ]", 3, { "a", "", "\xc3\xa9,]" } },
		{ "[\"a\",\"b\",\"c\",\"d\"]", -1, { NULL }, -1 },
		{ "[\"a\",1]", -1, { NULL }, 1 },
		{ "[\"a\",1,null]", -1, { NULL }, 1 },
		{ "[null]", -1, { NULL }, 0 },
		{ "[[\"a\"]]", -1, { NULL }, 0 },
		{ "[{\"a\":\"b\"}]", -1, { NULL }, 0 },
		{ "\"a\"", -1, { NULL }, -1 },
		{ "{\"a\":\"b\"}", -1, { NULL }, -1 },
		{ "null", -1, { NULL }, -1 },
	};
	struct arena *a = arena_new();
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[128];
		struct slice s;
		struct str got[3];
		struct err e = { 0 };
		int other;
		snprintf(text, sizeof(text), "{\"k\":%s}", cases[i].json);
		assert_int_equal(slice_object(str_of(text), &s, &e), 0);
		assert_int_equal(slice_strings(&s.member[0], a, got, 3, &other), cases[i].count);
		assert_int_equal(other, cases[i].count < 0 ? cases[i].other : -1);
		for (int k = 0; k < cases[i].count; k++)
			assert_str(got[k], cases[i].wanted[k]);
	}
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses_structure),
		cmocka_unit_test(test_refuses_strings),
		cmocka_unit_test(test_refuses_every_prefix),
		cmocka_unit_test(test_spans_are_the_bytes),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_hostile_depth),
		cmocka_unit_test(test_member_limit),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_string),
		cmocka_unit_test(test_strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
