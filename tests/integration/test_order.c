/* Events for endpoints that have an order: their deliveries are parked by the append that stores
 * them, with it or not at all, and none is left where nobody looks. */
#include <string.h>

#include "base/id.h"

#include "../support/world_tests.h"

/* As the API would: an endpoint with an order, kept by the node. ordering: "endpoint" or "key". */
static int64_t
ordered_endpoint(struct node *n, int64_t app, const char *path, const char *ordering)
{
	int64_t id = world_endpoint(n->world, app, path);
	db_exec(
	    &db, "update endpoint set ordering = '%s' where id = %lld", ordering, (long long)id);
	db_exec(&db,
	    "insert into hold (app_id, endpoint_id, slot, state, ordered)"
	    " values (%lld, %lld, %d, 0, true)",
	    (long long)app, (long long)id, node_slot(n));
	db_changed(&db, app);
	return id;
}

static struct post *
with_key(struct world *w, int64_t key, int number)
{
	struct post *p = post_new(w, "u", number);
	p->ev.has_ordering_key = true;
	p->ev.ordering_key = key;
	return p;
}

static void
wait_answered(struct world *w, struct post *const *p, int n)
{
	for (int i = 0; i < n; i++)
		UNTIL(w, p[i]->calls);
}

static int
parked_for(int64_t endpoint_id)
{
	return (int)db_int(
	    &db, "select count(*) from parked where endpoint_id = %lld", (long long)endpoint_id);
}

#define N 30

/* One list of events for four kinds of endpoints; every third has a name that is taken. */
static void
test_what_is_stored_is_parked_in_its_order(void **state)
{
	struct world *w = *state;
	struct post *p[N];
	int64_t app = db_app(&db, "u");
	struct node *n = node_start(w, "a", "");
	int64_t all = ordered_endpoint(n, app, "/200/all", "endpoint");
	int64_t key = ordered_endpoint(n, app, "/200/key", "key");
	int64_t plain = world_endpoint(w, app, "/200/plain");
	for (int i = 0; i < N; i++) {
		p[i] = i % 2 ? with_key(w, i % 4, i) : post_new(w, "u", i);
		p[i]->ev.event_id = i % 3 ? (struct str){ NULL, 0 } : STR("taken");
	}
	post_send_list(n, p, N);
	wait_answered(w, p, N);
	int accepted = 0, with_keys = 0;
	for (int i = 0; i < N; i++) {
		accepted += p[i]->ok;
		with_keys += p[i]->ok && p[i]->ev.has_ordering_key;
	}
	assert_int_equal(accepted, N - N / 3 + 1); /* the first of that name */
	assert_int_equal(parked_for(all), accepted);
	assert_int_equal(parked_for(key), with_keys);
	assert_int_equal(parked_for(plain), 0);
	assert_int_equal(db_int(&db, "select count(*) from parked p where not exists (select from"
				     " message m where m.app_id = p.app_id and m.id = p.msg_id)"),
	    0);
	/* Whoever comes earlier has the lower number, at each endpoint. */
	assert_int_equal(db_int(&db, "select count(*) from parked a join parked b"
				     " on b.endpoint_id = a.endpoint_id and b.no > a.no"
				     " and b.msg_id < a.msg_id"),
	    0);
	assert_string_equal(db_text(&db,
				"select string_agg(distinct key::text, ' ') from parked"
				" where endpoint_id = %lld",
				(long long)key),
	    "1 3");
	assert_string_equal(db_text(&db,
				"select string_agg(distinct key::text, ' ') from parked"
				" where endpoint_id = %lld",
				(long long)all),
	    "0");
	UNTIL(w, all_resolved(w));
	assert_int_equal(arrived(w, 0, "/200/all"), accepted);
	assert_int_equal(arrived(w, 0, "/200/key"), accepted);
	assert_int_equal(arrived(w, 0, "/200/plain"), accepted);
	assert_int_equal(passed(w), 0);
}

static void
test_an_order_that_begins_after_the_match(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/200");
	struct node *n = node_start(w, "a", "");
	post_ok(n, "u", 0); /* the application is in its cache */
	UNTIL(w, all_resolved(w));
	db_exec(&db, "update endpoint set ordering = 'endpoint'");
	db_exec(&db,
	    "insert into hold (app_id, endpoint_id, slot, state, ordered)"
	    " values (%lld, %lld, %d, 0, true)",
	    (long long)app, (long long)endpoint, node_slot(n));
	db_exec(&db, "update app set version = version + 1, changed_at = clock_timestamp()");
	post_ok(n, "u", 1);
	assert_int_equal(parked_for(endpoint), 1);
	UNTIL(w, all_resolved(w));
	assert_int_equal(w->narrivals, 2);
}

/* The order was taken away and its hold closed between the match and the append: where nobody looks
 * any more nothing is left. */
static void
test_an_order_that_ends_during_the_append(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	struct node *n = node_start(w, "a", "");
	int64_t endpoint = ordered_endpoint(n, app, "/200", "endpoint");
	post_ok(n, "u", 0);
	UNTIL(w, all_resolved(w));
	/* As hold_lock.sql and hold_close.sql. */
	db_exec(&db, "begin; select 1 from hold for update");
	struct post *p = post_new(w, "u", 1);
	post_send(n, p);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	db_exec(&db, "update hold set ordered = false; commit");
	wait_answered(w, &p, 1);
	assert_true(p->ok);
	assert_int_equal(parked_for(endpoint), 1); /* the one before */
	UNTIL(w, all_resolved(w));
	assert_int_equal(arrived(w, p->id, NULL), 1);
	assert_int_equal(passed(w), 0);
}

/* The connection breaks while the append is under way: it is stored with its place in the order, or
 * not at all. */
static void
test_an_unanswered_append(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	w->append_run_max = 200 * USEC_PER_MS;
	struct node *n = node_start(w, "a", "");
	int64_t endpoint = ordered_endpoint(n, app, "/200", "endpoint");
	world_endpoint(w, app, "/200/plain");
	struct post *p = post_new(w, "u", 1);
	db_exec(&db, "begin; lock table idempotency in exclusive mode");
	post_key(p, "key", "body");
	post_send(n, p);
	UNTIL(w, p->calls);
	assert_false(p->ok);
	db_exec(&db, "commit");
	struct post *retry = post_new(w, "u", 1);
	post_key(retry, "key", "body");
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 0);
	post_send(n, retry);
	UNTIL(w, retry->calls);
	assert_true(retry->ok);
	UNTIL(w, all_resolved(w));
	assert_int_equal(parked_for(endpoint), 1);
	assert_int_equal(arrived(w, retry->id, "/200"), 1);
	assert_int_equal(arrived(w, retry->id, "/200/plain"), 1);
	assert_int_equal(w->narrivals, 2);
	assert_int_equal(passed(w), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_stored_is_parked_in_its_order),
		TEST(test_an_order_that_begins_after_the_match),
		TEST(test_an_order_that_ends_during_the_append),
		TEST(test_an_unanswered_append),
	};
	return RUN(tests);
}
