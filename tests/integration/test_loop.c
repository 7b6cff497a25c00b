/* How busy a loop is: work counts, waiting does not, and what was is forgotten. And the order of
 * deferred calls. */
#include <string.h>

#include "base/metric.h"

#include "../unit/unit.h"
#include "loop/loop.h"

#define BURN (2 * USEC_PER_MS)

static struct loop *loop;

static void
burn(void *arg)
{
	(void)arg;
	usec_t until = clock_mono() + BURN;
	while (clock_mono() < until)
		;
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
test_work_and_waits(void **state)
{
	(void)state;
	struct defer work;
	defer_init(&work, loop, burn, NULL);
	assert_true(loop_busy(loop) < 0.01);
	while (loop_busy(loop) <= 0.5) { /* ends: each turn is all work */
		double before = loop_busy(loop);
		defer_schedule(&work);
		loop_turn(loop, 0);
		assert_true(loop_busy(loop) > before);
	}
	assert_true(loop_longest_turn(loop) >= BURN);
	while (loop_busy(loop) >= 0.25) { /* ends: each turn is all waiting */
		double before = loop_busy(loop);
		loop_turn(loop, 10);
		assert_true(loop_busy(loop) < before);
	}
}

/* What the other workers see of it. */
static void
test_published(void **state)
{
	(void)state;
	struct defer work;
	usec_t before = clock_mono();
	defer_init(&work, loop, burn, NULL);
	defer_schedule(&work);
	loop_turn(loop, 0);
	assert_int_equal(metric_own(METRIC_BUSY), (int64_t)(loop_busy(loop) * 1e6));
	assert_true(metric_own(METRIC_BUSY) > 0);
	assert_true(metric_own(METRIC_LOOP_TURNED) >= before + BURN);
	assert_true(metric_own(METRIC_LOOP_TURNED) <= clock_mono());
}

/* What happens between the making of a loop and its run is no turn of it. */
static void
test_starts_with_the_run(void **state)
{
	(void)state;
	struct defer work, end;
	usec_t ran = clock_mono() + 50 * BURN;
	while (clock_mono() < ran)
		;
	defer_init(&work, loop, burn, NULL);
	defer_init(&end, loop, stop, NULL);
	defer_schedule(&work);
	defer_schedule(&end);
	loop_run(loop);
	usec_t took = loop_longest_turn(loop);
	assert_true(took >= BURN);
	assert_true(loop_busy(loop) <= (double)took / (double)LOOP_BUSY_SPAN);
}

static char order[8];

static void
write_down(void *arg)
{
	size_t n = strlen(order);
	order[n] = *(const char *)arg;
	order[n + 1] = '\0';
}

static void
test_order(void **state)
{
	(void)state;
	char text[] = "abc";
	struct defer a, b, c;
	order[0] = '\0';
	defer_init(&a, loop, write_down, text + 0);
	defer_init(&b, loop, write_down, text + 1);
	defer_init(&c, loop, write_down, text + 2);
	defer_schedule(&a);
	defer_schedule_first(&b);
	defer_schedule(&c);
	defer_schedule(&b); /* is scheduled, and stays where it is */
	loop_turn(loop, 0);
	assert_string_equal(order, "bac");
	defer_schedule(&a);
	defer_schedule(&b);
	defer_schedule_first(&b); /* is scheduled, and moves */
	loop_turn(loop, 0);
	assert_string_equal(order, "bacba");
	assert_false(a.pending || b.pending || c.pending);
}

static int
setup(void **state)
{
	(void)state;
	loop = loop_new();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_work_and_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_published, setup, teardown),
		cmocka_unit_test_setup_teardown(test_starts_with_the_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
