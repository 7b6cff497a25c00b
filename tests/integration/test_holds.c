/* Holds over several nodes: who keeps them, and that what they hold is delivered whatever becomes
 * of their keepers, by one of them at a time. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"

#include "../support/world_tests.h"
#include "statements.h"

#define SETTINGS                                                                                   \
	"breaker_failures=2; probe_min=20ms; probe_max=100ms; disable_after=0;"                    \
	"retry_schedule=0.3, 60, 60; drain_rate=100000"

static int
hold_state(int64_t endpoint)
{
	return (int)db_int(
	    &db, "select state from hold where endpoint_id = %lld", (long long)endpoint);
}

static int
hold_slot(int64_t endpoint)
{
	return (int)db_int(
	    &db, "select slot from hold where endpoint_id = %lld", (long long)endpoint);
}

static int
open_parked(int64_t endpoint)
{
	return (int)db_int(
	    &db, "select count(*) from open_parked where endpoint_id = %lld", (long long)endpoint);
}

/* By hand, as the API would. */
static void
hold_make(int64_t app, int64_t endpoint, int slot, enum hold_state state)
{
	db_exec(&db,
	    "insert into hold (app_id, endpoint_id, slot, state, ordered)"
	    " select app_id, id, %d, %d, ordering is not null from endpoint where id = %lld"
	    " on conflict (app_id, endpoint_id) do update set state = %d",
	    slot, (int)state, (long long)endpoint, (int)state);
	db_exec(&db, "update endpoint set paused = %s where id = %lld",
	    state == HOLD_PAUSED ? "true" : "false", (long long)endpoint);
	db_changed(&db, app);
}

/* Its leases lapse with it. */
static void
node_dies(struct node *n)
{
	int slot = node_slot(n);
	node_kill(n);
	db_exec(&db, "update slot set lease_until = '-infinity' where id = %d", slot);
}

static void
post_many(struct node *n, int from, int count)
{
	struct post *p[64] = { NULL };
	for (int i = 0; i < count; i++)
		p[i] = post_new(n->world, "u", from + i);
	post_send_list(n, p, count);
	for (int i = 0; i < count; i++)
		UNTIL(n->world, p[i]->calls);
	for (int i = 0; i < count; i++)
		assert_true(p[i]->ok);
}

static int
twice(void)
{
	return (int)db_int(&db, "select count(*) from (select from attempt where status = 0"
				" group by msg_id, endpoint_id, chain having count(*) > 1) x");
}

static void
assert_over(struct world *w, int64_t endpoint, int messages)
{
	UNTIL(w, all_resolved(w));
	UNTIL(w, hold_state(endpoint) == HOLD_CLOSED);
	assert_int_equal(
	    db_int(&db, "select count(distinct msg_id) from attempt where status = 0"), messages);
	assert_int_equal(dead_letters(w, 0), 0);
	assert_int_equal(passed(w), 0);
}

/* Another session, in a transaction. */
static PGconn *
other_begin(void)
{
	PGconn *other = PQconnectdb(db_url(&db));
	assert_int_equal(PQstatus(other), CONNECTION_OK);
	PQclear(PQexec(other, "begin"));
	return other;
}

PRINTF(2, 3)
static void
other_exec(PGconn *other, const char *fmt, ...)
{
	char sql[256];
	va_list args;
	va_start(args, fmt);
	vsnprintf(sql, sizeof(sql), fmt, args);
	va_end(args);
	PGresult *r = PQexec(other, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s", PQerrorMessage(other));
	PQclear(r);
}

static void
other_end(PGconn *other)
{
	other_exec(other, "commit");
	PQfinish(other);
}

/* Two failures at the node: its breaker is open, and what comes then is parked. */
static int64_t
tripped(struct world *w, struct node *n, int messages)
{
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/any");
	w->any = &play_500;
	post_many(n, 0, 2);
	UNTIL(w, hold_state(endpoint) == HOLD_OPEN);
	assert_int_equal(hold_slot(endpoint), node_slot(n));
	post_many(n, 2, messages - 2);
	UNTIL(w, open_parked(endpoint) >= messages - 2);
	return endpoint;
}

/* ---- keepers ------------------------------------------------------------------------------ */

static void
test_its_keeper_dies_while_it_is_open(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS), *b = node_start(w, "b", SETTINGS);
	int64_t endpoint = tripped(w, a, 30);
	node_dies(a);
	UNTIL(w, hold_slot(endpoint) == node_slot(b));
	int before = w->narrivals;
	UNTIL(w, w->narrivals > before + 1); /* it probes */
	assert_int_equal(hold_state(endpoint), HOLD_OPEN);
	w->any = &play_200;
	assert_over(w, endpoint, 30);
	assert_int_equal(twice(), 0);
}

static void
test_its_keeper_stops(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS), *b = node_start(w, "b", SETTINGS);
	int64_t endpoint = tripped(w, a, 30);
	node_stop(a);
	UNTIL(w, hold_slot(endpoint) == node_slot(b));
	w->any = &play_200;
	assert_over(w, endpoint, 30);
	assert_int_equal(twice(), 0);
}

static void
test_its_keeper_dies_while_it_drains(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS), *b = node_start(w, "b", SETTINGS);
	int64_t endpoint = tripped(w, a, 60);
	w->any = &play_200;
	UNTIL(w, hold_state(endpoint) == HOLD_DRAINING && open_parked(endpoint) < 58);
	assert_true(open_parked(endpoint) > 20);
	node_dies(a);
	UNTIL(w, hold_slot(endpoint) == node_slot(b));
	assert_over(w, endpoint, 60);
}

static void
test_its_keeper_dies_while_it_is_paused(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS), *b = node_start(w, "b", SETTINGS);
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/200");
	hold_make(app, endpoint, node_slot(a), HOLD_PAUSED);
	post_many(a, 0, 20);
	UNTIL(w, open_parked(endpoint) == 20);
	node_dies(a);
	UNTIL(w, hold_slot(endpoint) == node_slot(b));
	post_many(b, 20, 20);
	UNTIL(w, open_parked(endpoint) == 40);
	assert_int_equal(w->narrivals, 0);
	hold_make(app, endpoint, -1, HOLD_DRAINING);
	assert_over(w, endpoint, 40);
	assert_int_equal(w->narrivals, 40);
}

/* It wakes up with a hold that is another one's since, and with the payload that it had asked for:
 * it neither delivers nor writes. */
static void
test_its_keeper_sleeps_past_its_lease(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS "; lease=3s");
	struct node *b = node_start(w, "b", SETTINGS);
	int64_t endpoint = tripped(w, a, 30);
	int slot = node_slot(a);
	PGconn *other = other_begin();
	other_exec(other, "lock table message in access exclusive mode");
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") > 0 &&
		     attempts(w, 0) == w->narrivals); /* it asks, and nothing else is under way */
	node_lapse(a);
	other_end(other);
	usec_t lapsed = loop_now(w->loop) + 3 * USEC_PER_SEC; /* by its own clock as well */
	UNTIL(w, hold_slot(endpoint) == node_slot(b));
	w->any = &play_200;
	assert_over(w, endpoint, 30);
	UNTIL(w, loop_now(w->loop) > lapsed);
	int before = w->narrivals;
	a->paused = false;
	UNTIL(w, node_slot(a) >= 0 && node_slot(a) != slot);
	post_many(a, 30, 10);
	assert_over(w, endpoint, 40);
	assert_int_equal(w->narrivals, before + 10);
	assert_int_equal(twice(), 0);
}

/* ---- parking against closing -------------------------------------------------------------- */

/* A step is parked with a snapshot that is older than the end of its hold: it is due at once. */
static void
test_parked_when_its_hold_has_closed(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS);
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/200");
	hold_make(app, endpoint, node_slot(a) + 1, HOLD_PAUSED); /* nobody keeps it */
	post_many(a, 0, 1);
	UNTIL(w, open_parked(endpoint) == 1);
	db_exec(&db, "begin");
	db_exec(&db, "select from hold for update"); /* as hold_lock.sql */
	post_many(a, 1, 1);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") > 0);
	db_exec(&db, "update hold set state = 0");
	db_exec(&db, "commit");
	UNTIL(w, db_int(&db, "select count(*) from retry") > 0);
	assert_int_equal(open_parked(endpoint), 1); /* the first one */
	db_changed(&db, app);
	UNTIL(w, w->narrivals == 1);
	UNTIL(w, db_int(&db, "select count(*) from open_retry") == 0);
	assert_int_equal(open_parked(endpoint), 1);
}

/* A row becomes visible when the keeper has looked through all there is, and wants to close. */
static void
test_closed_while_something_is_parked(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS);
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/200");
	int64_t msg = post_ok(a, "u", 0);
	UNTIL(w, all_resolved(w));
	hold_make(app, endpoint, node_slot(a), HOLD_PAUSED);
	PGconn *other = other_begin();
	other_exec(other, "select from hold for key share"); /* as park_append.sql */
	other_exec(other,
	    "insert into parked (app_id, endpoint_id, msg_id, chain, seq, tries, trigger)"
	    " values (%lld, %lld, %lld, 1, 0, 0, 0)",
	    (long long)app, (long long)endpoint, (long long)msg);
	hold_make(app, endpoint, -1, HOLD_DRAINING);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") > 0);
	assert_int_equal(hold_state(endpoint), HOLD_DRAINING);
	other_end(other);
	assert_int_equal(open_parked(endpoint), 1);
	UNTIL(w, hold_state(endpoint) == HOLD_CLOSED);
	assert_true(all_resolved(w));
	assert_int_equal(arrived(w, msg, NULL), 2);
}

/* What has taken a hold over while its keeper slept is not undone: hold_set.sql with the old epoch.
 */
static void
test_a_write_of_an_old_epoch(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS);
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/200");
	hold_make(app, endpoint, node_slot(a), HOLD_PAUSED);
	for (int old = 1; old >= 0; old--) {
		char text[5][24];
		const char *values[] = { text[0], text[1], text[2], text[3], "3", "2", NULL, NULL,
			"0", "0", NULL };
		snprintf(text[0], sizeof(text[0]), "%lld", (long long)app);
		snprintf(text[1], sizeof(text[1]), "%lld", (long long)endpoint);
		snprintf(text[2], sizeof(text[2]), "%d", node_slot(a));
		snprintf(text[3], sizeof(text[3]), "%lld",
		    (long long)db_int(
			&db, "select epoch - %d from slot where id = %d", old, node_slot(a)));
		PGresult *r =
		    PQexecParams(db.sql, stmt_hold_set.sql, 11, NULL, values, NULL, NULL, 0);
		assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
		assert_int_equal(PQntuples(r), !old);
		PQclear(r);
		assert_int_equal(hold_state(endpoint), old ? HOLD_PAUSED : HOLD_DRAINING);
	}
}

/* ---- marks -------------------------------------------------------------------------------- */

/* The keeper writes its hold before it could read what is parked: the mark that lets partitions go
 * stays where it was. */
static void
test_the_mark_of_what_was_not_read(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS);
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/200");
	post_ok(a, "u", 0);
	UNTIL(w, all_resolved(w));
	PGconn *other = other_begin();
	other_exec(other, "lock table parked in access exclusive mode");
	hold_make(app, endpoint, node_slot(a), HOLD_PAUSED);
	db_exec(&db, "update hold set low_at = now() - interval '2 days'");
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") > 0);
	db_exec(&db, "update endpoint set deleted_at = now()");
	db_changed(&db, app);
	UNTIL(w, hold_state(endpoint) == HOLD_DRAINING); /* what is parked is given up */
	assert_int_equal(
	    db_int(&db, "select (low_at < now() - interval '1 day')::int from hold"), 1);
	other_end(other);
	UNTIL(w, hold_state(endpoint) == HOLD_CLOSED);
}

/* ---- order -------------------------------------------------------------------------------- */

static void
test_heads_only_whoever_keeps_it(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", SETTINGS), *b = node_start(w, "b", SETTINGS);
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/any");
	db_exec(&db, "update endpoint set ordering = 'endpoint'");
	hold_make(app, endpoint, node_slot(a), HOLD_CLOSED);
	w->any = NULL;
	post_many(a, 0, 5);
	UNTIL(w, held(w) == 1);
	post_many(b, 5, 5);
	for (int i = 0; i < 200; i++)
		world_turn(w);
	assert_int_equal(held(w), 1);
	node_dies(a);
	UNTIL(w, hold_slot(endpoint) == node_slot(b));
	UNTIL(w, w->narrivals == 2); /* the same one again */
	w->any = &play_200;
	receiver_release(w->receiver, &play_200);
	UNTIL(w, all_resolved(w));
	assert_int_equal(w->narrivals, 11);
	for (int i = 0; i < 10; i++) {
		char body[24];
		snprintf(body, sizeof(body), "{\"n\":%d}", i);
		assert_string_equal(w->arrivals[i + 1].body, body);
	}
	assert_string_equal(w->arrivals[0].body, "{\"n\":0}");
	assert_int_equal(passed(w), 0);
}

/* ---- frame -------------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_its_keeper_dies_while_it_is_open),
		TEST(test_its_keeper_stops),
		TEST(test_its_keeper_dies_while_it_drains),
		TEST(test_its_keeper_dies_while_it_is_paused),
		TEST(test_its_keeper_sleeps_past_its_lease),
		TEST(test_parked_when_its_hold_has_closed),
		TEST(test_closed_while_something_is_parked),
		TEST(test_a_write_of_an_old_epoch),
		TEST(test_the_mark_of_what_was_not_read),
		TEST(test_heads_only_whoever_keeps_it),
	};
	return RUN(tests);
}
