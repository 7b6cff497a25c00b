/* Unit tests of policy/window: how it grows, what makes it shrink, and where it comes to rest. */
#include "base/attr.h"

#include "policy/window.h"
#include "unit.h"

#define CAP 64

/* A round trip that uses the window up: all of it starts at once and ends at once, the first
 * `troubled` of it with trouble. Returns the size after it. */
static int
round_trip(struct window *w, usec_t *now, int troubled)
{
	usec_t started = *now += USEC_PER_MS;
	int n = window_size(w, CAP);
	for (int i = 1; i <= n; i++)
		window_started(w, i);
	*now += USEC_PER_MS;
	for (int i = 0; i < n; i++)
		window_ended(w, i < troubled ? WINDOW_TROUBLE : WINDOW_GOOD, started, *now, CAP);
	return window_size(w, CAP);
}

static void
test_it_doubles_to_its_cap(void **state)
{
	static const int sizes[] = { 16, 32, 64, 64 };
	struct window w;
	usec_t now = 0;
	(void)state;
	window_init(&w);
	assert_int_equal(window_size(&w, CAP), WINDOW_START);
	assert_int_equal(window_size(&w, 3), 3);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		assert_int_equal(round_trip(&w, &now, 0), sizes[i]);
}

static void
test_it_grows_only_when_it_is_used_up(void **state)
{
	struct window w;
	(void)state;
	window_init(&w);
	for (usec_t now = 0; now < 1000; now++) {
		window_started(&w, WINDOW_START - 1);
		window_ended(&w, WINDOW_GOOD, now, now + 1, CAP);
	}
	assert_int_equal(window_size(&w, CAP), WINDOW_START);
}

static void
test_lost_answers_halve_it_once_a_round_trip(void **state)
{
	struct window w = { .size = CAP, .threshold = CAP };
	(void)state;
	for (int i = 0; i < CAP; i++)
		window_ended(&w, WINDOW_LOST, 0, 100 + i, CAP);
	assert_int_equal(window_size(&w, CAP), CAP / 2);
	window_ended(&w, WINDOW_LOST, 99, 500, CAP); /* started before the cut */
	assert_int_equal(window_size(&w, CAP), CAP / 2);
	window_ended(&w, WINDOW_LOST, 100, 500, CAP);
	assert_int_equal(window_size(&w, CAP), CAP / 4);
	for (int i = 0; i < 10; i++)
		window_ended(&w, WINDOW_LOST, 600 + i, 601 + i, CAP);
	assert_int_equal(window_size(&w, CAP), 1);
}

/* After trouble it is back at its start within three round trips, and then goes on by one. */
static void
test_it_recovers(void **state)
{
	struct window w = { .size = 1, .threshold = WINDOW_START };
	usec_t now = 0;
	(void)state;
	for (int i = 0; i < 3; i++)
		round_trip(&w, &now, 0);
	assert_int_equal(window_size(&w, CAP), WINDOW_START);
	for (int i = 0; i < 10; i++)
		round_trip(&w, &now, 0);
	assert_int_equal(window_size(&w, CAP), WINDOW_START + 10);
}

/* Where it rests when a part of the answers is trouble. */
static void
test_trouble_shrinks_it_by_its_share(void **state)
{
	static const struct {
		int percent, at_least, at_most;
	} rows[] = {
		{ 1, 32, 64 },
		{ 10, 12, 40 },
		{ 50, 3, 12 },
		{ 100, 1, 1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct window w;
		usec_t now = 0;
		int64_t sum = 0, sent = 0, troubled = 0;
		window_init(&w);
		for (int k = 0; k < 400; k++) {
			sent += window_size(&w, CAP);
			int n = (int)(sent * rows[i].percent / 100 - troubled);
			troubled += n;
			int size = round_trip(&w, &now, n);
			sum += k >= 200 ? size : 0;
		}
		assert_in_range(sum / 200, rows[i].at_least, rows[i].at_most);
	}
}

/* A lower cap, as when the endpoint is changed, holds at once. */
static void
test_the_cap_may_change(void **state)
{
	struct window w = { .size = CAP, .threshold = CAP };
	usec_t now = 0;
	(void)state;
	assert_int_equal(window_size(&w, 5), 5);
	window_started(&w, CAP);
	window_ended(&w, WINDOW_GOOD, now, now + 1, 5);
	assert_int_equal(window_size(&w, CAP), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_doubles_to_its_cap),
		cmocka_unit_test(test_it_grows_only_when_it_is_used_up),
		cmocka_unit_test(test_lost_answers_halve_it_once_a_round_trip),
		cmocka_unit_test(test_it_recovers),
		cmocka_unit_test(test_trouble_shrinks_it_by_its_share),
		cmocka_unit_test(test_the_cap_may_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
