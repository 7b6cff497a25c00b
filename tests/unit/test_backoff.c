/* Unit tests of policy/backoff: both notations, their limits, and the bounds of the jitter. */
#include "base/attr.h"

#include "policy/backoff.h"
#include "unit.h"

static void
test_list(void **state)
{
	static const struct {
		const char *text;
		int steps;
		int64_t delay_ms[4];
	} cases[] = {
		{ "", 0, { 0 } },
		{ " \t ", 0, { 0 } },
		{ "5", 1, { 5000 } },
		{ "0", 1, { 0 } },
		{ "0.001", 1, { 1 } },
		{ "0.25,1.5", 2, { 250, 1500 } },
		{ "5, 300 ,1800", 3, { 5000, 300000, 1800000 } },
		{ "172800", 1, { BACKOFF_DELAY_MAX_MS } },
		{ "172800.000", 1, { BACKOFF_DELAY_MAX_MS } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct backoff b;
		struct err e;
		assert_int_equal(backoff_parse_list(str_of(cases[i].text), &b, &e), 0);
		assert_int_equal(b.steps, cases[i].steps);
		for (int k = 0; k < b.steps; k++)
			assert_int_equal(b.delay_ms[k], cases[i].delay_ms[k]);
	}
}

static void
test_list_refuses(void **state)
{
	const struct str cases[] = {
		STR(","),
		STR("5,"),
		STR(",5"),
		STR("5,,6"),
		STR("-1"),
		STR("-0"),
		STR("-0.5"),
		STR("0.-5"),
		STR("+5"),
		STR("5s"),
		STR("5 6"),
		STR("."),
		STR(".5"),
		STR("5."),
		STR("1.2345"),
		STR("1.2.3"),
		STR("1e3"),
		STR("0x10"),
		STR("nan"),
		STR("inf"),
		STR("5\0"),
		STR("172800.001"),
		STR("172801"),
		STR("9223372036854775807"),
		STR("99999999999999999999999999"),
		STR("exponential"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct backoff b = { .steps = 77 };
		struct err e = { 0 };
		if (backoff_parse_list(cases[i], &b, &e) != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i]));
		assert_int_equal(e.kind, ERR_INVALID);
		assert_int_equal(b.steps, 77); /* written only on success */
	}
}

static void
test_list_length(void **state)
{
	char text[2 * (BACKOFF_STEPS_MAX + 1)];
	struct backoff b;
	struct err e;
	(void)state;
	for (size_t i = 0; i < sizeof(text); i += 2) {
		text[i] = '7';
		text[i + 1] = ',';
	}
	assert_int_equal(
	    backoff_parse_list((struct str){ text, 2 * BACKOFF_STEPS_MAX - 1 }, &b, &e), 0);
	assert_int_equal(b.steps, BACKOFF_STEPS_MAX);
	assert_int_equal(
	    backoff_parse_list((struct str){ text, 2 * BACKOFF_STEPS_MAX + 1 }, &b, &e), -1);
	assert_int_equal(e.kind, ERR_INVALID);
}

static void
test_exponential(void **state)
{
	static const struct {
		const char *text;
		int steps;
		int64_t delay_ms[9];
	} cases[] = {
		/* What is left out has the values of the header. */
		{ "exponential", 9,
		    { 5000, 15000, 45000, 135000, 405000, 1215000, 3645000, 10935000, 32805000 } },
		{ "  exponential  attempts=4\tbase=1 ", -1, { 0 } },
		{ "exponential base=1 factor=2 attempts=5", 4, { 1000, 2000, 4000, 8000 } },
		{ " exponential  attempts=5   factor=2 base=1 cap=3 ", 4,
		    { 1000, 2000, 3000, 3000 } },
		{ "exponential base=0.001 factor=1.5 attempts=5", 4, { 1, 2, 2, 3 } },
		{ "exponential base=10 factor=1 cap=5 attempts=3", 2, { 5000, 5000 } },
		{ "exponential attempts=1", 0, { 0 } },
		/* Not exponential: a list. */
		{ "5, 10", 2, { 5000, 10000 } },
		{ "", 0, { 0 } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct backoff b;
		struct err e;
		int rc = backoff_parse(str_of(cases[i].text), &b, &e);
		assert_int_equal(rc, cases[i].steps < 0 ? -1 : 0);
		if (rc)
			continue;
		assert_int_equal(b.steps, cases[i].steps);
		for (int k = 0; k < b.steps; k++)
			assert_int_equal(b.delay_ms[k], cases[i].delay_ms[k]);
	}
}

static void
test_exponential_largest(void **state)
{
	struct backoff b;
	struct err e;
	(void)state;
	assert_int_equal(
	    backoff_parse(STR("exponential base=172800 factor=100 cap=172800 attempts=33"), &b, &e),
	    0);
	assert_int_equal(b.steps, BACKOFF_STEPS_MAX);
	for (int i = 0; i < b.steps; i++)
		assert_int_equal(b.delay_ms[i], BACKOFF_DELAY_MAX_MS);
}

static void
test_exponential_refuses(void **state)
{
	const struct str cases[] = {
		STR("exponentially"),
		STR("EXPONENTIAL"),
		STR("exponential 5"),
		STR("exponential base"),
		STR("exponential base="),
		STR("exponential base=0"),
		STR("exponential base=-1"),
		STR("exponential base=172801"),
		STR("exponential factor=0.5"),
		STR("exponential factor=100.001"),
		STR("exponential cap=0"),
		STR("exponential cap=172800.001"),
		STR("exponential attempts=0"),
		STR("exponential attempts=34"),
		STR("exponential attempts=2.5"),
		STR("exponential base=1 base=1"),
		STR("exponential speed=9"),
		STR("exponential =9"),
		STR("exponential base=1,factor=2"),
		STR("exponential base=1\0"),
		STR("exponential, 5"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct backoff b = { .steps = 77 };
		struct err e = { 0 };
		if (backoff_parse(cases[i], &b, &e) != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i]));
		assert_int_equal(e.kind, ERR_INVALID);
		assert_int_equal(b.steps, 77);
	}
}

/* Draws many delays, checks that all lie in [low, high], and that both ends are nearly reached: a
 * uniform spread of 10000 draws misses the last percent of either end once in 10^43. */
static void
check_spread(int64_t delay_ms, int64_t at_least_ms, int64_t low, int64_t high)
{
	struct backoff b = { .steps = 1, .delay_ms = { delay_ms } };
	struct rand r;
	int64_t least = INT64_MAX, most = 0, sum = 0;
	rand_seed(&r, 1);
	for (int i = 0; i < 10000; i++) {
		int64_t ms = backoff_next_ms(&b, 1, at_least_ms, &r);
		assert_in_range(ms, low, high);
		least = ms < least ? ms : least;
		most = ms > most ? ms : most;
		sum += ms;
	}
	int64_t percent = (high - low) / 100;
	assert_in_range(least, low, low + percent);
	assert_in_range(most, high - percent, high);
	int64_t middle = (low + high) / 2;
	assert_in_range(sum / 10000, middle - 2 * percent, middle + 2 * percent);
}

static void
test_jitter(void **state)
{
	(void)state;
	check_spread(10000, 0, 8000, 12000);
	check_spread(10000, -5, 8000, 12000);
	check_spread(
	    BACKOFF_DELAY_MAX_MS, 0, BACKOFF_DELAY_MAX_MS / 5 * 4, BACKOFF_DELAY_MAX_MS / 5 * 6);
	/* Retry-After below, inside and above the spread of the delay. */
	check_spread(10000, 5000, 8000, 12000);
	check_spread(10000, 9000, 9000, 12000);
	check_spread(10000, 11000, 11000, 13200);
	check_spread(10000, 60000, 60000, 72000);
	check_spread(0, 60000, 60000, 72000);
	check_spread(
	    5000, BACKOFF_DELAY_MAX_MS, BACKOFF_DELAY_MAX_MS, BACKOFF_DELAY_MAX_MS / 5 * 6);
	check_spread(0, 0, 0, 0);
	check_spread(1, 0, 1, 1);
}

static void
test_exhausted(void **state)
{
	struct backoff b = { .steps = 2, .delay_ms = { 1000, 2000 } };
	struct backoff none = { 0 };
	struct rand r;
	(void)state;
	rand_seed(&r, 1);
	assert_in_range(backoff_next_ms(&b, 1, 0, &r), 800, 1200);
	assert_in_range(backoff_next_ms(&b, 2, 0, &r), 1600, 2400);
	assert_int_equal(backoff_next_ms(&b, 3, 0, &r), -1);
	assert_int_equal(backoff_next_ms(&b, 3, 60000, &r), -1);
	assert_int_equal(backoff_next_ms(&b, INT32_MAX, 0, &r), -1);
	assert_int_equal(backoff_next_ms(&none, 1, 0, &r), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_refuses),
		cmocka_unit_test(test_list_length),
		cmocka_unit_test(test_exponential),
		cmocka_unit_test(test_exponential_largest),
		cmocka_unit_test(test_exponential_refuses),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_exhausted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
