/* The fence: what a worker does that has lost its slot and does not know it yet. Nothing that it
 * believes about the future may be stored; what has happened may. */
#include <string.h>

#include "base/id.h"
#include "base/metric.h"

#include "../support/world_tests.h"

static int64_t
epoch_of(int slot)
{
	return db_int(&db, "select epoch from slot where id = %d", slot);
}

static int
own_epoch(const struct node *n)
{
	int slot;
	int64_t epoch = -1;
	return sender_home(n->sender, &slot, &epoch) ? (int)epoch : -1;
}

/* From here on no beat is answered, so that a node that lost its slot goes on as if it had not;
 * events and results, which only read the table, pass. */
static void
hold_beats(void)
{
	db_exec(&db, "begin; lock table slot in exclusive mode");
}

static void
let_beats_go(void)
{
	db_exec(&db, "commit");
}

/* ---- events ------------------------------------------------------------------------------- */

/* The append is with the server when its sender is stopped, and begins after the adoption. */
static void
test_an_append_of_an_older_epoch_is_not_stored(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	for (int keyed = 0; keyed <= 1; keyed++) {
		struct node *a = node_start(w, "a", "");
		int slot = node_slot(a);
		int64_t warm = post_ok(a, "u", 1), epoch = epoch_of(slot);
		struct post *p = post_new(w, "u", 2);
		if (keyed)
			post_key(p, "key", "body");
		backend_stop(node_backend(a, "append"));
		post_send(a, p);
		for (int i = 0; i < 10; i++)
			world_turn(w);
		node_lapse(a);
		struct node *b = node_start(w, "b", "");
		UNTIL(w, epoch_of(slot) == epoch + 1);
		backend_continue();
		a->paused = false;
		/* It is refused, or stored under another slot when that was found soon enough. */
		UNTIL(w, p->calls && node_slot(a) >= 0 && node_slot(a) != slot);
		assert_true(p->ok ? id_slot(p->id) != slot : p->error == ERR_UNAVAILABLE);
		assert_int_equal(
		    db_int(&db, "select count(*) from message where id > %lld", (long long)warm),
		    p->ok);
		int64_t again = post_ok(a, "u", 3);
		assert_int_equal(id_slot(again), node_slot(a));
		UNTIL(w, all_resolved(w));
		assert_int_equal(arrived(w, again, "/200"), 1);
		node_stop(a);
		node_stop(b);
	}
}

/* ---- results ------------------------------------------------------------------------------ */

/* One event, whose request is under way at a when b adopts its slot. */
struct split {
	struct world *w;
	struct node *a, *b;
	int slot;
	int64_t id;
};

static void
split_begin(struct split *s, struct world *w, const struct receiver_play *to_b)
{
	s->w = w;
	world_endpoint(w, db_app(&db, "u"), "/any");
	s->a = node_start(w, "a", "retry_schedule=3600");
	s->slot = node_slot(s->a);
	int64_t epoch = epoch_of(s->slot);
	s->id = post_ok(s->a, "u", 1);
	UNTIL(w, held(w) == 1);
	node_lapse(s->a);
	w->any = to_b;
	s->b = node_start(w, "b", "retry_schedule=3600");
	UNTIL(w, epoch_of(s->slot) == epoch + 1);
}

static void
test_a_failure_of_an_older_epoch_is_not_stored(void **state)
{
	struct split s;
	int64_t fenced = metric_own(METRIC_FENCED);
	split_begin(&s, *state, &play_500);
	UNTIL(s.w, attempts(s.w, s.id) == 1);
	hold_beats();
	s.a->paused = false;
	receiver_release(s.w->receiver, &play_500);
	UNTIL(s.w, metric_own(METRIC_FENCED) == fenced + 1);
	let_beats_go();
	UNTIL(s.w, node_slot(s.a) >= 0 && node_slot(s.a) != s.slot);
	assert_int_equal(attempts(s.w, s.id), 1);
	assert_int_equal(db_int(&db, "select count(*) from retry"), 1);
	assert_int_equal(arrived(s.w, s.id, NULL), 2);
}

static void
test_a_dead_letter_of_an_older_epoch_is_not_stored(void **state)
{
	struct split s;
	int64_t fenced = metric_own(METRIC_FENCED);
	split_begin(&s, *state, &play_500);
	UNTIL(s.w, attempts(s.w, s.id) == 1);
	hold_beats();
	s.a->paused = false;
	receiver_release(s.w->receiver, &play_410);
	UNTIL(s.w, metric_own(METRIC_FENCED) == fenced + 1);
	let_beats_go();
	UNTIL(s.w, node_slot(s.a) >= 0 && node_slot(s.a) != s.slot);
	assert_int_equal(attempts(s.w, s.id), 1);
	assert_int_equal(dead_letters(s.w, 0), 0);
	assert_int_equal(db_int(&db, "select count(*) from endpoint where disabled"), 0);
}

static void
test_a_success_of_an_older_epoch_is_a_fact(void **state)
{
	struct split s;
	split_begin(&s, *state, &play_500);
	UNTIL(s.w, attempts(s.w, s.id) == 1);
	hold_beats();
	s.a->paused = false;
	receiver_release(s.w->receiver, &play_200);
	UNTIL(s.w, attempts(s.w, s.id) == 2);
	let_beats_go();
	assert_string_equal(
	    db_text(&db, "select string_agg(status::text, ' ' order by status) from attempt"),
	    "0 2");
}

/* It knows that the slot is lost: then it does not even try. */
static void
test_a_failure_after_the_loss_is_dropped(void **state)
{
	struct split s;
	split_begin(&s, *state, NULL);
	UNTIL(s.w, held(s.w) == 2);
	s.a->paused = false;
	UNTIL(s.w, node_slot(s.a) >= 0 && node_slot(s.a) != s.slot);
	receiver_release(s.w->receiver, &play_500);
	UNTIL(s.w, attempts(s.w, s.id) == 1);
	node_stop(s.a);
	assert_int_equal(attempts(s.w, s.id), 1);
	assert_int_equal(db_int(&db, "select count(*) from retry"), 1);
}

/* The slot goes and comes back to the same worker, while results of before wait to be recorded
 * together with results of after. */
static void
test_a_slot_that_comes_back(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/500");
	struct node *a = node_start(w, "a", "lease=2s; retry_schedule=3600");
	int slot = node_slot(a);
	int64_t epoch = epoch_of(slot), id[6];
	backend_stop(node_backend(a, "record"));
	for (int i = 0; i < 6; i++) {
		id[i] = post_ok(a, "u", i);
		UNTIL(w, w->narrivals == i + 1); /* the first is on its way, the others wait */
	}
	db_exec(&db,
	    "update slot set owner = 1, epoch = epoch + 1, lease_until = '-infinity'"
	    " where id = %d",
	    slot);
	UNTIL(w, node_slot(a) == slot && own_epoch(a) == epoch + 2 && w->narrivals == 12);
	backend_continue();
	UNTIL(w, attempts(w, 0) >= 6 && db_int(&db, "select count(*) from open_target") == 0);
	node_stop(a);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(attempts(w, id[i]), 1);
		assert_int_equal(
		    db_int(&db, "select count(*) from retry where msg_id = %lld", (long long)id[i]),
		    1);
	}
}

/* ---- the adopter's half ------------------------------------------------------------------- */

/* A worker that was stopped in the middle of a transaction holds the lock for as long as it sleeps:
 * its transaction is ended. */
static void
test_a_sleeper_within_a_transaction_is_evicted(void **state)
{
	struct world *w = *state;
	struct db other = { .server = db.server, .sql = PQconnectdb(db_url(&db)) };
	world_endpoint(w, db_app(&db, "u"), "/500");
	struct node *a = node_start(w, "a", "retry_schedule=3600");
	int slot = node_slot(a);
	/* The results will have the slot's lock and wait for the table's. */
	db_exec(&other, "begin; lock table attempt in access exclusive mode");
	int64_t id = post_ok(a, "u", 1), epoch = epoch_of(slot);
	UNTIL(
	    w, db_int(&db, "select count(*) from pg_locks l where relation = 'attempt'::regclass"
			   " and not granted and exists (select 1 from pg_locks h"
			   " where h.pid = l.pid and h.locktype = 'advisory' and h.granted)") == 1);
	node_lapse(a);
	node_begin(w, "b", "retry_schedule=3600");
	UNTIL(w, epoch_of(slot) == epoch + 1);
	db_exec(&other, "commit");
	PQfinish(other.sql);
	a->paused = false;
	UNTIL(w, attempts(w, id) == 1 && node_slot(a) >= 0 && node_slot(a) != slot);
	node_stop(a);
	assert_int_equal(attempts(w, id), 1);
	assert_int_equal(db_int(&db, "select count(*) from retry"), 1);
}

/* A transaction that is under way when the lease lapses is waited for, and what it stored is seen.
 */
static void
test_a_batch_before_the_adoption_counts(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = node_start(w, "a", "");
	int slot = node_slot(a);
	int64_t epoch = epoch_of(slot);
	struct post *p = post_new(w, "u", 2);
	post_ok(a, "u", 1);
	UNTIL(w, attempts(w, 0) == 1);
	/* The append waits behind the test for the slot's lock, and the adopter behind the append.
	 */
	db_exec(&db, "select pg_advisory_lock(1886352467, %d)", slot);
	post_send(a, p);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	node_lapse(a);
	struct node *b = node_begin(w, "b", "");
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 2);
	db_exec(&db, "select pg_advisory_unlock_all()");
	UNTIL(w, epoch_of(slot) == epoch + 1);
	UNTIL(w, attempts(w, 0) == 2); /* by b: a sleeps */
	node_kill(a);
	assert_false(p->ok);
	assert_int_equal(db_int(&db, "select count(*) from message"), 2);
	node_stop(b);
	assert_int_equal(w->narrivals, 2);
}

/* ---- the program -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_append_of_an_older_epoch_is_not_stored),
		TEST(test_a_failure_of_an_older_epoch_is_not_stored),
		TEST(test_a_dead_letter_of_an_older_epoch_is_not_stored),
		TEST(test_a_success_of_an_older_epoch_is_a_fact),
		TEST(test_a_failure_after_the_loss_is_dropped),
		TEST(test_a_slot_that_comes_back),
		TEST(test_a_sleeper_within_a_transaction_is_evicted),
		TEST(test_a_batch_before_the_adoption_counts),
	};
	return RUN(tests);
}
