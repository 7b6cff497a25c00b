/* Unit tests of base/decay: how it fades, and that steps do not matter. */
#include <stdbool.h>

#include "base/decay.h"

#include "unit.h"

#define SPAN  (100 * USEC_PER_MS)
#define PER_E 0.36787944117144233

/* cmocka compares floats, not doubles. */
static bool
near(double a, double b, double within)
{
	return a - b < within && b - a < within;
}

static void
test_fades(void **state)
{
	(void)state;
	struct decay d = { .at = 5000, .span = SPAN };
	assert_true(near(decay_get(&d, 5000), 0, 1e-9));
	decay_add(&d, 5000, 8);
	assert_true(near(decay_get(&d, 5000), 8, 1e-9));
	assert_true(near(decay_get(&d, 5000 + SPAN), 8 * PER_E, 1e-9));
	assert_true(near(decay_get(&d, 5000 + 2 * SPAN), 8 * PER_E * PER_E, 1e-9));
	assert_true(near(decay_get(&d, INT64_MAX), 0, 1e-9));
}

/* Reading does not change it, and neither does adding nothing. */
static void
test_steps(void **state)
{
	(void)state;
	struct decay d = { .span = SPAN };
	decay_add(&d, 0, 8);
	for (usec_t t = 1; t <= SPAN; t++) {
		decay_get(&d, t);
		decay_add(&d, t, 0);
	}
	assert_true(near(decay_get(&d, SPAN), 8 * PER_E, 1e-6));
}

/* A steady rate comes to rate times span. */
static void
test_rate(void **state)
{
	(void)state;
	struct decay d = { .span = SPAN };
	for (usec_t t = 0; t <= 20 * SPAN; t += 10)
		decay_add(&d, t, 5);
	assert_true(near(decay_get(&d, 20 * SPAN) / (double)SPAN, 0.5, 1e-3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fades),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
