/* Recording when the database does not take what it is given: nothing that happened is forgotten,
 * and what one result is refused for does not stop the others. */
#include <string.h>

#include "base/id.h"

#include "../support/world_tests.h"

static const char stalled[] = "results cannot be recorded";

static bool
is_stalled(const struct node *n)
{
	const char *why = sender_stalled(n->sender);
	return why && strcmp(why, stalled) == 0;
}

/* ---- outages ------------------------------------------------------------------------------ */

static void
test_results_survive_an_outage(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/any");
	struct node *a = node_start(w, "a", "retry_schedule=3600");
	int64_t ok = post_ok(a, "u", 1);
	UNTIL(w, held(w) == 1);
	w->any = &play_500;
	int64_t failed;
	db_exec(&db, "begin; lock table attempt in exclusive mode"); /* not before the outage */
	failed = post_ok(a, "u", 2);
	UNTIL(w, arrived(w, failed, NULL) == 1);
	db_crash(&db);
	receiver_release(w->receiver, &play_200);
	UNTIL(w, pg_pool_ready(a->record) == 0 && is_stalled(a));
	db_restart(&db);
	UNTIL(w, attempts(w, 0) == 2);
	UNTIL(w, !sender_stalled(a->sender));
	assert_int_equal(
	    db_int(&db, "select status from attempt where msg_id = %lld", (long long)ok), 0);
	assert_int_equal(
	    db_int(&db, "select count(*) from retry where msg_id = %lld", (long long)failed), 1);
	assert_int_equal(w->narrivals, 2); /* nobody was asked twice */
	assert_int_equal(passed(w), 0);
}

#define MANY 1100 /* more than one batch */

static void
test_more_results_than_a_batch(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *a = node_start(w, "a", "");
	post_ok(a, "u", 0);
	UNTIL(w, attempts(w, 0) == 1);
	backend_stop(node_backend(a, "record"));
	for (int i = 1; i < MANY; i++)
		post_send(a, post_new(w, "u", i));
	UNTIL(w, w->narrivals == MANY);
	backend_continue();
	UNTIL(w, attempts(w, 0) == MANY);
	assert_true(all_resolved(w));
	assert_int_equal(db_int(&db, "select count(distinct msg_id) from attempt"), MANY);
}

/* ---- refusals ----------------------------------------------------------------------------- */

static const char *
partition_at(const char *table, const char *when)
{
	return db_text(&db,
	    "select max(inhrelid::regclass::text) from pg_inherits"
	    " where inhparent = '%s'::regclass"
	    " and partition_start(inhrelid::regclass::text) <= now() + interval '%s'",
	    table, when);
}

/* Takes a table's partition away and gives it back. */
static void
detach(const char *table, const char *partition)
{
	db_exec(&db, "create table if not exists bounds as select relname::text as name,"
		     " pg_get_expr(relpartbound, oid) as bound from pg_class where false");
	db_exec(&db,
	    "insert into bounds select relname, pg_get_expr(relpartbound, oid) from pg_class"
	    " where relname = '%s'",
	    partition);
	db_exec(&db, "alter table %s detach partition %s", table, partition);
}

static void
attach(const char *table, const char *partition)
{
	db_exec(&db, "alter table %s attach partition %s %s", table, partition,
	    db_text(&db, "select bound from bounds where name = '%s'", partition));
	db_exec(&db, "drop table bounds");
}

static void
test_a_partition_goes_and_comes_back(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *a = node_start(w, "a", "");
	const char *partition = partition_at("attempt", "0 s");
	detach("attempt", partition);
	for (int i = 0; i < 10; i++)
		post_ok(a, "u", i);
	UNTIL(w, w->narrivals == 10 && is_stalled(a));
	attach("attempt", partition);
	int64_t more = post_ok(a, "u", 11);
	UNTIL(w, attempts(w, more) == 1 && !is_stalled(a));
	/* What was refused too often is left to the slot's next owner. */
	assert_int_equal(passed(w), 0);
	node_stop(a);
	node_start(w, "b", "");
	UNTIL(w, all_resolved(w));
	assert_int_equal(db_int(&db, "select count(distinct msg_id) from attempt"), 11);
}

/* A retry for which there is no place. The others' results are stored all the same, and it is not
 * forgotten. */
static void
test_one_that_is_refused_does_not_stop_the_others(void **state)
{
	struct world *w = *state;
	int64_t bad = db_app(&db, "bad"), good = db_app(&db, "good");
	world_endpoint(w, bad, "/500");
	world_endpoint(w, good, "/200");
	/* The delay is exact to a fifth: two hours and a half up to three and a half. */
	const char *const times[] = { "145 min", "160 min", "175 min", "190 min", "205 min",
		"220 min" };
	const char *partition[ARRAY_LEN(times)];
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		detach("retry", partition[i] = partition_at("retry", times[i]));
	struct node *a = node_start(w, "a", "retry_schedule=10800");
	int64_t id = post_ok(a, "bad", 1);
	UNTIL(w, arrived(w, id, NULL) == 1);
	for (int i = 0; i < 5; i++)
		post_ok(a, "good", i);
	UNTIL(w, attempts(w, 0) == 5);
	UNTIL(w, !is_stalled(a));
	assert_int_equal(attempts(w, id), 0);
	assert_int_equal(passed(w), 0);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		db_exec(&db, "alter table retry attach partition %s %s", partition[i],
		    db_text(&db, "select bound from bounds where name = '%s'", partition[i]));
	}
	db_exec(&db, "drop table bounds");
	node_stop(a);
	node_start(w, "b", "retry_schedule=10800");
	UNTIL(w, attempts(w, id) == 1);
	assert_int_equal(db_int(&db, "select count(*) from retry"), 1);
	assert_int_equal(db_int(&db, "select count(*) from open_target"), 0);
}

/* ---- the program -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_results_survive_an_outage),
		TEST(test_more_results_than_a_batch),
		TEST(test_a_partition_goes_and_comes_back),
		TEST(test_one_that_is_refused_does_not_stop_the_others),
	};
	return RUN(tests);
}
