/* Commits that are never answered: the server has stored it all, and the connection breaks. That is
 * what a server does that waits for a standby when its process is ended. */
#include "../support/world_tests.h"

static int
waiting(const char *pool)
{
	return (int)db_int(&db,
	    "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
	    " and application_name like '%%%s'",
	    pool);
}

/* From now on no commit is answered. */
static void
hold_commits(struct world *w)
{
	db_exec(&db, "alter system set synchronous_standby_names = 'nobody'");
	db_exec(&db, "select pg_reload_conf()");
	UNTIL(w, waiting("-lease") == 1);
}

static void
let_commits(void)
{
	db_exec(&db, "alter system reset synchronous_standby_names");
	db_exec(&db, "select pg_reload_conf()");
}

static void
break_waiting(struct world *w, const char *pool)
{
	UNTIL(w, waiting(pool) == 1);
	db_exec(&db,
	    "select pg_terminate_backend(pid) from pg_stat_activity"
	    " where wait_event = 'SyncRep' and application_name like '%%%s'",
	    pool);
	UNTIL(w, waiting(pool) == 0);
	let_commits();
}

static void
test_results_that_were_stored_unseen(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = node_start(w, "a", "retry_schedule=0.1");
	int64_t failed = post_ok(a, "u", 1);
	UNTIL(w, held(w) == 1);
	hold_commits(w);
	receiver_release(w->receiver, &play_500);
	w->any = &play_200;
	break_waiting(w, "-record");
	UNTIL(w, attempts(w, failed) == 2);
	int64_t later = post_ok(a, "u", 2);
	UNTIL(w, attempts(w, later) == 1);
	assert_int_equal(attempts(w, failed), 2);
	assert_int_equal(arrived(w, failed, NULL), 2);
	assert_int_equal(passed(w), 0);
	assert_true(all_resolved(w));
}

static void
test_dead_letters_that_were_stored_unseen(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = node_start(w, "a", "");
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, held(w) == 1);
	hold_commits(w);
	receiver_release(w->receiver, &play_500);
	w->any = &play_200;
	break_waiting(w, "-record");
	int64_t later = post_ok(a, "u", 2);
	UNTIL(w, attempts(w, later) == 1);
	assert_int_equal(attempts(w, id), 1);
	assert_int_equal(dead_letters(w, id), 1);
	assert_true(all_resolved(w));
}

static void
test_an_event_that_was_stored_unseen(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "");
	hold_commits(w);
	struct post *p = post_new(w, "u", 1);
	post_send(a, p);
	break_waiting(w, "-append");
	UNTIL(w, p->calls == 1);
	assert_false(p->ok);
	assert_int_equal(p->error, ERR_UNAVAILABLE);
	UNTIL(w, attempts(w, 0) == 1);
	assert_int_equal(w->narrivals, 1);
	assert_true(all_resolved(w));
}

/* An operator ends the wait: PostgreSQL then calls it a success, with a warning. It is none. */
static void
test_a_commit_that_no_standby_confirmed(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "");
	hold_commits(w);
	struct post *p = post_new(w, "u", 1);
	post_send(a, p);
	UNTIL(w, waiting("-append") == 1);
	db_exec(&db, "select pg_cancel_backend(pid) from pg_stat_activity"
		     " where wait_event = 'SyncRep' and application_name like '%%-append'");
	UNTIL(w, p->calls == 1);
	assert_false(p->ok);
	assert_int_equal(p->error, ERR_UNAVAILABLE);
	let_commits();
	UNTIL(w, attempts(w, 0) == 1);
	assert_int_equal(w->narrivals, 1);
	assert_true(all_resolved(w));
}

/* Nobody waits for long: the producer is told that it may try again, and what was stored all the
 * same is delivered. Whoever comes later is told sooner. */
static void
test_an_event_that_takes_too_long(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "lease=30s");
	hold_commits(w);
	struct post *first = post_new(w, "u", 1), *second = post_new(w, "u", 2);
	post_send(a, first);
	UNTIL(w, waiting("-append") == 1);
	post_send(a, second);
	UNTIL(w, first->calls + second->calls > 0);
	assert_int_equal(second->calls, 1);
	assert_false(second->ok);
	UNTIL(w, first->calls == 1);
	assert_false(first->ok);
	assert_int_equal(first->error, ERR_UNAVAILABLE);
	assert_int_equal(waiting("-append"), 1); /* the same one */
	assert_int_equal(w->narrivals, 0);
	let_commits();
	UNTIL(w, attempts(w, 0) == 1);
	assert_int_equal(w->narrivals, 1);
	assert_true(all_resolved(w));
}

/* ---- the program -------------------------------------------------------------------------- */

static int
tear_down(void **state)
{
	let_commits();
	world_free(*state);
	return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_results_that_were_stored_unseen),
		TEST(test_dead_letters_that_were_stored_unseen),
		TEST(test_an_event_that_was_stored_unseen),
		TEST(test_a_commit_that_no_standby_confirmed),
		TEST(test_an_event_that_takes_too_long),
	};
	return RUN(tests);
}
