/* The tally of attempts: what it comes to in the table, whatever happens on the way there. */
#include <string.h>

#include "base/id.h"

#include "../support/world.h"
#include "send/tally.h"

static struct db db;

static int64_t
counted(const char *what)
{
	return db_int(&db, "select sum(n) from attempt_tally, unnest(%s) as n", what);
}

/* ---- by itself ---------------------------------------------------------------------------- */

struct bench {
	struct loop *loop;
	struct pg_pool *pool;
	struct tally *tally;
	struct wall now;
	int64_t origins;
	bool finished;
};

static int64_t
next_origin(void *arg)
{
	struct bench *b = arg;
	return ++b->origins;
}

static void
on_finished(void *arg)
{
	struct bench *b = arg;
	assert_false(b->finished);
	b->finished = true;
}

static void
bench_start(struct bench *b)
{
	const struct pg_options o = {
		.url = db_url(&db),
		.name = "tally",
		.connections = 1,
		.wait_max = USEC_PER_SEC,
		.run_max = 60 * USEC_PER_SEC,
		.prepare = true,
	};
	*b = (struct bench){ .loop = loop_new() };
	b->pool = pg_pool_new(b->loop, &o);
	b->tally = tally_new(b->loop, b->pool, next_origin, b);
	b->now = loop_wall(b->loop);
}

static void
bench_finish(struct bench *b)
{
	usec_t give_up = clock_mono() + TURN_MAX;
	b->finished = false;
	tally_finish(b->tally, on_finished, b);
	while (!b->finished && clock_mono() < give_up)
		loop_turn(b->loop, 10);
	assert_true(b->finished);
}

static void
bench_stop(struct bench *b)
{
	tally_free(b->tally);
	pg_pool_free(b->pool);
	loop_free(b->loop);
}

static void
test_by_endpoint_and_hour(void **state)
{
	(void)state;
	struct bench b;
	bench_start(&b);
	struct wall then = { b.now.us - 3600 * USEC_PER_SEC };
	for (int round = 1; round <= 2; round++) {
		for (int i = 0; i < 10; i++) {
			tally_add(b.tally, 1, 11, then, true);
			tally_add(b.tally, 1, 12, then, i < 3);
		}
		bench_finish(&b);
	}
	tally_add(b.tally, 1, 11, b.now, true);
	tally_add(b.tally, 2, 21, b.now, false);
	bench_finish(&b);
	static const char rows[] =
	    "select string_agg(format('%%s %%s %%s %%s %%s', app_id, endpoint_id,"
	    " (day + (h - 1) * interval '1 hour') at time zone 'UTC' = date_trunc('hour', now()), success, fail),"
	    " ', ' order by app_id, endpoint_id, day, h) from (select app_id, endpoint_id, day, t.h, t.success,"
	    " t.fail from attempt_tally c, unnest(c.success, c.fail) with ordinality as t(success, fail, h)) n"
	    " where success + fail > 0";
	assert_string_equal(db_text(&db, rows), "1 11 f 20 0, 1 11 t 1 0, 1 12 f 6 14, 2 21 t 0 1");
	assert_int_equal(db_int(&db, "select sum(attempts) from attempt_tally"), 42);
	bench_stop(&b);
}

static void
test_a_day_that_comes_back_loses_nothing(void **state)
{
	(void)state;
	struct bench b;
	bench_start(&b);
	struct wall then = { b.now.us - 86400 * USEC_PER_SEC };
	for (int i = 0; i < 10; i++) {
		tally_add(b.tally, 1, 11, i % 2 ? b.now : then, true);
		if (i % 3 == 0)
			bench_finish(&b);
	}
	bench_finish(&b);
	assert_int_equal(counted("success"), 10);
	bench_stop(&b);
}

static void
test_by_itself_within_seconds(void **state)
{
	(void)state;
	struct bench b;
	bench_start(&b);
	usec_t give_up = clock_mono() + TURN_MAX;
	for (int endpoint = 0; endpoint < 20; endpoint++)
		tally_add(b.tally, 1, endpoint, b.now, true);
	while (counted("success") < 20 && clock_mono() < give_up)
		loop_turn(b.loop, 50);
	assert_int_equal(counted("success"), 20);
	bench_stop(&b);
}

#define ROWS_MAX 50000 /* as in tally.c */

/* More endpoints than it remembers, while nothing can be written: it stops counting new ones. */
static void
test_memory_has_a_bound(void **state)
{
	(void)state;
	struct bench b;
	bench_start(&b);
	for (int endpoint = 0; endpoint < ROWS_MAX + 1000; endpoint++)
		tally_add(b.tally, 1, endpoint, b.now, true);
	bench_finish(&b);
	assert_int_equal(counted("success"), ROWS_MAX);
	/* What is written makes room, and none of it is lost by that. */
	for (int endpoint = ROWS_MAX; endpoint < ROWS_MAX + 1000; endpoint++)
		tally_add(b.tally, 1, endpoint, b.now, true);
	for (int endpoint = 0; endpoint < 1000; endpoint++)
		tally_add(b.tally, 1, endpoint, b.now, true);
	bench_finish(&b);
	assert_int_equal(counted("success"), ROWS_MAX + 2000);
	bench_stop(&b);
}

/* A day for which there is no partition is given up after a while; others are not lost. */
static void
test_what_the_table_refuses_does_not_stay(void **state)
{
	(void)state;
	struct bench b;
	bench_start(&b);
	tally_add(b.tally, 1, 11, (struct wall){ b.now.us - 1000 * 86400 * USEC_PER_SEC }, true);
	for (int i = 0; i < 6; i++)
		bench_finish(&b);
	tally_add(b.tally, 1, 11, b.now, true);
	bench_finish(&b);
	assert_int_equal(counted("success"), 1);
	bench_stop(&b);
}

/* ---- in a worker -------------------------------------------------------------------------- */

static void
test_a_stop_writes_the_rest(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	world_endpoint(w, app, "/500");
	struct node *a = node_start(w, "a", "");
	for (int i = 0; i < 5; i++)
		post_ok(a, "u", i);
	UNTIL(w, attempts(w, 0) == 10);
	node_stop(a);
	assert_int_equal(counted("success"), 5);
	assert_int_equal(counted("fail"), 5);
}

static void
test_an_outage_does_not_count_twice(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *a = node_start(w, "a", "");
	post_ok(a, "u", 0);
	UNTIL(w, counted("success") == 1);
	/* The write is on its way and its answer is lost. */
	db_exec(&db, "begin; lock table attempt_tally in exclusive mode");
	post_ok(a, "u", 1);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks"
			     " where relation = 'attempt_tally'::regclass and not granted") == 1);
	db_crash(&db);
	db_restart(&db);
	UNTIL(w, counted("success") == 2);
	post_ok(a, "u", 2);
	UNTIL(w, counted("success") == 3);
	assert_int_equal(attempts(w, 0), 3);
	assert_int_equal(db_int(&db, "select count(*) from attempt_tally"), 1);
}

/* ------------------------------------------------------------------------------------------- */

static int
clear(void **state)
{
	(void)state;
	db_clear(&db);
	return 0;
}

static int
make_world(void **state)
{
	*state = world_new(&db);
	return 0;
}

static int
end_world(void **state)
{
	world_free(*state);
	return 0;
}

static int
start(void **state)
{
	(void)state;
	db_start(&db);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	db_stop(&db);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_by_endpoint_and_hour, clear),
		cmocka_unit_test_setup(test_a_day_that_comes_back_loses_nothing, clear),
		cmocka_unit_test_setup(test_by_itself_within_seconds, clear),
		cmocka_unit_test_setup(test_memory_has_a_bound, clear),
		cmocka_unit_test_setup(test_what_the_table_refuses_does_not_stay, clear),
		cmocka_unit_test_setup_teardown(test_a_stop_writes_the_rest, make_world, end_world),
		cmocka_unit_test_setup_teardown(
		    test_an_outage_does_not_count_twice, make_world, end_world),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
