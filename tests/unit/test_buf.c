/* Unit tests of base/buf: growth, the maximum, and that a refused append changes nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#include "unit.h"

static void
assert_holds(const struct buf *b, const char *wanted)
{
	assert_int_equal(b->len, strlen(wanted));
	assert_string_equal(b->data, wanted);
}

static void
test_empty(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 10);
	assert_holds(&b, "");
	buf_clear(&b);
	buf_consume(&b, 0);
	buf_add(&b, NULL, 0);
	assert_holds(&b, "");
	assert_false(b.failed);
	buf_free(&b);
	buf_free(&b); /* twice does no harm */
	assert_holds(&b, "");
}

static void
test_appends(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 1000);
	buf_add(&b, "ab\0c", 4);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "ab\0c\0", 5);
	buf_clear(&b);
	buf_adds(&b, "x");
	buf_addc(&b, 'y');
	buf_addf(&b, "%d-%s", 7, "z");
	assert_holds(&b, "xy7-z");
	buf_consume(&b, 3);
	assert_holds(&b, "-z");
	buf_consume(&b, 2);
	assert_holds(&b, "");
	buf_free(&b);
}

static void
test_numbers(void **state)
{
	static const struct {
		int64_t v;
		const char *wanted;
	} cases[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ -1, "-1" },
		{ 10, "10" },
		{ INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" },
	};
	struct buf b;
	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&b);
		buf_add_i64(&b, cases[i].v);
		assert_holds(&b, cases[i].wanted);
	}
	buf_free(&b);
}

/* Grows byte by byte over several doublings; the content is never disturbed. */
static void
test_growth(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 5000);
	for (size_t i = 0; i < 5000; i++) {
		buf_addc(&b, (char)('a' + i % 26));
		assert_int_equal(b.len, i + 1);
		assert_int_equal(b.data[i + 1], '\0');
	}
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	assert_false(b.failed);
	buf_addc(&b, '!');
	assert_true(b.failed);
	assert_int_equal(b.len, 5000);
	buf_free(&b);
}

/* An append that does not fit changes nothing, and neither does any after it. */
static void
test_maximum(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 5);
	buf_adds(&b, "abc");
	buf_adds(&b, "def");
	assert_true(b.failed);
	assert_holds(&b, "abc");
	buf_addc(&b, 'd'); /* would fit */
	buf_add_i64(&b, 1);
	buf_addf(&b, "%d", 1);
	assert_null(buf_reserve(&b, 0));
	assert_holds(&b, "abc");
	buf_clear(&b);
	assert_false(b.failed);
	buf_adds(&b, "abcde");
	assert_false(b.failed);
	assert_holds(&b, "abcde");
	buf_free(&b);

	buf_init(&b, 5);
	buf_adds(&b, "abc");
	buf_add_i64(&b, -10); /* its sign alone would fit */
	assert_true(b.failed);
	assert_holds(&b, "abc");
	buf_free(&b);

	buf_init(&b, 0);
	buf_addc(&b, 'a');
	assert_true(b.failed);
	assert_holds(&b, "");
	buf_free(&b);
}

/* Formatted text of exactly the maximum fits, short or long; one byte more does not. */
static void
test_format_maximum(void **state)
{
	static const size_t sizes[] = { 1, 255, 256, 257, 1000 };
	char text[1001];
	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf b;
		int n = (int)sizes[i];
		buf_init(&b, sizes[i]);
		buf_addf(&b, "%.*s", n, text);
		assert_false(b.failed);
		assert_int_equal(b.len, n);
		assert_int_equal(strlen(b.data), n);
		buf_free(&b);
		buf_addf(&b, "%.*s", n + 1, text);
		assert_true(b.failed);
		assert_holds(&b, "");
		buf_free(&b);
	}
}

static void
test_no_maximum(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, SIZE_MAX);
	for (int i = 0; i < 300; i++)
		buf_adds(&b, "abc");
	assert_int_equal(b.len, 900);
	volatile size_t huge = SIZE_MAX; /* the compiler would warn of it */
	buf_add(&b, "x", huge);          /* refused, not wrapped around */
	assert_true(b.failed);
	assert_int_equal(b.len, 900);
	buf_free(&b);
}

static void
test_reserve(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 600);
	buf_adds(&b, "abc");
	char *to = buf_reserve(&b, 597);
	assert_ptr_equal(to, b.data + 3);
	assert_holds(&b, "abc"); /* a reservation adds nothing */
	memset(to, 'x', 597);
	b.len += 597;
	b.data[b.len] = '\0'; /* there is room for it */
	assert_null(buf_reserve(&b, 1));
	assert_true(b.failed);
	buf_free(&b);
}

static void
test_take(void **state)
{
	struct buf b;
	size_t n;
	(void)state;
	buf_init(&b, 100);
	char *empty = buf_take(&b, &n);
	assert_int_equal(n, 0);
	assert_string_equal(empty, "");
	free(empty);
	buf_adds(&b, "abc");
	char *text = buf_take(&b, &n);
	assert_int_equal(n, 3);
	assert_string_equal(text, "abc");
	assert_holds(&b, "");
	buf_adds(&b, "d"); /* does not touch what was given away */
	assert_string_equal(text, "abc");
	assert_holds(&b, "d");
	free(text);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_format_maximum),
		cmocka_unit_test(test_no_maximum),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
