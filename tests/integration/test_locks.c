/* Rows are locked in one order: hold, application, endpoint. Whoever changes an endpoint by hand
 * and a sender that disables it meet in the middle: the first stands between the two rows until the
 * second waits, and both get through. */
#include "base/attr.h"

#include "../support/postgres.h"
#include "../unit/unit.h"
#include "schema.h"
#include "statements.h"

#define PARAMS_MAX 40
#define LOOKS_MAX  3000 /* of 10 ms each */

static struct test_pg *server;
static PGconn *gate, *by_hand, *sender;

/* Application 1 has endpoint 2. Who is called "slow" stands still when he has locked the first. */
static const char world[] =
    "insert into app (id, org, name) values (1, 'org', 'acme');"
    "insert into endpoint (app_id, id, url, secret) values (1, 2, 'http://x/', '\\x00');"
    "create function stand() returns trigger language plpgsql as $$ begin"
    "  if current_setting('application_name') = 'slow' then"
    "    perform pg_advisory_xact_lock(1);"
    "  end if;"
    "  return new;"
    " end $$;"
    "create trigger stand before update on app for each row execute function stand();";

static void
run(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType status = PQresultStatus(r);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(r));
	PQclear(r);
}

static void
begin(PGconn *c, const struct pg_stmt *s, const char *const *values)
{
	assert_true(s->nparams <= PARAMS_MAX);
	assert_int_equal(PQsendQueryParams(c, s->sql, s->nparams, NULL, values, NULL, NULL, 0), 1);
}

/* Until so many sessions wait for a lock. */
static void
wait_for_waiting(int n)
{
	for (int i = 0; i < LOOKS_MAX; i++) {
		PGresult *r = PQexec(gate,
		    "select count(*) from pg_stat_activity, pg_sleep(0.01)"
		    " where wait_event_type = 'Lock' and datname = current_database()");
		int64_t waiting;
		assert_int_equal(str_to_i64(str_of(PQgetvalue(r, 0, 0)), 0, 100, &waiting), 0);
		PQclear(r);
		if (waiting == n)
			return;
	}
	fail_msg("%d do not wait", n);
}

static int
rows_of(PGconn *c, const char *who)
{
	PGresult *r = PQgetResult(c), *end = PQgetResult(c);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", who, PQresultErrorMessage(r));
	assert_null(end);
	int rows = PQntuples(r);
	PQclear(r);
	return rows;
}

/* The rows that the disabling returned. */
static int
meet(const struct pg_stmt *change, const char *const *values)
{
	const char *disabled[PARAMS_MAX] = { "1", "2", "gone" };
	run(gate, "update endpoint set disabled = false, deleted_at = null;"
		  "select pg_advisory_lock(1)");
	begin(by_hand, change, values);
	wait_for_waiting(1);
	begin(sender, &stmt_endpoint_disable, disabled);
	wait_for_waiting(2);
	run(gate, "select pg_advisory_unlock(1)");
	assert_int_equal(rows_of(by_hand, change->name), 1);
	return rows_of(sender, "endpoint_disable");
}

static void
test_disabled_while_it_is_changed(void **state)
{
	const char *values[PARAMS_MAX] = { "org",
		"1", [3] = "2", [5] = "{description}", [8] = "ours" };
	(void)state;
	assert_int_equal(meet(&stmt_endpoint_update, values), 1);
}

static void
test_disabled_while_its_headers_are_changed(void **state)
{
	const char *values[PARAMS_MAX] = { "org", "1", [3] = "2", [5] = "{}" };
	(void)state;
	assert_int_equal(meet(&stmt_endpoint_headers_set, values), 1);
}

static void
test_disabled_while_it_is_deleted(void **state)
{
	const char *values[PARAMS_MAX] = { "org", "1", [3] = "2" };
	(void)state;
	assert_int_equal(meet(&stmt_endpoint_delete, values), 0);
}

/* Of two that disable it, one does. */
static void
test_disabled_twice(void **state)
{
	const char *values[PARAMS_MAX] = { "1", "2", "gone" };
	(void)state;
	assert_int_equal(meet(&stmt_endpoint_disable, values), 0);
}

static int
set_up(void **state)
{
	(void)state;
	struct err e;
	int applied;
	server = test_pg_start();
	const char *url = test_pg_url(server);
	if (migrate_apply(url, schema_migrations, schema_migrations_count, &applied, &e) ||
	    !(gate = pg_connect_sync(url, &e)) || !(by_hand = pg_connect_sync(url, &e)) ||
	    !(sender = pg_connect_sync(url, &e))) {
		print_error("%s\n", e.text);
		return -1;
	}
	run(gate, world);
	run(by_hand, "set application_name = 'slow'");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	PQfinish(gate);
	PQfinish(by_hand);
	PQfinish(sender);
	test_pg_stop(server);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disabled_while_it_is_changed),
		cmocka_unit_test(test_disabled_while_its_headers_are_changed),
		cmocka_unit_test(test_disabled_while_it_is_deleted),
		cmocka_unit_test(test_disabled_twice),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
