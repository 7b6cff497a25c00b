/* From a stored event to a recorded outcome: what each answer leads to, and what is stored of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/metric.h"

#include "../support/world_tests.h"
#include "store/dead_letter.h"

/* Columns of the only attempt, retry or dead letter, in a row. */
static const char *
only(const char *table, const char *columns)
{
	assert_int_equal(db_int(&db, "select count(*) from %s", table), 1);
	return db_text(&db, "select concat_ws(' ', %s) from %s", columns, table);
}

#define ATTEMPT "chain, seq, tries, status, trigger, http_status, transport"
#define RETRY   "chain, seq, tries, trigger"
#define DEAD    "chain, seq, reason, last_status, attempts"

/* Reads the application again at once rather than at the next beat. */
static void
changed(struct world *w, struct node *n, int64_t app)
{
	db_changed(&db, app);
	int64_t version = db_int(&db, "select version from app where id = %lld", (long long)app);
	catalogue_changed(n->catalogue, app, version);
	UNTIL(w, catalogue_find_id(n->catalogue, app)->version == version);
}

/* ---- success ------------------------------------------------------------------------------ */

static void
test_an_event_is_delivered_once(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *a = node_start(w, "a", "");
	int64_t id = post_ok(a, "u", 7);
	UNTIL(w, attempts(w, id) == 1);
	assert_int_equal(arrived(w, id, "/200"), 1);
	assert_string_equal(w->arrivals[0].body, "{\"n\":7}");
	assert_string_equal(
	    only("attempt", ATTEMPT ", url_no, next_at, response, error"), "0 0 1 0 0 200 0 1");
	assert_true(all_resolved(w));
	node_stop(a);
	assert_int_equal(w->narrivals, 1);
	assert_int_equal(dead_letters(w, 0), 0);
}

static void
test_each_endpoint_for_itself(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200/a");
	world_endpoint(w, app, "/500");
	world_endpoint(w, app, "/200/b");
	struct node *a = node_start(w, "a", "");
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, attempts(w, id) == 3 && dead_letters(w, id) == 1);
	assert_int_equal(arrived(w, id, "/200/a"), 1);
	assert_int_equal(arrived(w, id, "/200/b"), 1);
	assert_int_equal(arrived(w, id, "/500"), 1);
	assert_true(all_resolved(w));
}

static void
test_what_the_subscriber_said_is_kept(void **state)
{
	struct world *w = *state;
	static const struct receiver_play play = {
		.bytes = STR_INIT("HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\nno\0\xff\n!")
	};
	w->any = &play;
	world_endpoint(w, db_app(&db, "u"), "/any");
	post_ok(node_start(w, "a", ""), "u", 1);
	UNTIL(w, attempts(w, 0) == 1);
	assert_string_equal(only("attempt", "encode(response, 'hex')"), "6e6f00ff0a21");
}

/* ---- too much ----------------------------------------------------------------------------- */

/* Work beside the sender's: two milliseconds of each turn. */
static void
burn(void *arg)
{
	struct timer *t = arg;
	usec_t end = clock_mono() + 2 * USEC_PER_MS;
	while (clock_mono() < end)
		;
	timer_set(t, 0);
}

/* More events than may wait for a worker, for an endpoint that answers at once but has a window of
 * one. As long as the worker has time they wait for their endpoint, and do not keep others from
 * being accepted; without time, the window is full because of us. */
static void
test_a_saturated_worker_accepts_no_more(void **state)
{
	enum {
		MANY = 800
	};
	static struct post *posts[MANY];
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "endpoint_in_flight_max=1");
	for (int i = 0; i < MANY; i++)
		posts[i] = post_new(w, "u", i);
	struct timer work;
	timer_init(&work, a->loop, burn, &work);
	timer_set(&work, 0);
	UNTIL(w, loop_busy(a->loop) > 0.95);
	assert_false(sender_backlogged(a->sender));
	post_send_list(a, posts, MANY);
	UNTIL(w, sender_backlogged(a->sender));
	timer_done(&work);
	UNTIL(w, !sender_backlogged(a->sender));
	UNTIL(w, attempts(w, 0) == MANY);
}

/* ---- retries ------------------------------------------------------------------------------ */

/* Seconds from the attempt to the retry that follows it, in thousandths; next_at says the same. */
static int
delay_ms(void)
{
	assert_int_equal(
	    db_int(&db, "select count(*) from attempt join retry on next_at = due"), 1);
	return (int)db_int(&db, "select (extract(epoch from r.due) * 1000)::bigint - 1577836800000"
				" - (a.id >> 22) from retry r, attempt a");
}

static void
test_a_failure_is_tried_again_by_the_schedule(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/500");
	int64_t id = post_ok(node_start(w, "a", "retry_schedule=100, 1000"), "u", 1);
	UNTIL(w, attempts(w, id) == 1);
	assert_string_equal(only("attempt", ATTEMPT), "0 0 1 2 0 500 0");
	assert_string_equal(only("retry", RETRY), "0 1 1 0");
	assert_in_range(delay_ms(), 79999, 120001);
	assert_int_equal(db_int(&db, "select slot from retry"), id_slot(id));
	assert_int_equal(dead_letters(w, 0), 0);
}

static void
test_the_endpoints_own_schedule(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/500");
	db_exec(&db, "update endpoint set retry_schedule = '{5000000}'");
	post_ok(node_start(w, "a", "retry_schedule=100"), "u", 1);
	UNTIL(w, attempts(w, 0) == 1);
	assert_in_range(delay_ms(), 3999999, 6000001);
}

static void
test_retry_after_puts_it_off(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/429");
	post_ok(node_start(w, "a", "retry_schedule=5"), "u", 1);
	UNTIL(w, attempts(w, 0) == 1);
	assert_in_range(delay_ms(), 3600000 - 1, 4320000 + 1);
}

static void
test_retry_after_does_not_hurry(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/503"); /* in two seconds */
	post_ok(node_start(w, "a", "retry_schedule=100"), "u", 1);
	UNTIL(w, attempts(w, 0) == 1);
	assert_in_range(delay_ms(), 79999, 120001);
}

static void
test_an_exhausted_schedule_ends_in_a_dead_letter(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/500");
	int64_t id = post_ok(node_start(w, "a", "retry_schedule=0.02, 0.02"), "u", 1);
	UNTIL(w, dead_letters(w, id) == 1);
	assert_string_equal(only("dead_letter", DEAD), "0 2 1 500 3");
	assert_string_equal(only("dead_letter", "org, event_type"), "org a.b");
	assert_int_equal(
	    db_int(&db, "select count(*) from dead_letter where first_at < last_at"), 1);
	assert_string_equal(db_text(&db, "select string_agg(concat(seq, tries, status), ' '"
					 " order by seq) from attempt"),
	    "012 122 232");
	assert_string_equal(
	    db_text(&db, "select string_agg(concat(seq, tries), ' ' order by seq) from retry"),
	    "11 22");
	assert_int_equal(arrived(w, id, NULL), 3);
	assert_true(all_resolved(w));
}

static void
test_a_retry_that_succeeds_ends_it(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	w->any = &play_500;
	struct node *a = node_start(w, "a", "retry_schedule=0.02, 0.02, 0.02, 0.02, 3600");
	int64_t id = post_ok(a, "u", 3);
	UNTIL(w, arrived(w, id, NULL) == 2);
	w->any = &play_200;
	UNTIL(w, db_int(&db, "select count(*) from attempt where status = 0") == 1);
	assert_string_equal(w->arrivals[w->narrivals - 1].body, "{\"n\":3}"); /* read back */
	assert_true(all_resolved(w));
	node_stop(a);
	assert_int_equal(attempts(w, id), arrived(w, id, NULL));
	assert_int_equal(dead_letters(w, 0), 0);
}

static void
test_a_broken_exchange_is_a_failure_too(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/reset");
	post_ok(node_start(w, "a", "retry_schedule=100"), "u", 1);
	UNTIL(w, attempts(w, 0) == 1);
	assert_string_equal(only("attempt", ATTEMPT), "0 0 1 2 0 0 5");
	assert_true(only("attempt", "error")[0]);
	assert_string_equal(only("retry", RETRY), "0 1 1 0");
}

/* ---- endpoints that go -------------------------------------------------------------------- */

/* Three deliveries for an endpoint of one at a time that does not answer. */
static struct node *
one_held_two_queued(struct world *w, int64_t *ret_app, const char *settings)
{
	*ret_app = db_app(&db, "u");
	world_endpoint(w, *ret_app, "/any");
	db_exec(&db, "update endpoint set max_in_flight = 1");
	struct node *a = node_start(w, "a", settings);
	for (int i = 0; i < 3; i++)
		post_ok(a, "u", i);
	UNTIL(w, held(w) == 1);
	return a;
}

static void
test_gone_disables_the_endpoint(void **state)
{
	struct world *w = *state;
	int64_t app;
	struct node *a = one_held_two_queued(w, &app, "retry_schedule=100");
	receiver_release(w->receiver, &play_410);
	/* What is queued waits until the endpoint is disabled: the subscriber hears nothing more.
	 */
	UNTIL(w, dead_letters(w, 0) == 3);
	assert_string_equal(db_text(&db, "select string_agg(concat(seq, reason, attempts), ' '"
					 " order by reason) from dead_letter"),
	    "021 030 030");
	assert_string_equal(
	    db_text(&db, "select disabled_reason from endpoint where disabled"), "gone");
	post_ok(a, "u", 9);
	node_stop(a);
	assert_int_equal(w->narrivals, 1);
	assert_true(all_resolved(w));
	assert_int_equal(db_int(&db, "select count(*) from retry"), 0);
	assert_int_equal(db_int(&db, "select count(*) from target"), 3);
}

static void
expect_queued_dead(struct world *w, int64_t app, struct node *a, const char *change, int reason)
{
	db_exec(&db, "%s", change);
	changed(w, a, app);
	UNTIL(w, dead_letters(w, 0) == 2);
	assert_string_equal(
	    db_text(&db,
		"select string_agg(concat_ws(' ', " DEAD ", first_at, last_at), '; ')"
		" from dead_letter where reason = %d",
		reason),
	    reason == DEAD_DISABLED ? "0 0 3 0 0; 0 0 3 0 0" : "0 0 4 0 0; 0 0 4 0 0");
	/* What is under way may still be answered. */
	receiver_release(w->receiver, &play_200);
	UNTIL(w, attempts(w, 0) == 1);
	assert_true(all_resolved(w));
	assert_int_equal(w->narrivals, 1);
}

static void
test_queued_deliveries_of_a_disabled_endpoint(void **state)
{
	int64_t app;
	struct node *a = one_held_two_queued(*state, &app, "");
	expect_queued_dead(*state, app, a, "update endpoint set disabled = true", DEAD_DISABLED);
}

static void
test_queued_deliveries_of_a_deleted_endpoint(void **state)
{
	int64_t app;
	struct node *a = one_held_two_queued(*state, &app, "");
	expect_queued_dead(*state, app, a, "update endpoint set deleted_at = now()", DEAD_DELETED);
}

static void
test_queued_deliveries_of_a_deleted_application(void **state)
{
	int64_t app;
	struct node *a = one_held_two_queued(*state, &app, "");
	expect_queued_dead(*state, app, a, "update app set deleted_at = now()", DEAD_DELETED);
}

/* Something happens between the first attempt and the second. */
static void
expect_retried_dead(struct world *w, const char *change, const char *row)
{
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/any"); /* held */
	struct node *a = node_start(w, "a", "retry_schedule=0.02, 0.02");
	post_ok(a, "u", 1);
	UNTIL(w, held(w) == 1);
	db_exec(&db, "%s", change);
	changed(w, a, app);
	receiver_release(w->receiver, &play_500);
	UNTIL(w, dead_letters(w, 0) == 1);
	assert_string_equal(only("dead_letter", DEAD), row);
	assert_true(all_resolved(w));
	assert_int_equal(w->narrivals, 1);
}

static void
test_a_retry_of_a_disabled_endpoint(void **state)
{
	expect_retried_dead(*state, "update endpoint set disabled = true", "0 1 3 0 1");
}

/* It ends there and then: nothing is planned by a schedule that the endpoint did not have. */
static void
test_a_failure_at_an_endpoint_deleted_meanwhile(void **state)
{
	expect_retried_dead(*state, "update endpoint set deleted_at = now()", "0 0 4 500 1");
	assert_int_equal(db_int(&db, "select count(*) from retry"), 0);
}

static void
test_a_retry_of_an_expunged_payload(void **state)
{
	expect_retried_dead(*state, "update message set payload = null", "0 1 7 0 1");
}

static void
test_a_retry_of_a_message_that_is_gone(void **state)
{
	expect_retried_dead(*state, "delete from message", "0 1 7 0 1");
}

static void
test_a_forbidden_address(void **state)
{
	struct world *w = *state;
	db_endpoint(&db, db_app(&db, "u"), "http://10.0.0.1/");
	post_ok(node_start(w, "a", "retry_schedule=100"), "u", 1);
	UNTIL(w, dead_letters(w, 0) == 1);
	assert_string_equal(only("attempt", ATTEMPT), "0 0 1 2 0 0 7");
	assert_string_equal(only("dead_letter", DEAD), "0 0 5 0 1");
}

static void
test_an_unusable_url(void **state)
{
	struct world *w = *state;
	db_endpoint(&db, db_app(&db, "u"), "gopher://x/");
	post_ok(node_start(w, "a", "retry_schedule=100"), "u", 1);
	UNTIL(w, dead_letters(w, 0) == 1);
	assert_string_equal(only("dead_letter", DEAD), "0 0 5 0 0");
	assert_int_equal(attempts(w, 0), 0);
}

/* ---- by hand ------------------------------------------------------------------------------ */

/* As the API does it: a retry row of the home slot, and word of it. Returns the chain. */
static int64_t
start_chain(struct node *n, int64_t app, int64_t msg_id, enum trigger trigger)
{
	struct wall due = clock_wall();
	int64_t chain = sender_id(n->sender), endpoint = db_int(&db, "select id from endpoint");
	db_exec(&db,
	    "insert into retry values (to_timestamp(%lld / 1000000.0), %d, 0, 0, %d, %lld, %lld, %lld,"
	    " %lld)",
	    (long long)due.us, node_slot(n), trigger, (long long)app, (long long)msg_id,
	    (long long)endpoint, (long long)chain);
	sender_replay(n->sender, due, app, msg_id, endpoint, chain, trigger);
	return chain;
}

/* What a node knows of the endpoint is older than what it is to send: it looks again. */
static void
test_sent_again_to_an_endpoint_just_enabled(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *a = node_start(w, "a", "");
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, all_resolved(w));
	db_exec(&db, "update endpoint set disabled = true");
	changed(w, a, app);
	db_exec(&db, "update endpoint set disabled = false"); /* and no beat tells of it */
	start_chain(a, app, id, TRIGGER_RESEND);
	UNTIL(w, attempts(w, 0) == 2);
	assert_int_equal(dead_letters(w, 0), 0);
	db_exec(&db, "update endpoint set disabled = true");
	changed(w, a, app);
	start_chain(a, app, id, TRIGGER_RESEND);
	UNTIL(w, dead_letters(w, 0) == 1);
	assert_int_equal(w->narrivals, 2);
}

static void
test_a_resend_is_one_attempt(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/any");
	w->any = &play_200;
	struct node *a = node_start(w, "a", "retry_schedule=100");
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, attempts(w, id) == 1);
	w->any = &play_500;
	int64_t chain = start_chain(a, app, id, TRIGGER_RESEND);
	UNTIL(w, attempts(w, id) == 2);
	assert_string_equal(
	    db_text(&db,
		"select concat_ws(' ', seq, tries, status, trigger, next_at) from attempt"
		" where chain = %lld",
		(long long)chain),
	    "0 1 2 1");
	assert_true(all_resolved(w));
	assert_int_equal(db_int(&db, "select count(*) from retry"), 1);
	assert_int_equal(dead_letters(w, 0), 0);
}

static void
test_a_replay_has_the_whole_schedule(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/500");
	struct node *a = node_start(w, "a", "retry_schedule=0.02");
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, dead_letters(w, id) == 1);
	int64_t chain = start_chain(a, app, id, TRIGGER_REPLAY);
	UNTIL(w, dead_letters(w, id) == 2);
	assert_string_equal(db_text(&db,
				"select string_agg(concat(seq, tries, status, trigger), ' '"
				" order by seq) from attempt where chain = %lld",
				(long long)chain),
	    "0122 1222");
	assert_string_equal(db_text(&db,
				"select concat_ws(' ', seq, reason, attempts)"
				" from dead_letter where chain = %lld",
				(long long)chain),
	    "1 1 2");
	assert_true(all_resolved(w));
}

/* ---- a lane over its share ---------------------------------------------------------------- */

#define EVENTS  30

#define WAITING "select (select count(*) from retry) + (select count(*) from parked)"

static void
test_a_lane_over_its_share_is_put_off(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u"), id[EVENTS], spilled = metric_own(METRIC_SPILLED);
	world_endpoint(w, app, "/any");
	world_endpoint(w, app, "/200");
	db_exec(&db, "update endpoint set max_in_flight = 1 where url like '%%/any'");
	struct node *a = node_start(w, "a", "lane_max=10; queue_max=100");
	for (int i = 0; i < EVENTS; i++)
		id[i] = post_ok(a, "u", i);
	/* One under way, ten in memory, the rest in the tables: put off until the hold is there,
	 * then parked. The other endpoint has them all. */
	UNTIL(w, db_int(&db, WAITING) == EVENTS - 11);
	UNTIL(w, attempts(w, 0) == EVENTS);
	assert_int_equal(arrived(w, 0, "/any"), 1);
	assert_int_equal(metric_own(METRIC_SPILLED) - spilled, EVENTS - 11);
	assert_int_equal(
	    db_int(&db,
		"select count(*) from retry where not (tries = 0 and chain = 0"
		" and case seq when 1 then due between now() and now() + interval '46 s'"
		" when 0 then due <= now() end)"), /* its hold had closed: park_append.sql */
	    0);
	assert_int_equal(db_int(&db, "select count(*) from hold"), 1);
	assert_int_equal(passed(w), 0);
	/* Whoever comes next finds them, here at once. */
	w->any = &play_200;
	receiver_release(w->receiver, &play_200);
	UNTIL(w, attempts(w, 0) >= EVENTS + 11);
	node_stop(a);
	db_exec(&db, "update retry set due = now()");
	node_start(w, "b", "");
	UNTIL(w, attempts(w, 0) == 2 * EVENTS);
	assert_true(all_resolved(w));
	for (int i = 0; i < EVENTS; i++) {
		assert_int_equal(arrived(w, id[i], "/any"), 1);
		assert_int_equal(arrived(w, id[i], "/200"), 1);
	}
	assert_int_equal(db_int(&db, "select count(*) from attempt where tries = 1"), 2 * EVENTS);
}

/* ---- the program -------------------------------------------------------------------------- */

/* The catalogue is bounded. An application that it has dropped is still known to the lanes that
 * used it, by a snapshot that nobody would replace. */
static void
test_lanes_hear_of_an_application_that_was_dropped(void **state)
{
	struct world *w = *state;
	int64_t u = db_app(&db, "u"), v = db_app(&db, "v");
	world_endpoint(w, u, "/500");
	world_endpoint(w, v, "/200");
	w->apps_max = 1;
	struct node *a = node_start(w, "a", "retry_schedule=2.5");
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, attempts(w, id) == 1);
	post_ok(a, "v", 1);
	assert_null(catalogue_find_id(a->catalogue, u));
	db_exec(&db, "update endpoint set disabled = true where app_id = %lld", (long long)u);
	db_changed(&db, u);
	UNTIL(w, dead_letters(w, id) == 1);
	assert_int_equal(attempts(w, id), 1);
	assert_int_equal(db_int(&db, "select reason from dead_letter"), DEAD_DISABLED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_event_is_delivered_once),
		TEST(test_each_endpoint_for_itself),
		TEST(test_what_the_subscriber_said_is_kept),
		TEST(test_a_saturated_worker_accepts_no_more),
		TEST(test_a_failure_is_tried_again_by_the_schedule),
		TEST(test_the_endpoints_own_schedule),
		TEST(test_retry_after_puts_it_off),
		TEST(test_retry_after_does_not_hurry),
		TEST(test_an_exhausted_schedule_ends_in_a_dead_letter),
		TEST(test_a_retry_that_succeeds_ends_it),
		TEST(test_a_broken_exchange_is_a_failure_too),
		TEST(test_gone_disables_the_endpoint),
		TEST(test_queued_deliveries_of_a_disabled_endpoint),
		TEST(test_queued_deliveries_of_a_deleted_endpoint),
		TEST(test_queued_deliveries_of_a_deleted_application),
		TEST(test_a_retry_of_a_disabled_endpoint),
		TEST(test_sent_again_to_an_endpoint_just_enabled),
		TEST(test_a_failure_at_an_endpoint_deleted_meanwhile),
		TEST(test_a_retry_of_an_expunged_payload),
		TEST(test_a_retry_of_a_message_that_is_gone),
		TEST(test_a_forbidden_address),
		TEST(test_an_unusable_url),
		TEST(test_a_resend_is_one_attempt),
		TEST(test_a_replay_has_the_whole_schedule),
		TEST(test_lanes_hear_of_an_application_that_was_dropped),
		TEST(test_a_lane_over_its_share_is_put_off),
	};
	return RUN(tests);
}
