/* Unit tests of posthorn-bench's histogram, against sorted samples. */
#include <stdlib.h>

#include "base/attr.h"
#include "base/rand.h"

#include "histogram.h"
#include "unit.h"

static struct histogram h;

static int
setup(void **state)
{
	(void)state;
	histogram_clear(&h);
	return 0;
}

static void
test_empty(void **state)
{
	(void)state;
	assert_int_equal(histogram_quantile(&h, 0), 0);
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	assert_int_equal(histogram_quantile(&h, 1), 0);
}

/* A single value is every quantile of itself, exactly: the largest value caps its bucket. */
static void
test_one_value(void **state)
{
	static const int64_t values[] = { 0, 1, 127, 128, 255, 256, 257, 1000, 65535, 65536,
		123456789, (INT64_C(1) << HISTOGRAM_VALUE_LOG2) - 1 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		histogram_clear(&h);
		histogram_add(&h, values[i]);
		assert_int_equal(h.count, 1);
		assert_int_equal(h.max, values[i]);
		assert_int_equal(histogram_quantile(&h, 0), values[i]);
		assert_int_equal(histogram_quantile(&h, 0.5), values[i]);
		assert_int_equal(histogram_quantile(&h, 1), values[i]);
	}
}

/* The bucket of v, seen from outside: its end is at or above v, by at most v/128, and neighbours
 * never overtake each other. */
static void
test_precision(void **state)
{
	int64_t before = -1;
	(void)state;
	for (int64_t v = 0; v < INT64_C(1) << (HISTOGRAM_VALUE_LOG2 - 1); v += 1 + v / 300) {
		histogram_clear(&h);
		histogram_add(&h, v);
		histogram_add(&h, INT64_C(1) << (HISTOGRAM_VALUE_LOG2 - 1)); /* no cap at v */
		int64_t end = histogram_quantile(&h, 0.5);
		assert_true(end >= v);
		assert_true(end - v <= v / 128);
		assert_true(end >= before);
		before = end;
	}
}

static void
test_out_of_range(void **state)
{
	(void)state;
	histogram_add(&h, -5);
	histogram_add(&h, INT64_MAX);
	assert_int_equal(h.count, 2);
	assert_int_equal(h.max, INT64_MAX);
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	assert_int_equal(histogram_quantile(&h, 1), (INT64_C(1) << HISTOGRAM_VALUE_LOG2) - 1);
}

/* 1 to 1000: the quantile is the rank. */
static void
test_ranks(void **state)
{
	static const struct {
		double share;
		int64_t rank;
	} cases[] = { { 0, 1 }, { 0.001, 1 }, { 0.01, 10 }, { 0.05, 50 }, { 0.1, 100 },
		{ 0.2, 200 }, { 0.25, 250 }, { 1, 1000 } };
	(void)state;
	for (int64_t v = 1; v <= 1000; v++)
		histogram_add(&h, v);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(histogram_quantile(&h, cases[i].share), cases[i].rank);
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void
test_against_sorting(void **state)
{
	enum {
		N = 20000
	};
	static int64_t sample[N];
	static const double shares[] = { 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
	struct rand r;
	(void)state;
	rand_seed(&r, 7);
	for (int i = 0; i < N; i++) {
		sample[i] = rand_between(&r, 0, INT64_C(1) << rand_between(&r, 0, 30));
		histogram_add(&h, sample[i]);
	}
	qsort(sample, N, sizeof(sample[0]), compare);
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		int64_t exact = sample[(int)(shares[i] * N + 0.5) - 1];
		int64_t got = histogram_quantile(&h, shares[i]);
		assert_in_range(got, exact, exact + exact / 128);
	}
}

static void
test_merge(void **state)
{
	static struct histogram other;
	(void)state;
	histogram_clear(&other);
	for (int v = 1; v <= 50; v++)
		histogram_add(&h, v);
	for (int v = 51; v <= 100; v++)
		histogram_add(&other, v);
	histogram_merge(&h, &other);
	assert_int_equal(h.count, 100);
	assert_int_equal(h.max, 100);
	assert_int_equal(histogram_quantile(&h, 0.75), 75);
	assert_int_equal(other.count, 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_empty, setup),
		cmocka_unit_test_setup(test_one_value, setup),
		cmocka_unit_test_setup(test_precision, setup),
		cmocka_unit_test_setup(test_out_of_range, setup),
		cmocka_unit_test_setup(test_ranks, setup),
		cmocka_unit_test_setup(test_against_sorting, setup),
		cmocka_unit_test_setup(test_merge, setup),
	};
	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
