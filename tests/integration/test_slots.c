/* Slots: claiming, keeping, losing and giving back; and the marks, which at no time claim more than
 * is true. */
#include <string.h>

#include "base/id.h"
#include "base/metric.h"

#include "../support/world_tests.h"

#define FENCE 1886352467 /* the first key of the slots' advisory locks (fence.sql) */

static int64_t
slot_int(int slot, const char *column)
{
	return db_int(&db, "select %s from slot where id = %d", column, slot);
}

/* Beats are told apart by the lease that they extend. */
static int64_t
lease_of(int slot)
{
	return slot_int(slot, "(extract(epoch from lease_until) * 1000000)::bigint");
}

static void
wait_beats(struct world *w, const struct node *n, int beats)
{
	int slot = node_slot(n);
	for (int i = 0; i < beats; i++) {
		int64_t before = lease_of(slot);
		UNTIL(w, lease_of(slot) != before);
	}
}

/* ---- claiming ----------------------------------------------------------------------------- */

static void
test_a_free_slot_is_claimed(void **state)
{
	struct world *w = *state;
	int64_t epochs = db_int(&db, "select sum(epoch) from slot");
	struct node *a = node_start(w, "a", "");
	int slot, home = node_slot(a);
	int64_t epoch;
	assert_true(sender_home(a->sender, &slot, &epoch));
	assert_int_equal(slot_int(slot, "epoch"), epoch);
	assert_int_equal(db_int(&db, "select sum(epoch) from slot"), epochs + 1);
	assert_int_equal(db_int(&db, "select count(*) from slot where owner is not null"), 1);
	assert_int_equal(slot_int(home, "(owner is not null and not dirty)::int"), 1);
	assert_in_range(slot_int(home, "extract(epoch from lease_until - now())::int"), 30, 60);
	assert_int_equal(id_slot(sender_id(a->sender)), slot);
	assert_null(sender_stalled(a->sender));
}

static void
test_each_has_its_own(void **state)
{
	struct world *w = *state;
	static const char *const names[] = { "a", "b", "c", "d" };
	struct node *n[4], *without = NULL;
	/* Three slots are left for four nodes at first. */
	db_exec(&db, "update slot set owner = 1, lease_until = 'infinity' where id > 2");
	for (int i = 0; i < 4; i++)
		n[i] = node_begin(w, names[i], "");
	UNTIL(w, (node_slot(n[0]) >= 0) + (node_slot(n[1]) >= 0) + (node_slot(n[2]) >= 0) +
			 (node_slot(n[3]) >= 0) ==
		     3);
	for (int i = 0; i < 4; i++)
		if (node_slot(n[i]) < 0)
			without = n[i];
	UNTIL(w, strcmp(sender_stalled(without->sender), "the worker holds no slot") == 0);
	db_exec(&db, "update slot set owner = null where id = 77");
	UNTIL(w, node_slot(n[0]) >= 0 && node_slot(n[1]) >= 0 && node_slot(n[2]) >= 0 &&
		     node_slot(n[3]) >= 0);
	for (int i = 0; i < 4; i++) {
		assert_true(node_slot(n[i]) <= 2 || node_slot(n[i]) == 77);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(node_slot(n[i]), node_slot(n[k]));
	}
}

/* What an earlier owner has shut out stays so for one whose clock is behind (limbo.c). */
static void
test_ids_begin_above_what_was_shut_out(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	db_exec(&db, "update slot set append_above = id_floor(now() + interval '5 min') + 7");
	struct node *a = node_start(w, "a", "");
	int64_t above = slot_int(node_slot(a), "append_above"), id = post_ok(a, "u", 1);
	assert_true(id > above);
	UNTIL(w, attempts(w, id) == 1);
}

/* ---- keeping ------------------------------------------------------------------------------ */

static void
test_beats_move_the_marks_of_an_idle_slot(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", "lease=1s");
	int slot = node_slot(a);
	wait_beats(w, a, 2);
	int64_t low = slot_int(slot, "low_water"), epoch = slot_int(slot, "epoch");
	assert_in_range(low, 1, id_floor(clock_wall()));
	assert_true(sender_id(a->sender) > low);
	wait_beats(w, a, 2);
	assert_true(slot_int(slot, "low_water") > low);
	assert_true(sender_id(a->sender) > slot_int(slot, "low_water"));
	assert_int_equal(slot_int(slot, "(retry_low > now() - interval '90 s')::int"), 1);
	assert_int_equal(slot_int(slot, "epoch"), epoch);
}

static void
test_an_unresolved_event_holds_the_mark(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = node_start(w, "a", "lease=1s");
	int slot = node_slot(a);
	int64_t id = post_ok(a, "u", 1);
	post_ok(a, "u", 2);
	UNTIL(w, held(w) == 2);
	wait_beats(w, a, 3);
	assert_int_equal(slot_int(slot, "low_water"), id - 1);
	receiver_release(w->receiver, &play_200);
	UNTIL(w, slot_int(slot, "low_water") > id);
	assert_true(all_resolved(w));
}

/* The append waits for the slot's lock, while beats go on: the mark must not pass the event, whose
 * id is older than they are. */
static void
test_an_event_on_its_way_into_the_database_holds_the_mark(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = node_start(w, "a", "lease=1s");
	int slot = node_slot(a);
	struct post *warm = post_new(w, "u", 1), *p = post_new(w, "u", 2);
	post_send(a, warm);
	UNTIL(w, held(w) == 1);
	receiver_release(w->receiver, &play_200);
	UNTIL(w, slot_int(slot, "low_water") > warm->id);
	db_exec(&db, "select pg_advisory_lock(%d, %d)", FENCE, slot);
	post_send(a, p);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	wait_beats(w, a, 3);
	db_exec(&db, "select pg_advisory_unlock_all()");
	UNTIL(w, p->calls);
	assert_true(p->ok);
	assert_true(slot_int(slot, "low_water") < p->id);
	assert_int_equal(passed(w), 0);
	receiver_release(w->receiver, &play_200);
}

/* One that fell due before the mark's usual distance from the clock. */
static void
test_an_unresolved_retry_holds_its_mark(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/any");
	w->any = &play_500;
	struct node *a = node_start(w, "a", "lease=1s");
	int slot = node_slot(a);
	int64_t id = post_ok(a, "u", 1), chain = sender_id(a->sender);
	UNTIL(w, dead_letters(w, id) == 1);
	w->any = NULL;
	struct wall due = { (clock_wall().us / USEC_PER_SEC - 300) * USEC_PER_SEC };
	db_exec(&db,
	    "insert into retry values (to_timestamp(%lld), %d, 0, 0, %d, %lld, %lld, %lld, %lld)",
	    (long long)(due.us / USEC_PER_SEC), slot, TRIGGER_RESEND, (long long)app, (long long)id,
	    (long long)endpoint, (long long)chain);
	sender_replay(a->sender, due, app, id, endpoint, chain, TRIGGER_RESEND);
	UNTIL(w, held(w) == 1);
	wait_beats(w, a, 3);
	assert_int_equal(passed(w), 0);
	assert_int_equal(
	    slot_int(slot, "extract(epoch from retry_low)::bigint"), due.us / USEC_PER_SEC);
	receiver_release(w->receiver, &play_200);
	UNTIL(w, slot_int(slot, "(retry_low > now() - interval '90 s')::int"));
	assert_true(all_resolved(w));
}

/* A clock that is set back: the mark was stored by the time before. What is due now is stored at
 * the mark, where an adopter reads it; a beat that says better is not sent. */
static void
test_a_retry_is_never_below_the_mark(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/500");
	struct node *a = node_start(w, "a", "retry_schedule=3600, 3600");
	int slot = node_slot(a);
	backend_stop(node_backend(a, "lease"));
	db_exec(&db, "update slot set retry_low = now() + interval '2 h' where id = %d", slot);
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, attempts(w, id) == 1);
	assert_int_equal(passed(w), 0);
	assert_int_equal(
	    db_int(&db, "select count(*) from retry where slot = %d and endpoint_id = %lld", slot,
		(long long)endpoint),
	    1);
	backend_continue();
}

#define WAVES 25
#define WAVE  12

static void
test_no_mark_passes_what_is_open_under_load(void **state)
{
	struct world *w = *state;
	static const char *const paths[] = { "/200", "/500", "/any", "/410" };
	int64_t app = db_app(&db, "u");
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		world_endpoint(w, app, paths[i]);
	/* Answered late, all of them at once, every other wave. */
	db_exec(&db, "update endpoint set max_in_flight = 3 where url like '%%/any'");
	struct node *a = node_start(w, "a", "lease=1s; retry_schedule=0.05, 0.3; lane_max=40");
	int slot = node_slot(a), beats = 0;
	for (int wave = 0; wave < WAVES; wave++) {
		struct post *p = NULL;
		for (int i = 0; i < WAVE; i++)
			post_send(a, p = post_new(w, "u", wave * WAVE + i));
		int64_t lease = lease_of(slot);
		UNTIL(w, p->calls && (wave % 4 || lease_of(slot) != lease));
		beats += lease_of(slot) != lease;
		assert_int_equal(passed(w), 0);
		if (wave % 2)
			receiver_release(w->receiver, &play_200);
	}
	assert_true(beats > 5);
	w->any = &play_200;
	receiver_release(w->receiver, &play_200);
	/* Put-off deliveries are not due yet; all else ends. */
	UNTIL(w, db_int(&db, "select count(*) from open_target") == 0 &&
		     db_int(&db, "select count(*) from open_retry where due < now()") == 0);
	wait_beats(w, a, 2);
	assert_int_equal(passed(w), 0);
	assert_true(slot_int(slot, "low_water") > db_int(&db, "select max(id) from message"));
}

/* ---- losing ------------------------------------------------------------------------------- */

static void
test_a_lapsed_slot_is_adopted(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", "lease=1s"), *b = node_start(w, "b", "lease=1s");
	int slot = node_slot(a);
	int64_t adopted = metric_own(METRIC_ADOPTED), epoch = slot_int(slot, "epoch");
	a->paused = true;
	UNTIL(w, slot_int(slot, "epoch") == epoch + 1);
	assert_int_not_equal(node_slot(b), slot); /* it keeps its home */
	UNTIL(w, metric_own(METRIC_ADOPTED) > adopted);
	/* The first one comes back, and finds it gone. */
	a->paused = false;
	UNTIL(w, node_slot(a) >= 0 && node_slot(a) != slot);
	assert_int_equal(slot_int(slot, "epoch"), epoch + 1);
	/* Nothing is left in it: it becomes free. */
	UNTIL(w, slot_int(slot, "(owner is null and not dirty)::int"));
}

static void
test_a_lapsed_slot_that_nobody_took_is_still_ours(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", "lease=1s");
	int slot = node_slot(a);
	int64_t epoch = slot_int(slot, "epoch");
	a->paused = true;
	UNTIL(w, slot_int(slot, "(lease_until < now())::int"));
	assert_int_equal(node_slot(a), -1); /* by its own clock, too */
	a->paused = false;
	UNTIL(w, node_slot(a) == slot);
	assert_int_equal(slot_int(slot, "epoch"), epoch);
}

static void
test_without_beats_nothing_starts(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "lease=1s");
	int slot = node_slot(a);
	post_ok(a, "u", 1);
	UNTIL(w, w->narrivals == 1);
	db_exec(&db, "begin; lock table slot in exclusive mode"); /* appends only read it */
	UNTIL(w, node_slot(a) < 0);
	assert_string_equal(
	    sender_stalled(a->sender), "the lease of the worker's slots is not confirmed");
	struct post *p = post_new(w, "u", 2);
	post_send(a, p);
	for (int i = 0; i < 50; i++)
		world_turn(w);
	assert_int_equal(p->calls, 0);
	db_exec(&db, "commit");
	UNTIL(w, node_slot(a) == slot);
	UNTIL(w, p->calls);
	assert_true(p->ok);
	UNTIL(w, w->narrivals == 2);
}

/* ---- giving back -------------------------------------------------------------------------- */

static void
test_a_stop_leaves_nothing_to_wait_for(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	world_endpoint(w, db_int(&db, "select id from app"), "/500");
	db_exec(&db, "update endpoint set max_in_flight = 1 where url like '%%/any'");
	/* Leases of a minute: the wait of a test would be over before they lapsed. */
	struct node *a = node_start(w, "a", "retry_schedule=2");
	int slot = node_slot(a);
	for (int i = 0; i < 3; i++)
		post_ok(a, "u", i);
	UNTIL(w, held(w) == 1 && attempts(w, 0) == 3);
	struct node *b = node_start(w, "b", "retry_schedule=");
	w->any = &play_200;
	receiver_release(w->receiver, &play_200);
	int64_t epoch = slot_int(slot, "epoch");
	node_stop(a);
	assert_int_equal(passed(w), 0);
	UNTIL(w, slot_int(slot, "epoch") == epoch + 1 && all_resolved(w));
	assert_int_not_equal(node_slot(b), slot);
	assert_int_equal(arrived(w, 0, "/any"), 3); /* none lost, none twice */
	assert_int_equal(arrived(w, 0, "/500"), 6);
	assert_int_equal(attempts(w, 0), 9);
	assert_int_equal(dead_letters(w, 0), 3);
}

static void
test_a_stop_waits_for_what_is_under_way(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = node_start(w, "a", "stop_timeout=1m");
	post_ok(a, "u", 1);
	UNTIL(w, held(w) == 1);
	a->drained = false;
	receiver_release(w->receiver, &play_200);
	node_stop(a);
	assert_int_equal(attempts(w, 0), 1);
	assert_true(all_resolved(w));
}

static void
test_a_stop_has_an_end(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/any");
	struct node *a = node_start(w, "a", "stop_timeout=100ms");
	int64_t id = post_ok(a, "u", 1);
	UNTIL(w, held(w) == 1);
	node_stop(a); /* the exchange is given up */
	assert_int_equal(passed(w), 0);
	w->any = &play_200;
	node_start(w, "b", "");
	UNTIL(w, attempts(w, id) == 1);
	assert_int_equal(arrived(w, id, NULL), 2);
}

static void
test_a_stop_without_a_database(void **state)
{
	struct world *w = *state;
	struct node *a = node_start(w, "a", "stop_timeout=100ms");
	db_crash(&db);
	UNTIL(w, pg_pool_ready(a->lease) == 0);
	node_stop(a);
	db_restart(&db);
}

/* ---- the program -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_free_slot_is_claimed),
		TEST(test_each_has_its_own),
		TEST(test_ids_begin_above_what_was_shut_out),
		TEST(test_beats_move_the_marks_of_an_idle_slot),
		TEST(test_an_unresolved_event_holds_the_mark),
		TEST(test_an_event_on_its_way_into_the_database_holds_the_mark),
		TEST(test_an_unresolved_retry_holds_its_mark),
		TEST(test_a_retry_is_never_below_the_mark),
		TEST(test_no_mark_passes_what_is_open_under_load),
		TEST(test_a_lapsed_slot_is_adopted),
		TEST(test_a_lapsed_slot_that_nobody_took_is_still_ours),
		TEST(test_without_beats_nothing_starts),
		TEST(test_a_stop_leaves_nothing_to_wait_for),
		TEST(test_a_stop_waits_for_what_is_under_way),
		TEST(test_a_stop_has_an_end),
		TEST(test_a_stop_without_a_database),
	};
	return RUN(tests);
}
