/* The edge between two buckets of names (eventIds: weeks; Idempotency-Keys: six hours). There two
 * workers' clocks name different buckets for one moment, and each must find what the other one
 * takes: both are taken, the older first (message_append_full.sql). Two appends of one name run at
 * once here, from either side of the edge, each held before it takes a bucket until both have
 * looked whether the name is free. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#include "../support/world_tests.h"
#include "ingest/batch.h"

#define WEEK      (7 * 24 * 3600 * USEC_PER_SEC)
#define SIX_HOURS (6 * 3600 * USEC_PER_SEC)
#define APART     (400 * USEC_PER_SEC) /* from the edge */

/* The nth bucket that a transaction takes waits for the lock (4711, n). */
static const char gates[] =
    "create function gate() returns trigger language plpgsql as $$ declare n int; begin"
    " n := coalesce(nullif(current_setting('gate.n', true), ''), '0')::int + 1;"
    " perform set_config('gate.n', n::text, true);"
    " perform pg_advisory_xact_lock_shared(4711, n); return new; end $$;"
    " create trigger gate before insert on message_uid for each row execute function gate();"
    " create trigger gate before insert on idempotency for each row execute function gate()";

struct append {
	struct batch *batch;
	struct message *message;
	bool done, failed;
	int stored;
};

static void
on_appended(void *arg, const struct pg_result *r, const struct err *e)
{
	struct append *a = arg;
	a->done = true;
	a->failed = e != NULL;
	a->stored = r ? pg_rows(r->res[BATCH_STORED]) : 0;
}

static void
append_at(struct node *n, struct append *a, const struct ingest_event *ev, struct wall now)
{
	int slot = -1;
	int64_t epoch = 0;
	const struct cat_app *app = catalogue_find(n->catalogue, ev->org, ev->app_ref);
	assert_non_null(app);
	assert_true(sender_home(n->sender, &slot, &epoch));
	a->batch = batch_new(&n->config);
	a->message = message_new(app->id, sender_id(n->sender), ev->event_type,
	    mem_strndup(ev->payload.p, ev->payload.n), ev->payload.n);
	const struct batch_row row = { .event = ev, .message = a->message, .app = app };
	batch_submit(a->batch, n->append, slot, epoch, now, &row, 1, on_appended, a);
}

static void
append_end(struct append *a)
{
	message_unref(a->message);
	batch_free(a->batch);
}

static int
waiting(void)
{
	return (int)db_int(&db, "select count(*) from pg_locks where not granted");
}

static void
open_gate(int n)
{
	db_exec(&db, "select pg_advisory_unlock(4711, %d)", n);
}

/* From both sides of the next edge of such buckets; one of them is stored, and nothing fails. */
static void
append_from_both_sides(struct world *w, const struct ingest_event *ev, usec_t period)
{
	struct append early = { 0 }, late = { 0 };
	struct node *a = node_start(w, "a", ""), *b = node_start(w, "b", "");
	post_ok(a, "u", 0); /* the application is in their caches */
	post_ok(b, "u", 0);
	int64_t edge = (clock_wall().us / period + 1) * period;
	db_exec(&db, "select pg_advisory_lock(4711, 1), pg_advisory_lock(4711, 2)");
	append_at(a, &early, ev, (struct wall){ edge - APART });
	append_at(b, &late, ev, (struct wall){ edge + APART });
	UNTIL(w, waiting() == 2);
	open_gate(1);
	/* One has the older bucket and comes to the other, one waits for it; or both end at once.
	 */
	UNTIL(w, waiting() == 2 || (early.done && late.done));
	open_gate(2);
	UNTIL(w, early.done && late.done);
	assert_false(early.failed);
	assert_false(late.failed);
	assert_int_equal(early.stored + late.stored, 1);
	assert_int_equal(db_int(&db, "select count(*) from message"), 3);
	append_end(&early);
	append_end(&late);
}

static struct ingest_event
event(void)
{
	return (struct ingest_event){ .org = STR("org"),
		.app_ref = STR("u"),
		.event_type = STR("a.b"),
		.payload = STR("{}") };
}

static void
test_an_event_id_at_the_edge_of_a_week(void **state)
{
	struct world *w = *state;
	struct ingest_event ev = event();
	ev.event_id = STR("once");
	db_app(&db, "u");
	append_from_both_sides(w, &ev, WEEK);
	assert_string_equal(
	    db_text(&db, "select count(*) || ' ' || max(bucket) - min(bucket) || ' ' ||"
			 " count(distinct msg_id) from message_uid where event_id = 'once'"),
	    "2 1 1");
}

static void
test_a_key_at_the_edge_of_its_bucket(void **state)
{
	struct world *w = *state;
	struct ingest_event ev = event();
	ev.has_key = true;
	memset(ev.key, 'k', sizeof(ev.key));
	memset(ev.body, 'b', sizeof(ev.body));
	db_app(&db, "u");
	append_from_both_sides(w, &ev, SIX_HOURS);
	assert_string_equal(
	    db_text(&db, "select count(*) || ' ' || max(bucket) - min(bucket) || ' ' ||"
			 " count(distinct msg_id) from idempotency"),
	    "2 1 1");
}

static int
gates_set_up(void **state)
{
	int failed = database_set_up(state);
	if (!failed)
		db_exec(&db, "%s", gates);
	return failed;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_event_id_at_the_edge_of_a_week),
		TEST(test_a_key_at_the_edge_of_its_bucket),
	};
	return cmocka_run_group_tests(tests, gates_set_up, database_tear_down);
}
