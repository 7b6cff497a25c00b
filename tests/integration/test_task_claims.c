/* Who is worked on next (task_claim.sql), and who makes room (task_release.sql): applications side
 * by side, of each the task that has waited longest; and which are forgotten (task_expire.sql). */
#include "base/attr.h"

#include "../support/db.h"
#include "../unit/unit.h"
#include "pg/pg.h"
#include "statements.h"

#define NAMES "{endpoint.recover}"

static struct db db;

/* ---- what there is ------------------------------------------------------------------------ */

/* waited: seconds since its lease lapsed; below zero: it has one yet. */
static void
task(int id, int app_id, const char *name, const char *status, int waited)
{
	db_exec(&db,
	    "insert into task (id, org, app_id, name, status, filter, by, lease_until)"
	    " values (%d, 'org', nullif(%d, 0), '%s', '%s', '{}', 'me', now() - %d * interval '1 s')",
	    id, app_id, name, status, waited);
}

static void
waiting(int id, int app_id, int waited)
{
	task(id, app_id, "endpoint.recover", "running", waited);
}

static void
taken(int id, int app_id)
{
	task(id, app_id, "endpoint.recover", "running", -60);
}

/* The first field of its row; 0: there is none. */
static int64_t
ask(const struct pg_stmt *stmt, const char *const *values)
{
	int64_t ret = 0;
	PGresult *r = PQexecParams(db.sql, stmt->sql, stmt->nparams, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s", PQresultErrorMessage(r));
	if (PQntuples(r) && str_to_i64(str_of(PQgetvalue(r, 0, 0)), 0, INT64_MAX, &ret))
		fail_msg("no number");
	PQclear(r);
	return ret;
}

static int64_t
claim(void)
{
	const char *values[] = { "7", "60000", NAMES };
	return ask(&stmt_task_claim, values);
}

static int64_t
release(const char *id, const char *owner)
{
	const char *values[] = { id, owner, NAMES };
	return ask(&stmt_task_release, values);
}

/* ---- claiming ----------------------------------------------------------------------------- */

static void
test_who_has_waited_longest_comes_first(void **state)
{
	(void)state;
	waiting(1, 10, 5);
	waiting(2, 10, 9);
	waiting(3, 10, 7);
	assert_int_equal(claim(), 2);
	assert_int_equal(claim(), 3);
	assert_int_equal(claim(), 1);
	assert_int_equal(claim(), 0);
}

static void
test_applications_stand_side_by_side(void **state)
{
	(void)state;
	for (int id = 1; id <= 1000; id++)
		waiting(id, 10, 2000 - id);
	waiting(2001, 11, 1);
	waiting(2002, 0, 2);
	assert_int_equal(claim(), 1);
	assert_int_equal(claim(), 2002); /* of none */
	assert_int_equal(claim(), 2001);
	assert_int_equal(claim(), 2);
	assert_int_equal(claim(), 3);
}

static void
test_what_is_no_task_to_claim(void **state)
{
	(void)state;
	taken(1, 10);
	task(2, 10, "endpoint.recover", "paused", 5);
	task(3, 10, "endpoint.recover", "canceled", 5);
	task(4, 10, "endpoint.recover", "finished", 5);
	task(5, 10, "of.another.version", "running", 5);
	assert_int_equal(claim(), 0);
	assert_int_equal(db_int(&db, "select count(*) from task where owner is not null"), 0);
}

/* ---- making room -------------------------------------------------------------------------- */

static void
test_a_task_makes_room_only_for_others(void **state)
{
	(void)state;
	waiting(1, 10, 5);
	assert_int_equal(claim(), 1);
	assert_int_equal(release("1", "7"), 0);
	task(2, 10, "of.another.version", "running", 5);
	assert_int_equal(release("1", "7"), 0);
	waiting(3, 10, 5);
	assert_int_equal(release("1", "8"), 0); /* not his */
	assert_int_equal(release("1", "7"), 1);
	assert_int_equal(release("1", "7"), 0);
	assert_int_equal(claim(), 3); /* it is at the end of the line */
	assert_int_equal(claim(), 1);
}

/* ---- forgetting --------------------------------------------------------------------------- */

static void
test_what_ended_long_ago_is_forgotten(void **state)
{
	const char *most[] = { "2" };
	(void)state;
	task(1, 10, "endpoint.recover", "finished", 0);
	task(2, 10, "endpoint.recover", "failed", 0);
	task(3, 10, "endpoint.recover", "canceled", 0);
	task(4, 10, "endpoint.recover", "finished", 0);
	task(5, 10, "endpoint.recover", "paused", 0);
	task(6, 10, "endpoint.recover", "running", 0);
	db_exec(&db, "update task set updated_at = now() - interval '91 days' where id <> 4");
	assert_int_equal(ask(&stmt_task_expire, most), 2);
	assert_int_equal(ask(&stmt_task_expire, most), 1);
	assert_int_equal(ask(&stmt_task_expire, most), 0);
	assert_string_equal(
	    db_text(&db, "select string_agg(id::text, ' ' order by id) from task"), "4 5 6");
}

/* ---- the program -------------------------------------------------------------------------- */

static int
each_set_up(void **state)
{
	(void)state;
	db_clear(&db);
	return 0;
}

static int
group_set_up(void **state)
{
	(void)state;
	db_start(&db);
	return 0;
}

static int
group_tear_down(void **state)
{
	(void)state;
	db_stop(&db);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_who_has_waited_longest_comes_first, each_set_up),
		cmocka_unit_test_setup(test_applications_stand_side_by_side, each_set_up),
		cmocka_unit_test_setup(test_what_is_no_task_to_claim, each_set_up),
		cmocka_unit_test_setup(test_a_task_makes_room_only_for_others, each_set_up),
		cmocka_unit_test_setup(test_what_ended_long_ago_is_forgotten, each_set_up),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
