/* Lanes against endpoints that misbehave, in virtual time (lane_model.h): what the others notice of
 * it.
 *
 * All scenes have sound endpoints, kind 0, that answer in a millisecond. They must not wait, and
 * nothing of theirs may be put off or refused, whatever the others do. */
#include "base/attr.h"
#include "base/metric.h"

#include "../support/lane_model.h"
#include "../support/virtual_loop.h"
#include "unit.h"

#define MS             USEC_PER_MS
#define SEC            USEC_PER_SEC
#define IN_FLIGHT_MAX  512
#define SOUND_WAIT_MAX (2 * MS)

#define ANSWER(after)                                                                              \
	{                                                                                          \
		.time = (after), .status = 200                                                     \
	}
#define NO_ANSWER                                                                                  \
	{                                                                                          \
		.time = MODEL_TIMEOUT                                                              \
	}
#define SOUND                                                                                      \
	{                                                                                          \
		.n = 100, .apps = 5, .rate = 10, .play = ANSWER(MS)                                \
	}

static struct model *
run(const struct config *c, const struct model_kind *kinds, int n, usec_t time)
{
	struct model *m = model_new(c, kinds, n);
	m->cost = 20;
	m->from = SEC;
	model_run(m, time);
	return m;
}

static void
assert_unharmed(const struct model *m, int kind)
{
	if (model_wait(m, kind, 0.999) > SOUND_WAIT_MAX || m->count[kind].refused > 0 ||
	    m->count[kind].spilled > 0) {
		model_print(m);
		fail_msg("kind %d was harmed", kind);
	}
}

/* ---- who is in trouble -------------------------------------------------------------------- */

/* Each kind of trouble takes about half of the traffic; the endpoints are bad from the beginning,
 * or turn bad after a while. `most` bounds what is under way to them: it is theirs, and that of
 * nobody else. */
static void
test_trouble_stays_where_it_is(void **state)
{
	static const struct {
		const char *name;
		struct model_kind bad;
		int most;
	} rows[] = {
		{ "a black hole", { .n = 1, .rate = 1000, .play = NO_ANSWER }, 2 },
		{ "black holes", { .n = 60, .apps = 3, .rate = 17, .play = NO_ANSWER }, 120 },
		{ "more black holes than there is room for",
		    { .n = 600, .apps = 3, .rate = 2, .play = NO_ANSWER }, IN_FLIGHT_MAX / 4 * 3 },
		{ "one that turns into a black hole",
		    { .n = 1,
			.rate = 1000,
			.play = ANSWER(MS),
			.turns_at = 2 * SEC,
			.then = NO_ANSWER },
		    64 },
		{ "a big outage",
		    { .n = 100,
			.rate = 10,
			.play = ANSWER(MS),
			.turns_at = 2 * SEC,
			.then = NO_ANSWER },
		    IN_FLIGHT_MAX / 4 * 3 },
		{ "a big outage of slower ones",
		    { .n = 100,
			.rate = 30,
			.play = ANSWER(50 * MS),
			.turns_at = 2 * SEC,
			.then = NO_ANSWER },
		    IN_FLIGHT_MAX / 4 * 3 + 64 },
		{ "slow ones", { .n = 40, .apps = 2, .rate = 25, .play = ANSWER(2 * SEC) },
		    IN_FLIGHT_MAX / 4 * 3 },
		{ "slow failures",
		    { .n = 40, .apps = 2, .rate = 25, .play = { .time = 5 * SEC, .status = 500 } },
		    IN_FLIGHT_MAX / 4 * 3 },
		{ "quick failures",
		    { .n = 40, .apps = 2, .rate = 25, .play = { .time = MS, .status = 500 } }, 40 },
		{ "refused connections",
		    { .n = 40, .apps = 2, .rate = 25, .play = { .time = MS, .status = 0 } }, 40 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct model_kind kinds[] = { SOUND, rows[i].bad };
		struct config c;
		model_config(&c, IN_FLIGHT_MAX);
		print_message("%s\n", rows[i].name);
		struct model *m = run(&c, kinds, 2, 12 * SEC);
		assert_unharmed(m, 0);
		assert_in_range(m->count[1].in_flight_max, 1, rows[i].most);
		assert_true(m->in_flight_max <= IN_FLIGHT_MAX);
		assert_int_equal(m->count[1].refused, 0);
		model_free(m);
	}
}

/* One that has not answered yet gets its turn while others hang, and those that are merely slow do.
 */
static void
test_new_ones_and_slow_ones_get_their_turns(void **state)
{
	const struct model_kind kinds[] = {
		SOUND,
		{ .n = 300, .rate = 3, .play = NO_ANSWER },
		{ .n = 10, .rate = 5, .play = ANSWER(400 * MS) },
	};
	struct config c;
	(void)state;
	model_config(&c, IN_FLIGHT_MAX);
	struct model *m = run(&c, kinds, 3, 10 * SEC);
	assert_unharmed(m, 0);
	assert_true(model_wait(m, 2, 0.99) < 500 * MS);
	assert_int_equal(m->count[2].spilled, 0);
	model_free(m);
}

/* One request of many is lost: that says nothing about the endpoint. */
static void
test_one_that_answers_otherwise_goes_on(void **state)
{
	const struct model_kind kinds[] = {
		{ .n = 1, .rate = 500, .play = ANSWER(20 * MS), .loses = 500 },
	};
	struct config c;
	(void)state;
	model_config(&c, IN_FLIGHT_MAX);
	struct model *m = run(&c, kinds, 1, 25 * SEC);
	assert_int_equal(m->count[0].spilled, 0);
	assert_true(model_wait(m, 0, 0.99) < 100 * MS);
	assert_true(m->count[0].in_flight >= 20);
	model_free(m);
}

/* We stop for a while, and nobody can have answered meanwhile. */
static void
test_a_pause_of_our_own_is_not_theirs(void **state)
{
	const struct model_kind kinds[] = { { .n = 50, .rate = 100, .play = ANSWER(10 * MS) } };
	struct config c;
	(void)state;
	model_config(&c, IN_FLIGHT_MAX);
	struct model *m = run(&c, kinds, 1, 2 * SEC);
	int64_t silent = metric_own(METRIC_LANES_SILENT);
	virtual_spend(m->loop, 500 * MS);
	for (int i = 0; i < 100; i++) {
		model_run(m, MS);
		assert_int_equal(metric_own(METRIC_LANES_SILENT), silent);
	}
	model_free(m);
}

/* ---- turns -------------------------------------------------------------------------------- */

/* There is more to do than time for it: applications get the same, not endpoints, and neither does
 * he get more who brings more, or larger ones. */
static void
test_applications_share_evenly(void **state)
{
	const struct model_kind kinds[] = {
		{ .n = 1, .rate = 2000, .play = ANSWER(MS) },
		{ .n = 20, .rate = 1000, .play = ANSWER(MS) },
		{ .n = 1, .rate = 2000, .play = ANSWER(MS), .bytes = 49152 },
	};
	struct config c;
	(void)state;
	model_config(&c, 0);
	struct model *m = model_new(&c, kinds, 3);
	m->cost = MS;
	m->accepts_all = true;
	model_run(m, 5 * SEC);
	int64_t one = m->count[0].started, many = m->count[1].started, large = m->count[2].started;
	if (many * 10 > one * 12 || one * 10 > many * 12 || large * 3 > one || large * 6 < one) {
		model_print(m);
		fail_msg("uneven");
	}
	model_free(m);
}

/* ---- bounds ------------------------------------------------------------------------------- */

/* What waits for endpoints that hang never fills the memory for what waits. */
static void
test_what_is_stuck_leaves_room(void **state)
{
	static const struct {
		int holes, bytes;
	} rows[] = { { 1, 0 }, { 10, 0 }, { 100, 0 }, { 1, 20000 }, { 30, 20000 }, { 5, 200000 } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct model_kind kinds[] = {
			SOUND,
			{ .n = rows[i].holes,
			    .rate = 1000.0 / rows[i].holes,
			    .play = ANSWER(MS),
			    .turns_at = SEC,
			    .then = NO_ANSWER,
			    .bytes = rows[i].bytes },
		};
		struct config c;
		model_config(&c, IN_FLIGHT_MAX);
		c.queue_max = 1000;
		c.queue_bytes_max = 4 << 20;
		struct model *m = run(&c, kinds, 2, 8 * SEC);
		assert_unharmed(m, 0);
		assert_int_equal(m->count[1].refused, 0);
		assert_true(m->count[1].spilled > 1000);
		assert_in_range(lanes_queued(m->lanes), 1, 800);
		assert_in_range(metric_own(METRIC_QUEUED_BYTES), 0, c.queue_bytes_max / 8 * 7);
		model_free(m);
		assert_int_equal(metric_own(METRIC_QUEUED_BYTES), 0);
	}
}

/* ---- Retry-After -------------------------------------------------------------------------- */

static void
test_retry_after_is_kept_to(void **state)
{
	static const struct {
		usec_t retry_after;
		int at_least, at_most; /* requests in three minutes */
	} rows[] = {
		{ 10 * SEC, 18, 19 },
		{ 3600 * SEC, 3, 4 }, /* no longer than a minute; each delivery waits for itself */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct model_kind kinds[] = {
			SOUND,
			{ .n = 1,
			    .rate = 10,
			    .max_in_flight = 1,
			    .play = { .time = MS,
				.status = 429,
				.retry_after = rows[i].retry_after } },
		};
		struct config c;
		model_config(&c, IN_FLIGHT_MAX);
		int64_t quiet = metric_own(METRIC_LANES_QUIET);
		struct model *m = run(&c, kinds, 2, 180 * SEC);
		assert_unharmed(m, 0);
		assert_in_range(m->count[1].started, rows[i].at_least, rows[i].at_most);
		assert_int_equal(metric_own(METRIC_LANES_QUIET), quiet + 1);
		model_free(m);
		assert_int_equal(metric_own(METRIC_LANES_QUIET), quiet);
	}
}

/* ---- the breaker -------------------------------------------------------------------------- */

static void
test_the_breaker_trips_once(void **state)
{
	static const struct {
		int failures, trips;
	} rows[] = { { 20, 1 }, { 0, 0 } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct model_kind kinds[] = {
			SOUND,
			{ .n = 1, .rate = 10, .play = { .time = MS, .status = 500 } },
		};
		struct config c;
		model_config(&c, IN_FLIGHT_MAX);
		c.breaker_failures = rows[i].failures;
		struct model *m = run(&c, kinds, 2, 1 * SEC);
		assert_int_equal(m->count[1].trips, 0);
		model_run(m, 9 * SEC);
		assert_int_equal(m->count[1].trips, rows[i].trips);
		assert_int_equal(m->count[0].trips, 0);
		/* A gate that is set begins anew; one that is shut parks, and counts nothing. */
		lanes_gate(m->lanes, 101, LANE_GO);
		model_run(m, 9 * SEC);
		assert_int_equal(m->count[1].trips, 2 * rows[i].trips);
		model_free(m);
	}
}

/* ---- what rests ---------------------------------------------------------------------------- */

/* Endpoints that hear from us once an hour are not kept in between; those that fail are, for their
 * failures, far apart as they are, add up. */
static void
test_what_rests_goes(void **state)
{
	static const double once_an_hour = 1.0 / 3600;
	const struct model_kind kinds[] = {
		{ .n = 1000, .apps = 500, .rate = once_an_hour, .play = ANSWER(MS) },
		{ .n = 20,
		    .apps = 10,
		    .rate = once_an_hour,
		    .play = { .time = MS, .status = 500 } },
	};
	struct config c;
	(void)state;
	model_config(&c, IN_FLIGHT_MAX);
	struct model *m = run(&c, kinds, 2, 24 * 3600 * SEC);
	/* A quarter of an hour's and a minute's, give or take. */
	assert_in_range(lanes_kept(m->lanes), 150, 350);
	assert_in_range(m->count[1].trips, 18, 20);
	assert_int_equal(m->count[0].trips, 0);
	model_free(m);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* Whatever was going on, all that was counted is none in the end. */
static void
test_nothing_is_left(void **state)
{
	static const enum metric gauges[] = { METRIC_LANES_SILENT, METRIC_LANES_BLOCKED,
		METRIC_LANES_QUIET, METRIC_IN_FLIGHT_SLOW, METRIC_QUEUED, METRIC_LANES };
	const struct model_kind kinds[] = {
		SOUND,
		{ .n = 300, .apps = 3, .rate = 10, .play = NO_ANSWER },
		{ .n = 20, .rate = 50, .play = ANSWER(SEC) },
		{ .n = 5, .rate = 50, .play = { .time = MS, .status = 429, .retry_after = SEC } },
	};
	struct config c;
	(void)state;
	model_config(&c, 64);
	model_free(run(&c, kinds, 4, 5 * SEC));
	for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
		assert_int_equal(metric_own(gauges[i]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trouble_stays_where_it_is),
		cmocka_unit_test(test_new_ones_and_slow_ones_get_their_turns),
		cmocka_unit_test(test_one_that_answers_otherwise_goes_on),
		cmocka_unit_test(test_a_pause_of_our_own_is_not_theirs),
		cmocka_unit_test(test_applications_share_evenly),
		cmocka_unit_test(test_what_is_stuck_leaves_room),
		cmocka_unit_test(test_retry_after_is_kept_to),
		cmocka_unit_test(test_the_breaker_trips_once),
		cmocka_unit_test(test_what_rests_goes),
		cmocka_unit_test(test_nothing_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
