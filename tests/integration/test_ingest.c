/* Events on their way in: batches, the catalogue's versions, names that are taken, and every reason
 * for a refusal. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/metric.h"

#include "../support/world_tests.h"

static void
wait_answered(struct world *w, struct post *const *p, int n)
{
	for (int i = 0; i < n; i++) {
		UNTIL(w, p[i]->calls);
		assert_int_equal(p[i]->calls, 1);
	}
}

static void
expect_refused(struct world *w, struct post *p, enum err_kind kind)
{
	wait_answered(w, &p, 1);
	assert_false(p->ok);
	assert_int_equal(p->error, kind);
}

/* One that is told by what it says. */
static struct post *
named(struct world *w, const char *event_id, int number)
{
	struct post *p = post_new(w, "u", number);
	p->ev.event_id = str_of(event_id);
	return p;
}

static struct post *
keyed(struct world *w, const char *key, const char *body)
{
	struct post *p = post_new(w, "u", 1);
	post_key(p, key, body);
	return p;
}

static int
messages(void)
{
	return (int)db_int(&db, "select count(*) from message");
}

/* The application is in the node's cache afterwards. */
static struct node *
warm_node(struct world *w, const char *name)
{
	struct node *n = node_start(w, name, "");
	struct post *p = post_new(w, "u", 0);
	p->ev.event_type = STR("warm");
	post_send(n, p);
	wait_answered(w, &p, 1);
	db_exec(&db, "delete from message where event_type = 'warm'");
	return n;
}

/* ---- what is stored ----------------------------------------------------------------------- */

static void
test_an_event_is_stored_as_it_came(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u"), a = world_endpoint(w, app, "/200/a"),
		b = world_endpoint(w, app, "/200/b"), c = world_endpoint(w, app, "/200/c");
	db_exec(&db,
	    "update endpoint set event_types = '{a.b,z}', channels = '{one}' where id = %lld",
	    (long long)a);
	db_exec(&db, "update endpoint set channels = '{two}' where id = %lld", (long long)b);
	db_exec(&db, "update endpoint set event_types = '{other}' where id = %lld", (long long)c);
	db_changed(&db, app);
	struct node *n = node_start(w, "a", "");
	struct post *p = named(w, "event-1", 5);
	p->ev.nchannels = 2;
	p->ev.channels[0] = STR("zero");
	p->ev.channels[1] = STR("one");
	p->ev.payload = STR("{ \"spaces\" :\t\"\\u00e9 é\"}\n");
	post_send(n, p);
	wait_answered(w, &p, 1);
	assert_true(p->ok && !p->replayed);
	assert_int_equal(id_slot(p->id), node_slot(n));
	assert_string_equal(
	    db_text(&db,
		"select concat_ws('|', app_id = %lld, event_type, event_id, channels,"
		" targets = int8send(%lld), convert_from(payload, 'UTF8')) from message",
		(long long)app, (long long)a),
	    "t|a.b|event-1|zero,one|t|{ \"spaces\" :\t\"\\u00e9 é\"}\n");
	UNTIL(w, all_resolved(w));
	assert_int_equal(w->narrivals, 1);
	assert_string_equal(w->arrivals[0].body, "{ \"spaces\" :\t\"\\u00e9 é\"}\n");
}

static void
test_an_application_by_its_id(void **state)
{
	struct world *w = *state;
	char text[ID_TEXT_SIZE];
	int64_t app = db_app(&db, "u");
	struct node *n = node_start(w, "a", "");
	post_ok(n, id_to_text(ID_APP, app, text), 1);
	assert_int_equal(messages(), 1);
}

/* ---- batches ------------------------------------------------------------------------------ */

#define BATCH 40

static void
test_what_comes_together_is_stored_together(void **state)
{
	struct world *w = *state;
	struct post *p[2 * BATCH];
	db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	/* The second half comes while the first one is on its way. */
	db_exec(&db, "begin; lock table message in exclusive mode");
	for (int i = 0; i < BATCH; i++)
		post_send(n, p[i] = post_new(w, "u", i));
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	for (int i = BATCH; i < 2 * BATCH; i++)
		post_send(n, p[i] = post_new(w, "u", i));
	for (int i = 0; i < 20; i++)
		world_turn(w);
	assert_int_equal(ingest_pending(n->ingest), 2 * BATCH);
	db_exec(&db, "commit");
	wait_answered(w, p, 2 * BATCH);
	assert_int_equal(messages(), 2 * BATCH);
	assert_int_equal(db_int(&db, "select count(distinct xmin::text) from message"), 2);
	assert_int_equal(ingest_pending(n->ingest), 0);
	for (int i = 1; i < 2 * BATCH; i++)
		assert_true(p[i]->id > p[i - 1]->id); /* in their order */
}

static void
test_more_than_a_batch(void **state)
{
	struct world *w = *state;
	enum {
		N = 1300
	}; /* 512 to a batch */
	static struct post *p[N];
	db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	for (int i = 0; i < N; i++)
		post_send(n, p[i] = post_new(w, "u", i));
	wait_answered(w, p, N);
	assert_int_equal(messages(), N);
	assert_int_equal(db_int(&db, "select count(distinct xmin::text) from message"), 3);
}

/* One that is refused does not take the others with it. */
static void
test_a_batch_of_good_and_bad(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	struct post *p[5] = { named(w, "x", 1), post_new(w, "u", 2), named(w, "x", 3),
		keyed(w, "key", "body"), post_new(w, "nobody", 4) };
	for (int i = 0; i < 5; i++)
		post_send(n, p[i]);
	wait_answered(w, p, 5);
	assert_true(p[0]->ok && p[1]->ok && p[3]->ok);
	assert_int_equal(p[2]->error, ERR_CONFLICT);
	assert_int_equal(p[4]->error, ERR_NOT_FOUND);
	assert_int_equal(messages(), 3);
}

/* ---- lists -------------------------------------------------------------------------------- */

static void
test_a_list_is_stored_in_its_order(void **state)
{
	struct world *w = *state;
	enum {
		N = 600
	};
	static struct post *p[N];
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *n = node_start(w, "a", ""); /* which does not know the application yet */
	for (int i = 0; i < N; i++)
		p[i] = post_new(w, "u", i);
	post_send_list(n, p, N);
	assert_int_equal(ingest_pending(n->ingest), N);
	wait_answered(w, p, N);
	for (int i = 1; i < N; i++)
		assert_true(p[i]->ok && p[i]->id > p[i - 1]->id);
	assert_int_equal(ingest_pending(n->ingest), 0);
	assert_int_equal(messages(), N);
	UNTIL(w, all_resolved(w));
	assert_int_equal(w->narrivals, N);
}

/* A single event goes with the append after the one under way, however long the list is. */
static void
test_a_list_does_not_hold_up_others(void **state)
{
	struct world *w = *state;
	enum {
		N = 3000
	};
	static struct post *p[N];
	db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	db_exec(&db, "begin; lock table message in exclusive mode");
	for (int i = 0; i < N; i++)
		p[i] = post_new(w, "u", i);
	post_send_list(n, p, N);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	struct post *single = post_new(w, "u", N);
	post_send(n, single);
	db_exec(&db, "commit");
	wait_answered(w, &single, 1);
	wait_answered(w, p, N);
	assert_int_equal(
	    db_int(&db, "select count(*) from message where id < %lld", (long long)single->id),
	    512);
}

/* Nor do many single events hold up a list: it has a share of each append. */
static void
test_others_do_not_hold_up_a_list(void **state)
{
	struct world *w = *state;
	enum {
		N = 1500,
		LIST = 200
	};
	static struct post *p[N], *list[LIST];
	db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	db_exec(&db, "begin; lock table message in exclusive mode");
	for (int i = 0; i < N; i++)
		post_send(n, p[i] = post_new(w, "u", i));
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	for (int i = 0; i < LIST; i++)
		list[i] = post_new(w, "u", i);
	post_send_list(n, list, LIST);
	db_exec(&db, "commit");
	wait_answered(w, list, LIST);
	wait_answered(w, p, N);
	/* 512 are gone; then 128 of the list behind 384 others, and the other 72. */
	assert_true(list[127]->id < p[512 + 384]->id);
	assert_true(list[128]->id > p[512 + 384]->id);
	assert_true(list[LIST - 1]->id < p[512 + 2 * 384]->id);
}

static void
test_a_list_of_good_and_bad(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	struct post *p[5] = { named(w, "x", 1), post_new(w, "u", 2), named(w, "x", 3),
		keyed(w, "key", "body"), named(w, "x", 4) };
	post_send_list(n, p, 5);
	wait_answered(w, p, 5);
	assert_true(p[0]->ok && p[1]->ok && p[3]->ok); /* the first of those with the eventId */
	assert_int_equal(p[2]->error, ERR_CONFLICT);
	assert_int_equal(p[4]->error, ERR_CONFLICT);
	assert_int_equal(messages(), 3);
	struct post *q[2] = { post_new(w, "nobody", 1), post_new(w, "nobody", 2) };
	post_send_list(n, q, 2);
	expect_refused(w, q[0], ERR_NOT_FOUND);
	expect_refused(w, q[1], ERR_NOT_FOUND);
}

static void
test_an_endpoint_added_since_gets_the_list(void **state)
{
	struct world *w = *state;
	struct post *p[3];
	int64_t app = db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	world_endpoint(w, app, "/200/new");
	for (int i = 0; i < 3; i++)
		p[i] = post_new(w, "u", i);
	post_send_list(n, p, 3);
	wait_answered(w, p, 3);
	UNTIL(w, arrived(w, 0, "/200/new") == 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(arrived(w, p[i]->id, "/200/new"), 1);
}

/* ---- the catalogue moves ------------------------------------------------------------------ */

static void
test_an_endpoint_added_since_gets_the_event(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u"), rematched;
	world_endpoint(w, app, "/200/old");
	struct node *n = warm_node(w, "a");
	rematched = metric_own(METRIC_REMATCHED);
	world_endpoint(w, app, "/200/new");
	int64_t id = post_ok(n, "u", 1);
	UNTIL(w, attempts(w, id) == 2);
	assert_int_equal(arrived(w, id, "/200/new"), 1);
	assert_int_equal(arrived(w, id, "/200/old"), 1);
	assert_int_equal(metric_own(METRIC_REMATCHED), rematched + 1);
	assert_int_equal(messages(), 1);
}

/* The change comes between the match and the append. */
static void
test_an_endpoint_added_during_the_append_gets_the_event(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	struct post *p = post_new(w, "u", 1);
	db_exec(&db, "select pg_advisory_lock(1886352467, %d)", node_slot(n));
	post_send(n, p);
	UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	world_endpoint(w, app, "/200");
	db_exec(&db, "select pg_advisory_unlock_all()");
	wait_answered(w, &p, 1);
	assert_true(p->ok);
	UNTIL(w, attempts(w, p->id) == 1);
	assert_int_equal(w->narrivals, 1);
}

static void
test_an_endpoint_disabled_since_does_not_get_it(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *n = warm_node(w, "a");
	UNTIL(w, w->narrivals == 1);
	db_exec(&db, "update endpoint set disabled = true");
	db_changed(&db, app);
	int64_t id = post_ok(n, "u", 1);
	assert_int_equal(
	    db_int(&db, "select length(targets) from message where id = %lld", (long long)id), 0);
	node_stop(n);
	assert_int_equal(w->narrivals, 1);
	assert_int_equal(dead_letters(w, 0), 0);
}

static void
test_an_application_deleted_since(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	struct node *n = warm_node(w, "a");
	db_exec(&db, "update app set deleted_at = now()");
	db_changed(&db, app);
	struct post *p = post_new(w, "u", 1);
	post_send(n, p);
	expect_refused(w, p, ERR_NOT_FOUND);
	assert_int_equal(messages(), 0);
}

static void
test_a_uid_given_to_another_application(void **state)
{
	struct world *w = *state;
	int64_t old = db_app(&db, "u");
	world_endpoint(w, old, "/200/old");
	struct node *n = warm_node(w, "a");
	UNTIL(w, w->narrivals == 1);
	db_exec(&db, "update app set uid = 'v'");
	db_changed(&db, old);
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200/new");
	int64_t id = post_ok(n, "u", 1);
	UNTIL(w, attempts(w, id) == 1);
	assert_int_equal(arrived(w, id, "/200/new"), 1);
	assert_int_equal(
	    db_int(&db, "select app_id from message where id = %lld", (long long)id), app);
}

static void
test_no_such_application(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *n = node_start(w, "a", "");
	static const char *const refs[] = { "nobody", "", "app_00000000001", "U" };
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		struct post *p = post_new(w, refs[i], 1);
		post_send(n, p);
		expect_refused(w, p, ERR_NOT_FOUND);
	}
	struct post *p = post_new(w, "u", 1);
	p->ev.org = STR("other");
	post_send(n, p);
	expect_refused(w, p, ERR_NOT_FOUND);
}

/* ---- eventIds ----------------------------------------------------------------------------- */

static void
test_an_event_id_is_taken_once(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	db_app(&db, "v");
	struct node *a = warm_node(w, "a"), *b = warm_node(w, "b");
	struct post *first = named(w, "x", 1), *same = named(w, "x", 2),
		    *elsewhere = named(w, "x", 3), *other = named(w, "y", 4),
		    *at_b = named(w, "x", 5);
	elsewhere->ev.app_ref = STR("v");
	post_send(a, first);
	wait_answered(w, &first, 1);
	assert_true(first->ok);
	post_send(a, same);
	post_send(a, elsewhere);
	post_send(a, other);
	post_send(b, at_b);
	expect_refused(w, same, ERR_CONFLICT);
	expect_refused(w, at_b, ERR_CONFLICT);
	wait_answered(w, &elsewhere, 1);
	wait_answered(w, &other, 1);
	assert_true(elsewhere->ok && other->ok);
	assert_int_equal(messages(), 3);
}

static void
test_an_event_id_of_last_week_is_still_taken(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	db_exec(&db,
	    "insert into message_uid select %lld, 'x',"
	    " floor(extract(epoch from now()) / 604800) - 1, 4711",
	    (long long)app);
	struct post *p = named(w, "x", 1);
	post_send(a, p);
	expect_refused(w, p, ERR_CONFLICT);
	assert_int_equal(messages(), 0);
}

/* ---- keys --------------------------------------------------------------------------------- */

static void
test_a_key_again(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a"), *b = warm_node(w, "b");
	struct post *first = keyed(w, "key", "body"), *again = keyed(w, "key", "body"),
		    *at_b = keyed(w, "key", "body"), *wrong = keyed(w, "key", "other body"),
		    *other = keyed(w, "another", "body");
	post_send(a, first);
	wait_answered(w, &first, 1);
	assert_true(first->ok && !first->replayed);
	post_send(a, again);
	post_send(a, wrong);
	post_send(a, other);
	post_send(b, at_b);
	wait_answered(w, &again, 1);
	wait_answered(w, &at_b, 1);
	assert_true(again->ok && again->replayed && again->id == first->id);
	assert_true(at_b->ok && at_b->replayed && at_b->id == first->id);
	expect_refused(w, wrong, ERR_INVALID);
	wait_answered(w, &other, 1);
	assert_true(other->ok && !other->replayed);
	assert_int_equal(messages(), 2);
}

/* The same request several times in one batch: one of them is it. */
static void
test_a_key_twice_in_one_batch(void **state)
{
	struct world *w = *state;
	struct post *p[6];
	int stored = 0, refused = 0;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	for (int i = 0; i < 6; i++)
		post_send(a, p[i] = keyed(w, "key", i < 4 ? "body" : "other body"));
	wait_answered(w, p, 6);
	for (int i = 0; i < 6; i++) {
		stored += p[i]->ok && !p[i]->replayed;
		refused += !p[i]->ok;
		if (!p[i]->ok)
			assert_int_equal(p[i]->error, ERR_INVALID);
		else
			assert_int_equal(p[i]->id, db_int(&db, "select id from message"));
	}
	assert_int_equal(stored, 1);
	assert_true(refused == 2 || refused == 4); /* whichever was first */
	assert_int_equal(messages(), 1);
}

/* Two workers at once: their appends wait for the same table and then go together. */
static void
test_a_key_at_two_workers_at_once(void **state)
{
	struct world *w = *state;
	world_endpoint(w, db_app(&db, "u"), "/200");
	struct node *a = warm_node(w, "a"), *b = warm_node(w, "b");
	UNTIL(w, attempts(w, 0) == 2);
	int before = w->narrivals;
	for (int round = 0; round < 5; round++) {
		char key[16];
		snprintf(key, sizeof(key), "key-%d", round);
		struct post *p[2] = { keyed(w, key, "body"), keyed(w, key, "body") };
		db_exec(&db, "begin; lock table message in exclusive mode");
		post_send(a, p[0]);
		post_send(b, p[1]);
		UNTIL(w, db_int(&db, "select count(*) from pg_locks where not granted") == 2);
		db_exec(&db, "commit");
		wait_answered(w, p, 2);
		assert_true(p[0]->ok && p[1]->ok);
		assert_int_equal(p[0]->id, p[1]->id);
		assert_int_equal(p[0]->replayed + p[1]->replayed, 1);
	}
	assert_int_equal(messages(), 5);
	UNTIL(w, db_int(&db, "select count(*) from open_target") == 0);
	assert_int_equal(w->narrivals - before, 5);
}

/* Who loses by the key must not keep the eventId. */
static void
test_a_key_with_an_event_id(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	struct post *p[3] = { keyed(w, "key", "body"), keyed(w, "key", "body"),
		keyed(w, "key", "another body") };
	p[0]->ev.event_id = p[1]->ev.event_id = STR("x");
	p[2]->ev.event_id = STR("y");
	post_send(a, p[0]);
	wait_answered(w, p, 1);
	post_send(a, p[1]);
	post_send(a, p[2]);
	wait_answered(w, p, 3);
	assert_true(p[0]->ok && p[1]->ok && p[1]->replayed && p[1]->id == p[0]->id);
	assert_int_equal(p[2]->error, ERR_INVALID);
	struct post *q = named(w, "y", 1);
	post_send(a, q);
	wait_answered(w, &q, 1);
	assert_true(q->ok);
	assert_int_equal(messages(), 2);
}

/* The same in one batch, where the eventIds were taken before the key was tried. */
static void
test_a_key_with_event_ids_in_one_batch(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	struct post *p[3];
	static const char *const ids[] = { "x", "y", "z" };
	for (int i = 0; i < 3; i++) {
		p[i] = keyed(w, "key", "body");
		p[i]->ev.event_id = str_of(ids[i]);
		post_send(a, p[i]);
	}
	wait_answered(w, p, 3);
	assert_int_equal(messages(), 1);
	/* The two that are free again can be used. */
	UNTIL(w, db_int(&db, "select count(*) from message_uid") == 1);
	int taken = 0;
	for (int i = 0; i < 3; i++) {
		assert_true(p[i]->ok && p[i]->id == p[0]->id);
		struct post *q = named(w, ids[i], 1);
		post_send(a, q);
		wait_answered(w, &q, 1);
		taken += !q->ok;
	}
	assert_int_equal(taken, 1);
}

static void
test_a_key_of_an_event_that_is_refused_is_free(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	struct post *first = named(w, "x", 1), *p = keyed(w, "key", "body"),
		    *again = keyed(w, "key", "a corrected body");
	post_send(a, first);
	wait_answered(w, &first, 1);
	p->ev.event_id = STR("x");
	post_send(a, p);
	expect_refused(w, p, ERR_CONFLICT);
	post_send(a, again);
	wait_answered(w, &again, 1);
	assert_true(again->ok && !again->replayed);
}

static void
test_a_key_that_is_too_old_is_free(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	struct node *a = node_start(w, "a", "idempotency_ttl=1h");
	struct post *first = keyed(w, "key", "body"), *again = keyed(w, "key", "body");
	post_send(a, first);
	wait_answered(w, &first, 1);
	/* Buckets are six hours wide. */
	db_exec(&db, "create table idempotency_old partition of idempotency for values from (0) to"
		     " (1000)");
	db_exec(&db, "update idempotency set bucket = bucket %% 1000 where app_id = %lld",
	    (long long)app);
	post_send(a, again);
	wait_answered(w, &again, 1);
	assert_true(again->ok && !again->replayed && again->id != first->id);
	db_exec(&db, "drop table idempotency_old");
}

/* ---- refusals for want of something ------------------------------------------------------- */

static void
test_the_database_is_down(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	struct post *known = post_new(w, "u", 1), *unknown = post_new(w, "v", 2);
	db_crash(&db);
	UNTIL(w, pg_pool_ready(a->append) == 0 && pg_pool_ready(a->load) == 0);
	post_send(a, known);
	post_send(a, unknown);
	expect_refused(w, known, ERR_UNAVAILABLE);
	expect_refused(w, unknown, ERR_UNAVAILABLE);
	/* After a second, not after the wait of those for whom there is no room. */
	assert_non_null(strstr(known->text, "the database does not answer"));
	assert_non_null(strstr(unknown->text, "the database did not answer"));
	assert_int_equal(ingest_pending(a->ingest), 0);
	db_restart(&db);
	UNTIL(w, pg_pool_ready(a->append) && pg_pool_ready(a->load) && node_slot(a) >= 0);
	post_ok(a, "u", 3);
	assert_int_equal(messages(), 1);
}

static void
test_a_restart_in_between_is_waited_for(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	struct post *p = post_new(w, "u", 1);
	db_exec(&db, "select pg_terminate_backend(%d)", node_backend(a, "append"));
	UNTIL(w, pg_pool_ready(a->append) == 0);
	post_send(a, p);
	wait_answered(w, &p, 1);
	assert_true(p->ok);
}

static void
test_no_slot(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	db_exec(&db, "update slot set owner = 1, lease_until = 'infinity'");
	struct node *a = node_begin(w, "a", "");
	struct post *p = post_new(w, "u", 1);
	post_send(a, p);
	expect_refused(w, p, ERR_UNAVAILABLE);
	assert_int_equal(messages(), 0);
}

static void
test_no_partition(void **state)
{
	struct world *w = *state;
	db_app(&db, "u");
	struct node *a = warm_node(w, "a");
	struct post *p = post_new(w, "u", 1);
	const char *name = db_text(&db,
	    "select max(inhrelid::regclass::text) from pg_inherits where inhparent ="
	    " 'message'::regclass and partition_start(inhrelid::regclass::text) <= now()");
	db_exec(&db, "drop table %s", name);
	post_send(a, p);
	expect_refused(w, p, ERR_UNAVAILABLE);
	assert_true(db_int(&db, "select partitions_ahead()") >= 1);
	post_ok(a, "u", 2);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* In each phase: the application is being read, the append waits or is under way, the reason for a
 * refusal is being asked for. */
static void
test_freed_with_events_under_way(void **state)
{
	struct world *w = *state;
	static const char *const locked[] = { "endpoint", "message", "message_uid", NULL };
	for (size_t i = 0; i < ARRAY_LEN(locked); i++) {
		int64_t app = db_app(&db, i == 0 ? "u" : "again");
		db_exec(&db, "update app set uid = 'u' where id = %lld", (long long)app);
		struct node *n = i == 0 ? node_start(w, "a", "") : warm_node(w, "a");
		struct post *p[2] = { post_new(w, "u", 1), post_new(w, "u", 2) };
		if (i == 2)
			db_changed(&db, app); /* the append will find it changed, and ask */
		if (locked[i])
			db_exec(&db, "begin; lock table %s in access exclusive mode", locked[i]);
		post_send(n, p[0]);
		UNTIL(w, !locked[i] ||
			     db_int(&db, "select count(*) from pg_locks where not granted") > 0);
		post_send(n, p[1]);
		node_kill(n);
		if (locked[i])
			db_exec(&db, "commit");
		for (int k = 0; k < 2; k++) {
			assert_int_equal(p[k]->calls, 1);
			assert_true(p[k]->ok || p[k]->error == ERR_UNAVAILABLE);
		}
		db_clear(&db);
	}
}

/* ---- later -------------------------------------------------------------------------------- */

/* An append may wait for longer than its time was ahead. Who adopts the slot reads its retries from
 * its mark on: nothing may be due before that. */
static void
test_a_time_that_has_passed_meanwhile(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/200");
	struct node *n = node_start(w, "a", "");
	char mark[160], due[128];
	snprintf(mark, sizeof(mark),
	    "select case when isfinite(retry_low) then (extract(epoch from retry_low) * 1000000)::int8"
	    " end from slot where id = %d",
	    node_slot(n));
	int64_t hour_ago =
	    db_int(&db, "select (extract(epoch from now() - interval '1 hour') * 1000000)::int8");
	UNTIL(w, db_int(&db, "%s", mark) > hour_ago);
	int64_t low = db_int(&db, "%s", mark);
	const struct ingest_extra extra = { .deliver_at = { hour_ago } };
	struct post *p = post_new(w, "u", 1);
	p->ev.extra = &extra;
	post_send(n, p);
	wait_answered(w, &p, 1);
	assert_true(p->ok);
	snprintf(due, sizeof(due),
	    "select (extract(epoch from min(due)) * 1000000)::int8 from retry where msg_id = %lld",
	    (long long)p->id);
	assert_true(db_int(&db, "%s", due) >= low);
	UNTIL(w, arrived(w, p->id, NULL));
}

/* ---- the program -------------------------------------------------------------------------- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_event_is_stored_as_it_came),
		TEST(test_an_application_by_its_id),
		TEST(test_what_comes_together_is_stored_together),
		TEST(test_more_than_a_batch),
		TEST(test_a_batch_of_good_and_bad),
		TEST(test_a_list_is_stored_in_its_order),
		TEST(test_a_list_does_not_hold_up_others),
		TEST(test_others_do_not_hold_up_a_list),
		TEST(test_a_list_of_good_and_bad),
		TEST(test_an_endpoint_added_since_gets_the_list),
		TEST(test_an_endpoint_added_since_gets_the_event),
		TEST(test_an_endpoint_added_during_the_append_gets_the_event),
		TEST(test_an_endpoint_disabled_since_does_not_get_it),
		TEST(test_an_application_deleted_since),
		TEST(test_a_uid_given_to_another_application),
		TEST(test_no_such_application),
		TEST(test_an_event_id_is_taken_once),
		TEST(test_an_event_id_of_last_week_is_still_taken),
		TEST(test_a_key_again),
		TEST(test_a_key_twice_in_one_batch),
		TEST(test_a_key_at_two_workers_at_once),
		TEST(test_a_key_with_an_event_id),
		TEST(test_a_key_with_event_ids_in_one_batch),
		TEST(test_a_key_of_an_event_that_is_refused_is_free),
		TEST(test_a_key_that_is_too_old_is_free),
		TEST(test_the_database_is_down),
		TEST(test_a_restart_in_between_is_waited_for),
		TEST(test_no_slot),
		TEST(test_no_partition),
		TEST(test_a_time_that_has_passed_meanwhile),
		TEST(test_freed_with_events_under_way),
	};
	return RUN(tests);
}
