/* Unit tests of policy/breaker. */
#include "base/attr.h"

#include "policy/breaker.h"
#include "unit.h"

/* `failures` of them, one each `gap`: which one trips it, counted from 1; 0: none. */
static void
test_it_trips_once(void **state)
{
	static const struct {
		int limit, failures, trips_at;
		usec_t gap;
	} rows[] = {
		{ 20, 19, 0, USEC_PER_SEC },
		{ 20, 100, 20, USEC_PER_SEC },
		{ 20, 100, 20, 0 },
		{ 1, 3, 1, 0 },
		{ 3, 3, 3, BREAKER_SPAN },
		/* A few that span a long time. */
		{ 20, 100, BREAKER_FEW, BREAKER_SPAN },
		{ 20, 100, BREAKER_FEW, BREAKER_SPAN / (BREAKER_FEW - 1) + 1 },
		{ 20, 100, BREAKER_FEW + 1, BREAKER_SPAN / (BREAKER_FEW - 1) },
		/* Never. */
		{ 0, 100, 0, BREAKER_SPAN },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct breaker b = { 0 };
		int trips_at = 0;
		for (int k = 1; k <= rows[i].failures; k++) {
			if (!breaker_fail(&b, rows[i].limit, 5 + k * rows[i].gap))
				continue;
			assert_int_equal(trips_at, 0);
			trips_at = k;
		}
		assert_int_equal(trips_at, rows[i].trips_at);
	}
}

static void
test_a_success_between_begins_anew(void **state)
{
	struct breaker b = { 0 };
	(void)state;
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < BREAKER_FEW - 1; k++)
			assert_false(breaker_fail(&b, BREAKER_FEW, i * BREAKER_SPAN));
		breaker_reset(&b);
	}
	for (int k = 1; k < BREAKER_FEW; k++)
		assert_false(breaker_fail(&b, BREAKER_FEW, 7));
	assert_true(breaker_fail(&b, BREAKER_FEW, 8));
	assert_int_equal(b.since, 7);
	breaker_reset(&b);
	assert_false(breaker_fail(&b, 2, 9));
	assert_true(breaker_fail(&b, 2, 9));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_trips_once),
		cmocka_unit_test(test_a_success_between_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
