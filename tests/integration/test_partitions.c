/* The functions of the schema that make partitions ahead and drop old ones: never one that
 * unresolved work still needs. */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "../support/db.h"
#include "../unit/unit.h"

#define EXPIRE "select partition_expire('90 days', '24 hours')"

static struct db db;

/* A partition of the past, as partitions_ahead() would have made it then. */
static const char make_past[] =
    "create function make_past(p text, t timestamptz) returns text language plpgsql as $$"
    " declare rule partition_rule; start timestamptz; name text;"
    " begin"
    "  select * into rule from partition_rule where parent = p;"
    "  start := to_timestamp(floor(extract(epoch from t) / rule.width_s) * rule.width_s);"
    "  name := p || '_p' || to_char(start at time zone 'UTC', 'YYYYMMDD\"t\"HH24MI');"
    "  execute format('create table %I partition of %I for values from (%L) to (%L)', name, p,"
    "   partition_bound(rule.unit, rule.width_s, start),"
    "   partition_bound(rule.unit, rule.width_s, start + make_interval(secs => rule.width_s)));"
    "  return name;"
    " end $$";

static const char *
past(const char *parent, const char *age)
{
	return db_text(&db, "select make_past('%s', now() - interval '%s')", parent, age);
}

static void
expect_dropped(const char *name)
{
	assert_string_equal(db_text(&db, EXPIRE), name);
	assert_int_equal(
	    db_int(&db, "select count(*) from pg_class where relname = '%s'", name), 0);
}

#define expect_kept() assert_string_equal(db_text(&db, EXPIRE), "")

/* Slot 3, owned or released with work left, and its marks. */
static void
slot_is(const char *state, const char *low_water, const char *retry_low)
{
	db_exec(&db, "update slot set %s, low_water = id_floor(%s), retry_low = %s where id = 3",
	    state, low_water, retry_low);
}

/* ---- ahead -------------------------------------------------------------------------------- */

static void
test_all_that_is_needed_is_there(void **state)
{
	(void)state;
	assert_int_equal(db_int(&db, "select partitions_ahead()"), 0);
	/* A delay is at most 58 hours; ids and buckets reach a day and more ahead. */
	db_exec(&db, "insert into retry select now() + h * interval '1 hour' - interval '1 minute',"
		     " 0, 0, 0, 0, 1, 1, 1, 0 from generate_series(0, 58) h");
	db_exec(&db,
	    "insert into message (app_id, id, event_type, targets)"
	    " select 1, id_floor(now() + d * interval '1 day' - interval '1 hour'), 'a', ''"
	    " from generate_series(0, 6) d");
	db_exec(&db, "insert into idempotency (app_id, key, bucket, body)"
		     " select 1, '', floor(extract(epoch from now()) / 21600) + b, ''"
		     " from generate_series(-1, 3) b");
	db_exec(&db, "insert into message_uid select 1, 'a',"
		     " floor(extract(epoch from now()) / 604800) + b, 1"
		     " from generate_series(-1, 1) b");
	assert_int_equal(db_int(&db, "select count(*) from retry"), 59);
}

static void
test_gaps_are_filled(void **state)
{
	(void)state;
	static const char *const parents[] = { "attempt", "dead_letter", "idempotency", "message",
		"message_uid", "retry", "attempt_tally" };
	for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
		char name[64];
		const char *last = db_text(&db,
		    "select max(relname::text) from pg_inherits join pg_class c on c.oid = inhrelid"
		    " where inhparent = '%s'::regclass",
		    parents[i]);
		snprintf(name, sizeof(name), "%s", last);
		db_exec(&db, "drop table %s", name);
		assert_int_equal(db_int(&db, "select partitions_ahead()"), 1);
		assert_int_equal(
		    db_int(&db, "select count(*) from pg_class where relname = '%s'", name), 1);
		assert_int_equal(db_int(&db, "select partitions_ahead()"), 0);
	}
}

/* What LIKE does not copy would be missing only in partitions made later. */
static void
test_partitions_have_their_indexes_and_options(void **state)
{
	(void)state;
	assert_int_equal(
	    db_int(&db, "select count(*) from pg_inherits i"
			" join pg_index x on x.indrelid = i.inhparent"
			" where not exists (select from pg_index y"
			"  join pg_inherits z on z.inhrelid = y.indexrelid"
			"  where y.indrelid = i.inhrelid and z.inhparent = x.indexrelid)"),
	    0);
	assert_int_equal(
	    db_int(&db, "select count(*) from pg_inherits i join pg_class c on c.oid = inhrelid"
			" where inhparent = 'message'::regclass and c.reloptions is not null"),
	    0);
}

/* Of 9000 bytes that repeat themselves, most is saved; what comes back is what was stored. */
static void
test_payloads_are_compressed(void **state)
{
	(void)state;
	db_exec(&db,
	    "insert into message (app_id, id, event_type, targets, payload)"
	    " select 1, id_floor(now() + d * interval '1 day'), 'a', '',"
	    "  convert_to(repeat('{\"id\":7}', 1000), 'UTF8') from generate_series(0, 6) d");
	assert_int_equal(
	    db_int(&db, "select count(*) from message where app_id = 1"
			" and pg_column_compression(payload) = 'lz4'"
			" and pg_column_size(payload) < 1000"
			" and convert_from(payload, 'UTF8') = repeat('{\"id\":7}', 1000)"),
	    7);
	db_exec(&db, "delete from message");
}

/* ---- dropping ----------------------------------------------------------------------------- */

static void
test_nothing_is_dropped_that_is_young(void **state)
{
	(void)state;
	expect_kept();
	past("message", "89 days");
	past("attempt", "89 days");
	past("dead_letter", "89 days");
	past("message_uid", "80 days");
	past("idempotency", "20 hours");
	expect_kept();
}

static void
test_what_is_old_goes_oldest_first(void **state)
{
	(void)state;
	const char *b = past("message", "93 days"), *a = past("attempt", "95 days"),
		   *c = past("dead_letter", "92 days");
	expect_dropped(a);
	expect_dropped(b);
	expect_dropped(c);
	expect_dropped(past("message_uid", "100 days"));
	expect_dropped(past("idempotency", "31 hours"));
	expect_dropped(past("retry", "46 minutes"));
	expect_kept();
}

static void
test_a_retry_partition_stays_until_every_slot_has_passed_it(void **state)
{
	(void)state;
	const char *name = past("retry", "3 hours");
	slot_is("owner = 7", "now()", "now() - interval '3 hours'");
	expect_kept();
	slot_is("owner = null, dirty = true", "now()", "now() - interval '3 hours'");
	expect_kept();
	slot_is("owner = 7", "now()", "'-infinity'");
	expect_kept();
	/* Another one is further on: the last counts. */
	db_exec(&db, "update slot set owner = 8, low_water = id_floor(now()), retry_low = now()"
		     " where id = 4");
	expect_kept();
	slot_is("owner = 7", "now()", "now() - interval '2 hours'");
	expect_dropped(name);
	expect_kept();
}

static void
test_a_free_slot_holds_nothing(void **state)
{
	(void)state;
	slot_is("owner = null, dirty = false", "now() - interval '99 days'", "'-infinity'");
	expect_dropped(past("retry", "3 hours"));
	expect_dropped(past("message", "99 days"));
}

static void
test_what_a_pending_retry_names_stays(void **state)
{
	(void)state;
	const char *message = past("message", "100 days"), *attempt = past("attempt", "100 days");
	slot_is("owner = 7", "now()", "now()");
	db_exec(&db, "insert into retry values (now() + interval '1 hour', 3, 1, 1, 0, 5,"
		     " id_floor(now() - interval '100 days'), 6, 0)");
	expect_kept();
	db_exec(&db, "delete from retry");
	expect_dropped(attempt);
	expect_dropped(message);
}

static void
test_what_is_above_a_low_water_mark_stays(void **state)
{
	(void)state;
	const char *attempt = past("attempt", "100 days"), *dead = past("dead_letter", "100 days"),
		   *message = past("message", "100 days");
	slot_is("owner = 7", "now() - interval '100 days'", "now()");
	expect_kept();
	slot_is("owner = null, dirty = true", "now() - interval '100 days'", "now()");
	expect_kept();
	slot_is("owner = 7", "now() - interval '1 day'", "now()");
	expect_dropped(attempt);
	expect_dropped(dead);
	expect_dropped(message);
}

/* Dropping waits for readers, and what comes after would wait behind it. */
static void
test_it_gives_up_rather_than_wait(void **state)
{
	(void)state;
	const char *name = past("message", "100 days");
	PGconn *reader = PQconnectdb(db_url(&db));
	PQclear(PQexec(reader, "begin"));
	PQclear(PQexec(reader, "select * from message"));
	PGresult *r = PQexec(db.sql, EXPIRE);
	assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
	assert_true(PQgetisnull(r, 0, 0));
	PQclear(r);
	PQfinish(reader);
	expect_dropped(name);
}

/* ---- the program -------------------------------------------------------------------------- */

static int
set_up(void **state)
{
	(void)state;
	db_clear(&db);
	db_exec(
	    &db, "do $$ begin while partition_expire('0', '0') is not null loop end loop; end $$");
	db_exec(&db, "select partitions_ahead()");
	return 0;
}

static int
group_set_up(void **state)
{
	(void)state;
	db_start(&db);
	db_exec(&db, "%s", make_past);
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
		TEST(test_all_that_is_needed_is_there),
		TEST(test_gaps_are_filled),
		TEST(test_partitions_have_their_indexes_and_options),
		TEST(test_payloads_are_compressed),
		TEST(test_nothing_is_dropped_that_is_young),
		TEST(test_what_is_old_goes_oldest_first),
		TEST(test_a_retry_partition_stays_until_every_slot_has_passed_it),
		TEST(test_a_free_slot_holds_nothing),
		TEST(test_what_a_pending_retry_names_stays),
		TEST(test_what_is_above_a_low_water_mark_stays),
		TEST(test_it_gives_up_rather_than_wait),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
