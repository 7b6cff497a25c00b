/* Every statement of lib/store/sql is prepared against a freshly migrated database: a slip of the
 * pen, a column that is no more, or a type that lib/pg cannot read fails here. */
#include "base/attr.h"

#include "../support/postgres.h"
#include "../unit/unit.h"
#include "schema.h"
#include "statements.h"

static struct test_pg *server;
static PGconn *db;

/* What lib/pg/result.c reads: the types and the arrays of them (pg_type.oid). */
static bool
is_readable(Oid type)
{
	static const Oid types[] = { PG_BOOL, PG_BYTEA, PG_INT8, PG_INT2, PG_INT4, PG_TEXT,
		PG_TIMESTAMPTZ, 1000, 1001, 1005, 1007, 1016, 1009, 1185 };
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

static int
check_statement(const struct pg_stmt *s)
{
	PGresult *r = PQprepare(db, s->name, s->sql, 0, NULL);
	int bad = PQresultStatus(r) != PGRES_COMMAND_OK;
	if (bad)
		print_error("%s: %s", s->name, PQresultErrorMessage(r));
	PQclear(r);
	if (bad)
		return 1;
	r = PQdescribePrepared(db, s->name);
	if (PQnparams(r) != s->nparams) {
		print_error("%s: %d parameters, %d counted\n", s->name, PQnparams(r), s->nparams);
		bad++;
	}
	for (int i = 0; i < PQnfields(r); i++)
		if (!is_readable(PQftype(r, i))) {
			print_error(
			    "%s: column %s has type %u\n", s->name, PQfname(r, i), PQftype(r, i));
			bad++;
		}
	PQclear(r);
	return bad;
}

static void
test_every_statement(void **state)
{
	(void)state;
	int bad = 0;
	assert_true(store_statements_count > 0);
	for (int i = 0; i < store_statements_count; i++)
		bad += check_statement(store_statements[i]);
	assert_int_equal(bad, 0);
}

/* A parameter without a cast would be taken for whatever the context suggests, and the binary form
 * that lib/pg sends might not be that. */
static void
test_parameters_are_of_types_that_are_sent(void **state)
{
	(void)state;
	int bad = 0;
	for (int i = 0; i < store_statements_count; i++) {
		PGresult *r = PQdescribePrepared(db, store_statements[i]->name);
		for (int k = 0; k < PQnparams(r); k++)
			if (!is_readable(PQparamtype(r, k))) {
				print_error("%s: $%d has type %u\n", store_statements[i]->name,
				    k + 1, PQparamtype(r, k));
				bad++;
			}
		PQclear(r);
	}
	assert_int_equal(bad, 0);
}

static void
test_migrating_again_does_nothing(void **state)
{
	(void)state;
	struct err e;
	int applied = -1;
	assert_int_equal(migrate_apply(test_pg_url(server), schema_migrations,
			     schema_migrations_count, &applied, &e),
	    0);
	assert_int_equal(applied, 0);
	assert_int_equal(
	    migrate_check(test_pg_url(server), schema_migrations, schema_migrations_count, &e), 0);
}

static int
set_up(void **state)
{
	(void)state;
	struct err e;
	int applied;
	server = test_pg_start();
	if (migrate_apply(
		test_pg_url(server), schema_migrations, schema_migrations_count, &applied, &e) ||
	    !(db = pg_connect_sync(test_pg_url(server), &e))) {
		print_error("%s\n", e.text);
		return -1;
	}
	return applied == schema_migrations_count ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	PQfinish(db);
	test_pg_stop(server);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_statement),
		cmocka_unit_test(test_parameters_are_of_types_that_are_sent),
		cmocka_unit_test(test_migrating_again_does_nothing),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
