/* Recovery: what an adopter of a slot delivers is exactly what nobody resolved, whatever state a
 * delivery was left in. The histories are written by hand, as a worker that died left them. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/metric.h"

#include "../support/world_tests.h"
#include "store/dead_letter.h"

#define SLOT 500

/* The application of a test, its endpoints /200/a and /200/b, and the ids of its history. */
struct history {
	struct world *w;
	int64_t app, a, b;
	struct id_source ids;
	struct wall at; /* of the next id */
};

static void
history_begin(struct history *h, struct world *w)
{
	*h = (struct history){ .w = w, .ids = { .slot = SLOT } };
	h->app = db_app(&db, "u");
	h->a = world_endpoint(w, h->app, "/200/a");
	h->b = world_endpoint(w, h->app, "/200/b");
	h->at.us = clock_wall().us - 600 * USEC_PER_SEC;
}

static int64_t
next_id(struct history *h)
{
	h->at.us += 10 * USEC_PER_MS;
	return id_next(&h->ids, h->at);
}

/* An event for both endpoints, or for the first one alone. */
static int64_t
message(struct history *h, bool both)
{
	int64_t id = next_id(h);
	db_exec(&db,
	    "insert into message (app_id, id, event_type, targets, payload) values (%lld, %lld, 'a.b',"
	    " int8send(%lld) || %s, '{\"n\":1}')",
	    (long long)h->app, (long long)id, (long long)h->a,
	    both ? db_text(&db, "select quote_literal(int8send(%lld)::text)", (long long)h->b)
		 : "''");
	return id;
}

static void
attempt(struct history *h, int64_t msg_id, int64_t endpoint, int64_t chain, int seq, bool ok)
{
	db_exec(&db,
	    "insert into attempt (app_id, msg_id, id, endpoint_id, chain, seq, tries, status, trigger,"
	    " http_status, transport, duration_ms, url_no) values (%lld, %lld, %lld, %lld, %lld, %d,"
	    " %d, %d, 0, %d, 0, 1, 1)",
	    (long long)h->app, (long long)msg_id, (long long)next_id(h), (long long)endpoint,
	    (long long)chain, seq, seq + 1, ok ? 0 : 2, ok ? 200 : 500);
}

static void
retry(struct history *h, int64_t msg_id, int64_t endpoint, int64_t chain, int seq, const char *in)
{
	db_exec(&db,
	    "insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)"
	    " values (now() + interval '%s', %d, %d, 1, %d, %lld, %lld, %lld, %lld)",
	    in, SLOT, seq, chain ? TRIGGER_REPLAY : TRIGGER_SCHEDULED, (long long)h->app,
	    (long long)msg_id, (long long)endpoint, (long long)chain);
}

static void
dead(struct history *h, int64_t msg_id, int64_t endpoint, int64_t chain, int seq)
{
	db_exec(&db,
	    "insert into dead_letter (app_id, id, org, msg_id, endpoint_id, event_type, chain, seq,"
	    " reason, last_status, attempts) values (%lld, %lld, 'org', %lld, %lld, 'a.b', %lld, %d,"
	    " 1, 500, 1)",
	    (long long)h->app, (long long)next_id(h), (long long)msg_id, (long long)endpoint,
	    (long long)chain, seq);
}

/* The owner has died, with these marks. */
static void
left(int64_t low_water, const char *retry_low)
{
	db_exec(&db,
	    "update slot set owner = 1, dirty = false, lease_until = '-infinity', low_water = %lld,"
	    " retry_low = now() + interval '%s' where id = %d",
	    (long long)low_water, retry_low, SLOT);
}

/* Everything that is not due in hours is resolved, and the marks have moved as far as they may. */
static void
wait_recovered(struct history *h)
{
	UNTIL(h->w, db_int(&db,
			"select count(*) from open_target where slot = %d"
			" and msg_id > (select low_water from slot where id = %d)",
			SLOT, SLOT) == 0 &&
			db_int(&db, "select count(*) from open_retry"
				    " where due < now() + interval '1 h'") == 0);
}

static void
expect_arrived(struct history *h, int64_t id, int a, int b)
{
	if (arrived(h->w, id, "/200/a") != a || arrived(h->w, id, "/200/b") != b)
		fail_msg("message %lld: %d and %d, not %d and %d", (long long)id,
		    arrived(h->w, id, "/200/a"), arrived(h->w, id, "/200/b"), a, b);
}

/* ---- what was left ------------------------------------------------------------------------ */

static void
test_first_deliveries(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t below = message(&h, true), low = next_id(&h);
	int64_t none = message(&h, true), one = message(&h, true), both = message(&h, true),
		failed = message(&h, true), given_up = message(&h, true), no_target;
	attempt(&h, one, h.a, 0, 0, true);
	attempt(&h, both, h.a, 0, 0, true);
	attempt(&h, both, h.b, 0, 0, true);
	attempt(&h, failed, h.a, 0, 0, false);
	retry(&h, failed, h.a, 0, 1, "3 h");
	dead(&h, given_up, h.a, 0, 0);
	/* Resent by hand before it was delivered by itself. */
	attempt(&h, none, h.a, next_id(&h), 0, true);
	dead(&h, none, h.b, next_id(&h), 0);
	db_exec(&db,
	    "insert into message (app_id, id, event_type, targets) values (%lld, %lld, 'a', '')",
	    (long long)h.app, (long long)(no_target = next_id(&h)));
	left(low, "-1 s");
	struct node *n = node_start(h.w, "a", "lease=1s");
	assert_int_equal(node_slot(n), SLOT);
	wait_recovered(&h);
	expect_arrived(&h, none, 1, 1);
	expect_arrived(&h, one, 0, 1);
	expect_arrived(&h, both, 0, 0);
	expect_arrived(&h, failed, 0, 1);
	expect_arrived(&h, given_up, 0, 1);
	expect_arrived(&h, no_target, 0, 0);
	expect_arrived(&h, below, 0, 0); /* the mark said that it was done */
	assert_int_equal(h.w->narrivals, 5);
	UNTIL(h.w, db_int(&db, "select low_water from slot where id = %d", SLOT) > no_target);
	assert_int_equal(db_int(&db,
			     "select count(*) from slot, retry r where slot.id = %d"
			     " and retry_low <= r.due",
			     SLOT),
	    1);
}

static void
test_announced_steps(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t low = next_id(&h), m[9];
	for (int i = 0; i < 9; i++) {
		m[i] = message(&h, false);
		attempt(&h, m[i], h.a, 0, 0, false);
	}
	retry(&h, m[0], h.a, 0, 1, "-5 min"); /* past */
	retry(&h, m[1], h.a, 0, 1, "1 s");
	retry(&h, m[2], h.a, 0, 1, "2 h"); /* far */
	retry(&h, m[3], h.a, 0, 1, "-5 min");
	attempt(&h, m[3], h.a, 0, 1, true); /* resolved by an attempt */
	retry(&h, m[4], h.a, 0, 1, "-5 min");
	dead(&h, m[4], h.a, 0, 1); /* resolved by a dead letter */
	retry(&h, m[5], h.a, 0, 1, "-5 min");
	retry(&h, m[5], h.a, 0, 2, "1 s"); /* put off: the later row counts */
	retry(&h, m[6], h.a, 0, 1, "-5 min");
	attempt(&h, m[6], h.a, 0, 1, false);
	retry(&h, m[6], h.a, 0, 2, "-1 min"); /* the second retry */
	retry(&h, m[7], h.a, 0, 1, "-5 min");
	attempt(&h, m[7], h.b, 0, 1, true);           /* another endpoint's */
	attempt(&h, m[7], h.a, next_id(&h), 1, true); /* another chain's */
	retry(&h, m[8], h.a, 0, 1, "-5 min");         /* another slot's */
	db_exec(&db, "update retry set slot = 3 where msg_id = %lld", (long long)m[8]);
	left(low, "-6 min");
	node_start(h.w, "a", "");
	UNTIL(h.w, attempts(h.w, m[0]) == 2 && attempts(h.w, m[1]) == 2 &&
		       attempts(h.w, m[5]) == 2 && attempts(h.w, m[6]) == 3 &&
		       attempts(h.w, m[7]) == 4);
	static const int expected[9] = { 1, 1, 0, 0, 0, 1, 1, 1, 0 };
	for (int i = 0; i < 9; i++)
		expect_arrived(&h, m[i], expected[i], 0);
	assert_int_equal(
	    db_int(&db, "select seq from attempt where msg_id = %lld and seq > 0", (long long)m[5]),
	    2);
	assert_int_equal(db_int(&db, "select tries from attempt where msg_id = %lld and seq = 2",
			     (long long)m[6]),
	    2);
}

/* A first delivery that found its lane full has no attempt, only its row. */
static void
test_deferred_first_deliveries(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t low = next_id(&h), soon = message(&h, true), later = message(&h, true),
		past = message(&h, true), done = message(&h, true);
	retry(&h, soon, h.a, 0, 1, "1 s");
	retry(&h, later, h.a, 0, 1, "4 min");
	retry(&h, past, h.a, 0, 1, "-1 min");
	retry(&h, done, h.a, 0, 1, "-1 min");
	attempt(&h, done, h.a, 0, 1, true);
	left(low, "-2 min");
	node_start(h.w, "a", "");
	UNTIL(h.w, attempts(h.w, soon) == 2 && attempts(h.w, later) == 1 &&
		       attempts(h.w, past) == 2 && attempts(h.w, done) == 2);
	expect_arrived(&h, soon, 1, 1);
	expect_arrived(&h, later, 0, 1); /* not now, and not as a first delivery besides */
	expect_arrived(&h, past, 1, 1);
	expect_arrived(&h, done, 0, 1);
	assert_int_equal(h.w->narrivals, 6);
}

static void
test_chains_started_by_hand(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t old = message(&h, false), chain = next_id(&h), over = next_id(&h),
		low = next_id(&h);
	attempt(&h, old, h.a, 0, 0, false);
	dead(&h, old, h.a, 0, 0);
	retry(&h, old, h.a, chain, 0, "-1 min");
	retry(&h, old, h.a, over, 0, "-1 min");
	attempt(&h, old, h.a, over, 0, true);
	left(low, "-2 min");
	node_start(h.w, "a", "");
	UNTIL(h.w, attempts(h.w, old) == 3);
	assert_string_equal(
	    db_text(&db,
		"select concat_ws(' ', seq, status, trigger) from attempt where chain = %lld",
		(long long)chain),
	    "0 0 2");
	expect_arrived(&h, old, 1, 0);
}

static void
test_what_went_meanwhile(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t low = next_id(&h), id = message(&h, true), expunged = message(&h, false);
	db_exec(&db, "update endpoint set deleted_at = now() where id = %lld", (long long)h.b);
	db_exec(&db, "update message set payload = null where id = %lld", (long long)expunged);
	left(low, "-1 s");
	node_start(h.w, "a", "");
	UNTIL(h.w, attempts(h.w, id) == 1 && dead_letters(h.w, 0) == 2);
	assert_int_equal(
	    db_int(&db, "select reason from dead_letter where msg_id = %lld", (long long)id),
	    DEAD_DELETED);
	assert_int_equal(
	    db_int(&db, "select reason from dead_letter where msg_id = %lld", (long long)expunged),
	    DEAD_PAYLOAD);
	assert_string_equal(db_text(&db, "select event_type from dead_letter limit 1"), "a.b");
	assert_true(all_resolved(h.w));
	assert_int_equal(h.w->narrivals, 1);
}

/* ---- how it is read ----------------------------------------------------------------------- */

static int
waiting_for(const char *table)
{
	return (int)db_int(&db,
	    "select count(*) from pg_locks"
	    " where not granted and relation = '%s'::regclass",
	    table);
}

static void
on_catalogue(void *arg, const struct cat_app *app, const struct err *e)
{
	bool *known = arg;
	(void)e;
	*known = app != NULL;
}

/* They are held by what was accepted, and must not be recovered besides. */
static void
test_events_accepted_meanwhile(void **state)
{
	struct history h;
	history_begin(&h, *state);
	db_exec(&db, "update endpoint set url = replace(url, '/200/a', '/any')");
	int64_t low = next_id(&h), old = message(&h, false);
	left(low, "-1 s");
	db_exec(&db, "begin; lock table retry in access exclusive mode"); /* recovery waits */
	struct node *n = node_begin(h.w, "a", "");
	bool known = false; /* what is locked will keep both connections */
	catalogue_load(n->catalogue, STR("org"), STR("u"), on_catalogue, &known);
	UNTIL(h.w, known && node_slot(n) == SLOT && waiting_for("retry") == 2);
	int64_t id = post_ok(n, "u", 1);
	assert_int_equal(id_slot(id), SLOT);
	UNTIL(h.w, held(h.w) == 1);
	db_exec(&db, "commit");
	UNTIL(h.w, held(h.w) == 2);
	receiver_release(h.w->receiver, &play_200);
	UNTIL(h.w, all_resolved(h.w));
	node_stop(n);
	assert_int_equal(arrived(h.w, old, "/any"), 1);
	assert_int_equal(arrived(h.w, id, "/any"), 1);
	assert_int_equal(h.w->narrivals, 3);
}

#define PAGES 2300 /* messages: more than a page */

static void
many_messages(struct history *h)
{
	/* One a millisecond, from here on. */
	db_exec(&db,
	    "insert into message (app_id, id, event_type, targets, payload)"
	    " select %lld, id_floor(now() - interval '1 min') + (i::int8 << 22) + (%d << 12), 'a.b',"
	    "  int8send(%lld), '{}' from generate_series(1, %d) i",
	    (long long)h->app, SLOT, (long long)h->a, PAGES);
}

static void
test_more_than_a_page(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t low = next_id(&h);
	many_messages(&h);
	left(low, "-1 s");
	struct node *n = node_start(h.w, "a", "");
	/* New events are accepted at once; they are not read back besides. */
	int64_t id = post_ok(n, "u", 1);
	assert_int_equal(id_slot(id), SLOT);
	UNTIL(h.w, attempts(h.w, 0) == PAGES + 2);
	assert_true(all_resolved(h.w));
	assert_int_equal(h.w->narrivals, PAGES + 2);
	expect_arrived(&h, id, 1, 1);
	assert_int_equal(db_int(&db, "select count(distinct msg_id) from attempt"), PAGES + 1);
}

static void
test_an_adopter_dies_in_the_middle(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t low = next_id(&h);
	many_messages(&h);
	left(low, "-1 s");
	struct node *a = node_start(h.w, "a", "in_flight_max=16");
	UNTIL(h.w, attempts(h.w, 0) > 200);
	node_lapse(a);
	assert_int_equal(passed(h.w), 0);
	int before = attempts(h.w, 0);
	node_kill(a);
	struct node *b = node_start(h.w, "b", "in_flight_max=16");
	UNTIL(h.w, attempts(h.w, 0) > before + 200);
	node_stop(b); /* this one in peace, with most of it left */
	assert_int_equal(passed(h.w), 0);
	node_start(h.w, "c", "");
	UNTIL(h.w, all_resolved(h.w));
	assert_int_equal(db_int(&db, "select count(distinct msg_id) from attempt"), PAGES);
	/* Only what was under way or not recorded yet can have come twice. */
	assert_in_range(h.w->narrivals, PAGES, PAGES + 2 * 1000);
}

/* The end comes while the newest message is read, or the retries and a page of messages. */
static void
freed_while_reading(struct history *h, const char *table, int reads)
{
	struct node *n = node_begin(h->w, "a", "");
	db_exec(&db, "begin; lock table %s in access exclusive mode", table);
	UNTIL(h->w, waiting_for(table) == reads);
	node_kill(n);
	db_exec(&db, "commit");
	UNTIL(h->w, db_int(&db, "select count(*) from pg_stat_activity"
				" where application_name like 'posthorn a-%%'") == 0);
}

static void
test_freed_while_reading(void **state)
{
	struct history h;
	history_begin(&h, *state);
	int64_t low = next_id(&h);
	message(&h, true);
	left(low, "-1 s");
	freed_while_reading(&h, "message", 1);
	left(low, "-1 s");
	freed_while_reading(&h, "retry", 2);
	assert_int_equal(h.w->narrivals, 0);
}

/* Deliveries of one event share its payload, which is read for the first of them. What waits in
 * another lane must not lose count. */
static void
test_a_payload_that_is_shared(void **state)
{
	struct history h;
	history_begin(&h, *state);
	db_exec(&db,
	    "update endpoint set max_in_flight = 1, url = replace(url, '/200/b', '/any')"
	    " where id = %lld",
	    (long long)h.b);
	int64_t low = next_id(&h), spilled = metric_own(METRIC_SPILLED);
	for (int i = 0; i < 4; i++)
		message(&h, true);
	left(low, "-1 s");
	struct node *n = node_start(h.w, "a", "");
	UNTIL(h.w, arrived(h.w, 0, "/200/a") == 4 && held(h.w) == 1);
	receiver_release(h.w->receiver, &play_200);
	UNTIL(h.w, held(h.w) == 1 && arrived(h.w, 0, "/any") == 2);
	post_ok(n, "u", 1);
	h.w->any = &play_200;
	receiver_release(h.w->receiver, &play_200);
	UNTIL(h.w, all_resolved(h.w));
	assert_int_equal(metric_own(METRIC_SPILLED), spilled);
	assert_int_equal(arrived(h.w, 0, "/any"), 5);
}

/* ---- the program -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_deliveries),
		TEST(test_announced_steps),
		TEST(test_deferred_first_deliveries),
		TEST(test_chains_started_by_hand),
		TEST(test_what_went_meanwhile),
		TEST(test_events_accepted_meanwhile),
		TEST(test_more_than_a_page),
		TEST(test_an_adopter_dies_in_the_middle),
		TEST(test_freed_while_reading),
		TEST(test_a_payload_that_is_shared),
	};
	return RUN(tests);
}
