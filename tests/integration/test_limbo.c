/* Appends that end without an answer: the event is stored or not, its producer was told to try
 * again, and its Idempotency-Key must tell the truth. (What is committed and not answered at all is
 * in test_unanswered.c.) */
#include <string.h>

#include "base/id.h"

#include "../support/world_tests.h"

static struct post *
keyed(struct world *w, const char *key)
{
	struct post *p = post_new(w, "u", 1);
	post_key(p, key, "body");
	return p;
}

static void
wait_refused(struct world *w, struct post *p)
{
	UNTIL(w, p->calls);
	assert_int_equal(p->calls, 1);
	assert_false(p->ok);
	assert_int_equal(p->error, ERR_UNAVAILABLE);
}

/* The event is there once, delivered once, and a third request with its key finds it. */
static void
expect_exactly_once(struct world *w, struct node *n, const struct post *retry)
{
	assert_true(retry->ok);
	UNTIL(w, all_resolved(w));
	struct post *third = keyed(w, "key");
	post_send(n, third);
	UNTIL(w, third->calls);
	assert_true(third->ok && third->replayed);
	assert_int_equal(third->id, retry->id);
	UNTIL(w, all_resolved(w));
	assert_int_equal(db_int(&db, "select count(*) from message where id <> 0"), 1);
	assert_int_equal(arrived(w, retry->id, NULL), 1);
	assert_int_equal(w->narrivals, 1);
}

static void
test_an_append_that_was_ended_is_not_stored(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "");
	struct post *p = keyed(w, "key"), *retry = keyed(w, "key");
	db_exec(&db, "begin; lock table idempotency in exclusive mode");
	post_send(a, p);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	db_exec(&db, "select pg_terminate_backend(%d)", node_backend(a, "append"));
	wait_refused(w, p);
	db_exec(&db, "commit");
	post_send(a, retry);
	UNTIL(w, retry->calls);
	assert_false(retry->replayed);
	expect_exactly_once(w, a, retry);
	/* The one that was not stored holds nothing. */
	UNTIL(w, db_int(&db, "select low_water from slot where id = %d", node_slot(a)) > retry->id);
	assert_int_equal(w->narrivals, 1);
}

/* The server's process goes on with what it was sent, after the connection was given up, and after
 * it has been found that nothing was stored: nothing is. */
static void
test_an_append_that_comes_late(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	w->append_run_max = 200 * USEC_PER_MS;
	struct node *a = node_start(w, "a", "");
	struct post *p = keyed(w, "key"), *retry = keyed(w, "key");
	int pid = node_backend(a, "append");
	backend_stop(pid);
	post_send(a, p);
	wait_refused(w, p);
	UNTIL(w, db_int(&db, "select append_above from slot where id = %d", node_slot(a)) > 0);
	backend_continue();
	UNTIL(w, db_int(&db, "select count(*) from pg_stat_activity where pid = %d", pid) == 0);
	assert_int_equal(db_int(&db, "select count(*) from message"), 0);
	post_send(a, retry);
	UNTIL(w, retry->calls);
	assert_false(retry->replayed);
	expect_exactly_once(w, a, retry);
	assert_true(
	    db_int(&db, "select append_above from slot where id = %d", node_slot(a)) < retry->id);
}

/* It waits behind a lock when the connection is given up, and goes on afterwards: the question of
 * what was stored waits for it. */
static void
test_an_append_under_way_is_waited_for(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	w->append_run_max = 200 * USEC_PER_MS;
	struct node *a = node_start(w, "a", "");
	struct post *p = keyed(w, "key"), *retry = keyed(w, "key");
	db_exec(&db, "begin; lock table idempotency in exclusive mode");
	post_send(a, p);
	wait_refused(w, p);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted"
			     " and locktype = 'advisory'") == 1);
	db_exec(&db, "commit");
	UNTIL(w, w->narrivals == 1);
	post_send(a, retry);
	UNTIL(w, retry->calls);
	assert_true(retry->replayed);
	expect_exactly_once(w, a, retry);
}

/* The node dies with an event in limbo: the slot's next owner finds what is stored. */
static void
test_the_end_comes_first(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	w->append_run_max = 200 * USEC_PER_MS;
	struct node *a = node_start(w, "a", "");
	struct post *p = keyed(w, "key"), *retry = keyed(w, "key");
	db_exec(&db, "begin; lock table idempotency in exclusive mode");
	post_send(a, p);
	wait_refused(w, p);
	node_lapse(a);
	node_kill(a);
	db_exec(&db, "commit");
	UNTIL(w, db_int(&db, "select count(*) from message") == 1);
	struct node *b = node_start(w, "b", "");
	post_send(b, retry);
	UNTIL(w, retry->calls);
	assert_true(retry->replayed);
	expect_exactly_once(w, b, retry);
}

static void
test_an_outage(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "");
	struct post *p = keyed(w, "key"), *retry = keyed(w, "key");
	db_exec(&db, "begin; lock table idempotency in exclusive mode");
	post_send(a, p);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	db_crash(&db);
	wait_refused(w, p);
	db_restart(&db);
	UNTIL(w, pg_pool_ready(a->append) && node_slot(a) >= 0);
	post_send(a, retry);
	UNTIL(w, retry->calls);
	expect_exactly_once(w, a, retry);
}

/* ---- the program -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_append_that_was_ended_is_not_stored),
		TEST(test_an_append_that_comes_late),
		TEST(test_an_append_under_way_is_waited_for),
		TEST(test_the_end_comes_first),
		TEST(test_an_outage),
	};
	return RUN(tests);
}
