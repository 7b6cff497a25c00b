/* Migrations: from nothing, again, several at once, and every way in which a database and a program
 * do not belong together. Each test has a database of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/db.h"
#include "../unit/unit.h"
#include "pg/migrate.h"
#include "pg/pg.h"
#include "schema.h"

#define URL_MAX 512

static struct db db;
static char url[URL_MAX]; /* of the test's database */

static const struct migration first[] = { { "0001_a", "create table a (i int)" },
	{ "0002_b", "create table b (i int); insert into a values (2)" },
	{ "0003_c", "create table c (i int); insert into a values (3)" } };

static int
apply(const struct migration *m, int n, struct err *e)
{
	int applied = -1;
	memset(e, 0, sizeof(*e));
	return migrate_apply(url, m, n, &applied, e) ? -1 : applied;
}

static void
expect_refused(int status, const struct err *e, const char *text)
{
	assert_int_equal(status, -1);
	assert_int_equal(e->kind, ERR_CONFIG);
	assert_non_null(strstr(e->text, text));
}

/* The number of one kind of thing in the test's database. */
static int
number_of(const char *sql)
{
	struct err e;
	int64_t v = -1;
	PGconn *c = pg_connect_sync(url, &e);
	assert_non_null(c);
	PGresult *r = PQexec(c, sql);
	assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
	assert_int_equal(str_to_i64(str_of(PQgetvalue(r, 0, 0)), 0, INT32_MAX, &v), 0);
	PQclear(r);
	PQfinish(c);
	return (int)v;
}

static void
test_from_nothing_to_this_programs_schema(void **state)
{
	(void)state;
	struct err e;
	expect_refused(migrate_check(url, schema_migrations, schema_migrations_count, &e), &e,
	    "no Posthorn schema yet: run posthornd migrate");
	assert_int_equal(
	    apply(schema_migrations, schema_migrations_count, &e), schema_migrations_count);
	assert_int_equal(migrate_check(url, schema_migrations, schema_migrations_count, &e), 0);
	assert_int_equal(apply(schema_migrations, schema_migrations_count, &e), 0);
	assert_int_equal(number_of("select count(*) from slot"), 1024);
}

/* A log that is older than the counts of it: five attempts an hour, over the last 30 hours. */
static void
test_an_old_log_is_counted(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(apply(schema_migrations, 1, &e), 1);
	PGconn *c = pg_connect_sync(url, &e);
	assert_non_null(c);
	assert_int_equal(
	    pg_exec_sync(c,
		"insert into attempt (app_id, msg_id, id, endpoint_id, chain, seq, tries, status,"
		" trigger, http_status, transport, duration_ms, url_no)"
		" select 1, id_floor(t) + 8 * h + i, id_floor(t) + 8 * h + i, 2, 0, 0, 1, (i = 5)::int * 2, 0, 200, 0, 1, 1"
		" from generate_series(0, 29) h, generate_series(1, 5) i,"
		" lateral (select greatest(now() - h * interval '1 hour',"
		"  date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '1 day')) as x(t)",
		&e),
	    0);
	PQfinish(c);
	assert_int_equal(
	    apply(schema_migrations, schema_migrations_count, &e), schema_migrations_count - 1);
	assert_int_equal(number_of("select sum(attempts) from attempt_tally"), 150);
	assert_int_equal(number_of("select sum(n) from attempt_tally, unnest(success) n"), 120);
	assert_int_equal(
	    number_of("select fail[1 + extract(hour from now() at time zone 'UTC')::int]"
		      " from attempt_tally order by day desc limit 1"),
	    1);
	assert_int_equal(number_of("select count(*) from attempt_tally where app_id = 1"
				   " and endpoint_id = 2 and cardinality(success) = 24"
				   " and cardinality(fail) = 24"),
	    2);
}

static void
test_what_is_missing_is_applied_in_order(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(apply(first, 1, &e), 1);
	expect_refused(migrate_check(url, first, 3, &e), &e, "lacks migration 0002_b");
	assert_int_equal(apply(first, 3, &e), 2);
	assert_int_equal(migrate_check(url, first, 3, &e), 0);
	assert_int_equal(number_of("select string_agg(i::text, '' order by ctid) from a"), 23);
	assert_int_equal(number_of("select count(*) from schema_migration"), 3);
}

#define PROCESSES 4

/* Each migration runs once, and everybody returns only when all of them are there. */
static void
test_several_at_once(void **state)
{
	(void)state;
	pid_t pid[PROCESSES];
	int applied = 0, status;
	struct err e;
	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			int n = apply(schema_migrations, schema_migrations_count, &e);
			if (n < 0 ||
			    migrate_check(url, schema_migrations, schema_migrations_count, &e))
				_exit(99);
			_exit(n);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 99);
		applied += WEXITSTATUS(status);
	}
	assert_int_equal(applied, schema_migrations_count);
}

static void
test_a_changed_migration_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct migration changed[3];
	assert_int_equal(apply(first, 2, &e), 2);
	memcpy(changed, first, sizeof(changed));
	changed[0].sql = "create table a (i int )";
	expect_refused(apply(changed, 3, &e), &e, "0001_a of the database differs");
	expect_refused(migrate_check(url, changed, 2, &e), &e, "0001_a of the database differs");
	assert_int_equal(number_of("select count(*) from schema_migration"), 2);
}

static void
test_a_newer_database_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct migration other[3];
	assert_int_equal(apply(first, 3, &e), 3);
	expect_refused(apply(first, 2, &e), &e, "0003_c, which this program does not know");
	expect_refused(migrate_check(url, first, 2, &e), &e, "0003_c, which this program");
	/* One that took the place of ours. */
	memcpy(other, first, sizeof(other));
	other[1].name = "0002_other";
	expect_refused(migrate_check(url, other, 3, &e), &e, "0002_b, which this program");
}

static void
test_a_failing_migration_leaves_nothing(void **state)
{
	(void)state;
	struct err e;
	struct migration bad[3];
	memcpy(bad, first, sizeof(bad));
	bad[1].sql = "create table half (i int); insert into no_such_table values (1)";
	expect_refused(apply(bad, 3, &e), &e, "migration 0002_b: ");
	assert_string_equal(e.origin, "42P01");
	assert_int_equal(number_of("select count(*) from schema_migration"), 1);
	assert_int_equal(number_of("select count(*) from pg_class where relname = 'half'"), 0);
	assert_int_equal(apply(first, 3, &e), 2); /* and nothing stands in the way */
}

static void
test_no_server(void **state)
{
	(void)state;
	struct err e;
	int applied;
	const char *nowhere = "host=/nonexistent user=x dbname=y";
	assert_int_equal(migrate_apply(nowhere, first, 3, &applied, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
	assert_int_equal(migrate_check(nowhere, first, 3, &e), -1);
	assert_int_equal(e.kind, ERR_UNAVAILABLE);
}

/* ---- the program -------------------------------------------------------------------------- */

static int
set_up(void **state)
{
	static int n;
	(void)state;
	db_exec(&db, "create database m%d template template0", ++n);
	snprintf(url, sizeof(url), "%s dbname=m%d", db_url(&db), n);
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

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_from_nothing_to_this_programs_schema),
		TEST(test_an_old_log_is_counted),
		TEST(test_what_is_missing_is_applied_in_order),
		TEST(test_several_at_once),
		TEST(test_a_changed_migration_is_refused),
		TEST(test_a_newer_database_is_refused),
		TEST(test_a_failing_migration_leaves_nothing),
		TEST(test_no_server),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
