/* The catalogue's cache against a real database. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/metric.h"

#include "../support/db.h"
#include "../support/turn.h"
#include "store/catalogue.h"

#define APPS_MAX 4

static struct db db;

struct fixture {
	struct loop *loop;
	struct pg_pool *pool;
	struct catalogue *cat;
	int updates;
};

/* How a load ended. */
struct loaded {
	int calls;
	const struct cat_app *app; /* one reference */
	enum err_kind error;
};

static void
on_loaded(void *arg, const struct cat_app *app, const struct err *e)
{
	struct loaded *x = arg;
	assert_true(!app != !e);
	x->calls++;
	if (app)
		x->app = cat_app_ref(app);
	else
		x->error = e->kind;
}

static void
on_update(void *arg, const struct cat_app *app)
{
	struct fixture *f = arg;
	assert_non_null(app);
	f->updates++;
}

static struct str
app_text(int64_t id)
{
	static char text[ID_TEXT_SIZE];
	return str_of(id_to_text(ID_APP, id, text));
}

/* The application as the database has it now, or NULL; valid until the test drops it. */
static const struct cat_app *
load(struct fixture *f, const char *ref)
{
	struct loaded x = { 0 };
	catalogue_load(f->cat, STR("org"), str_of(ref), on_loaded, &x);
	assert_int_equal(x.calls, 0); /* never from inside */
	TURN_UNTIL(f->loop, x.calls);
	if (!x.app)
		assert_int_equal(x.error, ERR_NOT_FOUND);
	return x.app;
}

static const struct cat_app *
load_id(struct fixture *f, int64_t id)
{
	struct loaded x = { 0 };
	catalogue_load_id(f->cat, id, on_loaded, &x);
	assert_int_equal(x.calls, 0);
	TURN_UNTIL(f->loop, x.calls);
	if (!x.app)
		assert_int_equal(x.error, ERR_NOT_FOUND);
	return x.app;
}

static void
read_in(struct fixture *f, int64_t id)
{
	const struct cat_app *app = load_id(f, id);
	assert_non_null(app);
	cat_app_unref(app);
}

static const struct cat_app *
find(struct fixture *f, const char *ref)
{
	return catalogue_find(f->cat, STR("org"), str_of(ref));
}

/* ---- reading ------------------------------------------------------------------------------ */

static void
check_endpoint(const struct cat_endpoint *e)
{
	assert_true(str_eq(e->url, STR("https://a.example/1")));
	assert_int_equal(e->url_no, 3);
	assert_true(e->disabled);
	assert_int_equal(e->timeout_ms, 1500);
	assert_int_equal(e->max_in_flight, 9);
	assert_true(e->has_schedule);
	assert_int_equal(e->schedule.steps, 2);
	assert_int_equal(e->schedule.delay_ms[1], 60000);
	assert_int_equal(e->filter.ntypes, 2);
	assert_true(str_eq(e->filter.types[0], STR("a.b"))); /* sorted */
	assert_true(str_eq(e->filter.types[1], STR("z")));
	assert_int_equal(e->filter.nchannels, 1);
	assert_int_equal(e->nheaders, 2);
	assert_string_equal(e->headers[0], "X-One: 1");
	assert_string_equal(e->headers[1], "X-Two: a \"quoted\" b");
	assert_int_equal(e->nsecrets, 2); /* the newest first */
	assert_memory_equal(e->secrets[0].key.bytes, "twenty-four bytes of key", 24);
	assert_memory_equal(e->secrets[1].key.bytes, "an old key of 24 bytes..", 24);
	assert_int_equal(e->secrets[0].kind, SIGN_HMAC);
	assert_int_equal(e->secrets[1].kind, SIGN_HMAC); /* as no kind is stored */
	assert_int_equal(e->secrets_until[0].us, 0);
	assert_int_equal(e->secrets_until[1].us, INT64_C(1795252800) * USEC_PER_SEC);
}

static void
test_all_of_an_application(void **state)
{
	struct fixture *f = *state;
	int64_t id = db_app(&db, "u"), a = db_endpoint(&db, id, "https://a.example/1"),
		b = db_endpoint(&db, id, "https://b.example/"),
		gone = db_endpoint(&db, id, "https://c.example/");
	db_exec(&db,
	    "update endpoint set url_no = 3, disabled = true, event_types = '{z,a.b}',"
	    " channels = '{x}', headers = '{\"X-One\":\"1\",\"X-Two\":\"a \\\"quoted\\\" b\"}',"
	    " retry_schedule = '{5000,60000}', timeout_ms = 1500, max_in_flight = 9,"
	    " old_secrets = array['an old key of 24 bytes..'::bytea],"
	    " old_secrets_until = array['2026-11-21T09:20:00Z'::timestamptz] where id = %lld",
	    (long long)a);
	db_exec(&db, "update endpoint set deleted_at = now() where id = %lld", (long long)gone);
	const struct cat_app *app = load(f, "u");
	assert_non_null(app);
	assert_int_equal(app->id, id);
	assert_true(str_eq(app->org, STR("org")) && str_eq(app->uid, STR("u")));
	assert_int_equal(app->version, 4);
	assert_false(app->deleted);
	assert_int_equal(app->nendpoints, 2);
	assert_true(app->endpoints[0].id == a && app->endpoints[1].id == b);
	check_endpoint(cat_endpoint_get(app, a));
	const struct cat_endpoint *plain = cat_endpoint_get(app, b);
	assert_false(plain->disabled || plain->has_schedule);
	assert_int_equal(plain->filter.ntypes + plain->filter.nchannels + plain->nheaders, 0);
	assert_int_equal(plain->nsecrets, 1);
	assert_null(cat_endpoint_get(app, gone));
	assert_null(cat_endpoint_get(app, 0));
	assert_null(cat_endpoint_get(app, INT64_MAX));
	cat_app_unref(app);
}

/* Of thirteen old keys the ten newest sign; each has the kind in its place, where there is one. */
static void
test_many_keys(void **state)
{
	struct fixture *f = *state;
	int64_t id = db_app(&db, "u");
	db_endpoint(&db, id, "https://a.example/");
	db_exec(&db, "update endpoint set secret_kind = 2, old_secrets ="
		     " array(select int8send(i) from generate_series(1, 13) i), old_secrets_until ="
		     " array(select now() + interval '1 hour' from generate_series(1, 13)),"
		     " old_secret_kinds = array_fill(0::int2, array[10]) || '{1,2}'::int2[]");
	const struct cat_app *app = load(f, "u");
	const struct cat_endpoint *e = &app->endpoints[0];
	assert_int_equal(e->nsecrets, SIGN_KEYS_MAX);
	assert_int_equal(e->secrets[0].kind, SIGN_TEXT);
	for (int i = 1; i < SIGN_KEYS_MAX; i++) {
		assert_int_equal(e->secrets[i].key.bytes[7], 14 - i);
		assert_int_equal(e->secrets[i].kind, i == 2   ? SIGN_TEXT
						     : i == 3 ? SIGN_ED25519
							      : SIGN_HMAC);
	}
	cat_app_unref(app);
}

static void
test_an_application_without_uid_and_endpoints(void **state)
{
	struct fixture *f = *state;
	int64_t id = db_app(&db, "u");
	db_exec(&db, "update app set uid = null");
	char text[ID_TEXT_SIZE];
	const struct cat_app *app = load(f, id_to_text(ID_APP, id, text));
	assert_non_null(app);
	assert_int_equal(app->nendpoints, 0);
	assert_null(app->uid.p);
	assert_ptr_equal(find(f, text), app);
	assert_null(find(f, "u"));
	cat_app_unref(app);
}

static void
test_what_is_not_there(void **state)
{
	struct fixture *f = *state;
	int64_t id = db_app(&db, "u");
	struct loaded x = { 0 };
	assert_null(load(f, "v"));
	assert_null(load(f, "app_00000000001"));
	assert_null(load(f, ""));
	assert_null(load_id(f, 1));
	/* Another organisation's, by uid and by id, read and cached. */
	catalogue_load(f->cat, STR("other"), STR("u"), on_loaded, &x);
	TURN_UNTIL(f->loop, x.calls == 1);
	catalogue_load(f->cat, STR("other"), app_text(id), on_loaded, &x);
	TURN_UNTIL(f->loop, x.calls == 2);
	assert_null(x.app);
	assert_int_equal(x.error, ERR_NOT_FOUND);
	read_in(f, id);
	assert_non_null(find(f, "u"));
	assert_null(catalogue_find(f->cat, STR("other"), STR("u")));
	assert_null(catalogue_find(f->cat, STR("other"), app_text(id)));
}

/* ---- what changes ------------------------------------------------------------------------- */

static void
test_a_uid_moves(void **state)
{
	struct fixture *f = *state;
	int64_t a = db_app(&db, "u"), b = db_app(&db, "v");
	read_in(f, a);
	read_in(f, b);
	assert_int_equal(find(f, "u")->id, a);
	db_exec(&db, "update app set uid = 'w', version = version + 1 where uid = 'u'");
	db_exec(&db, "update app set uid = 'u', version = version + 1 where uid = 'v'");
	read_in(f, b);
	assert_int_equal(find(f, "u")->id, b);
	assert_null(find(f, "v"));
	assert_int_equal(catalogue_find_id(f->cat, a)->id, a); /* stale, and still found by id */
	read_in(f, a);
	assert_int_equal(find(f, "w")->id, a);
	assert_int_equal(find(f, "u")->id, b);
}

/* The one that has lost the uid comes first. */
static void
test_two_uids_change_places(void **state)
{
	struct fixture *f = *state;
	int64_t a = db_app(&db, "u"), b = db_app(&db, "v");
	read_in(f, a);
	read_in(f, b);
	db_exec(&db, "update app set uid = null where uid = 'u'");
	db_exec(&db, "update app set uid = 'u', version = version + 1 where uid = 'v'");
	db_exec(&db, "update app set uid = 'v', version = version + 1 where uid is null");
	read_in(f, a);
	read_in(f, b);
	assert_int_equal(find(f, "u")->id, b);
	assert_int_equal(find(f, "v")->id, a);
}

static void
test_a_deleted_application(void **state)
{
	struct fixture *f = *state;
	int64_t a = db_app(&db, "u"), b;
	db_endpoint(&db, a, "https://a.example/");
	read_in(f, a);
	db_exec(&db, "update app set deleted_at = now(), version = version + 1");
	assert_null(load(f, "u"));
	const struct cat_app *app = load_id(f, a);
	assert_non_null(app);
	assert_true(app->deleted);
	assert_int_equal(app->nendpoints, 0);
	cat_app_unref(app);
	assert_null(find(f, "u"));
	assert_null(catalogue_find(f->cat, STR("org"), app_text(a)));
	assert_true(catalogue_find_id(f->cat, a)->deleted);
	/* Its uid is free for another one, and reading it again takes nothing back. */
	b = db_app(&db, "u");
	read_in(f, b);
	read_in(f, a);
	assert_int_equal(find(f, "u")->id, b);
}

static void
test_a_snapshot_outlives_its_place(void **state)
{
	struct fixture *f = *state;
	int64_t id = db_app(&db, "u");
	const struct cat_app *old = load(f, "u");
	db_endpoint(&db, id, "https://a.example/");
	read_in(f, id);
	assert_int_equal(old->nendpoints, 0);
	assert_true(str_eq(old->uid, STR("u")));
	assert_int_equal(find(f, "u")->nendpoints, 1);
	cat_app_unref(old);
}

static void
test_changes_are_read_when_they_concern_us(void **state)
{
	struct fixture *f = *state;
	int64_t a = db_app(&db, "u"), b = db_app(&db, "v");
	read_in(f, a);
	int before = f->updates;
	catalogue_changed(f->cat, b, 9); /* not cached */
	catalogue_changed(f->cat, a, 1); /* cached with that version */
	db_endpoint(&db, a, "https://a.example/");
	catalogue_changed(f->cat, a, 2);
	TURN_UNTIL(f->loop, find(f, "u")->version == 2);
	assert_int_equal(f->updates, before + 1);
	assert_null(catalogue_find_id(f->cat, b));
}

/* ---- races -------------------------------------------------------------------------------- */

/* Of two answers on two connections the older one arrives last: it was read before the change, and
 * then waited for the test's lock (see slow_headers). */
static void
test_an_older_answer_comes_later(void **state)
{
	struct fixture *f = *state;
	struct loaded old = { 0 };
	int64_t id = db_app(&db, "u"), endpoint = db_endpoint(&db, id, "https://old.example/");
	db_exec(&db, "update endpoint set headers = '{\"wait\":\"1\"}'");
	db_exec(&db, "select pg_advisory_lock(1)");
	catalogue_load(f->cat, STR("org"), STR("u"), on_loaded, &old);
	TURN_UNTIL(f->loop, db_int(&db, "select count(*) from pg_locks where not granted") == 1);
	db_exec(&db, "update endpoint set headers = '{}', url = 'https://new.example/'");
	db_changed(&db, id);
	read_in(f, id);
	assert_int_equal(find(f, "u")->version, 3);
	assert_int_equal(old.calls, 0);
	db_exec(&db, "select pg_advisory_unlock(1)");
	TURN_UNTIL(f->loop, old.calls);
	assert_int_equal(find(f, "u")->version, 3);
	assert_true(
	    str_eq(cat_endpoint_get(find(f, "u"), endpoint)->url, STR("https://new.example/")));
	assert_ptr_equal(old.app, find(f, "u")); /* who asked gets the newer one, too */
	cat_app_unref(old.app);
}

static void
test_loads_share_a_query_that_is_not_older_than_they_are(void **state)
{
	struct fixture *f = *state;
	struct loaded x[6] = { 0 };
	db_app(&db, "u");
	for (int i = 0; i < 6; i++)
		catalogue_load(f->cat, STR("org"), STR("u"), on_loaded, &x[i]);
	TURN_UNTIL(f->loop, x[5].calls);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(x[i].calls, 1);
		assert_non_null(x[i].app);
	}
	/* The first asked alone; the others came while it was on its way. */
	assert_int_equal(f->updates, 2);
	assert_ptr_not_equal(x[0].app, x[1].app);
	for (int i = 2; i < 6; i++)
		assert_ptr_equal(x[i].app, x[1].app);
	for (int i = 0; i < 6; i++)
		cat_app_unref(x[i].app);
}

/* ---- bounds and ends ---------------------------------------------------------------------- */

static void
test_the_least_recently_used_go(void **state)
{
	struct fixture *f = *state;
	int64_t id[APPS_MAX + 2];
	char uid[8];
	for (int i = 0; i < APPS_MAX + 2; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		id[i] = db_app(&db, uid);
	}
	for (int i = 0; i < APPS_MAX; i++)
		read_in(f, id[i]);
	const struct cat_app *second = cat_app_ref(find(f, "u1"));
	assert_non_null(find(f, "u0")); /* used: u1, u0 are the newest now */
	assert_non_null(catalogue_find_id(f->cat, id[2]));
	read_in(f, id[APPS_MAX]);
	assert_null(find(f, "u3"));
	assert_null(catalogue_find_id(f->cat, id[3]));
	read_in(f, id[APPS_MAX + 1]);
	assert_null(find(f, "u1"));
	assert_true(str_eq(second->uid, STR("u1"))); /* its reader keeps it */
	cat_app_unref(second);
	assert_non_null(find(f, "u0"));
	assert_non_null(find(f, "u2"));
	assert_non_null(find(f, "u4"));
	assert_non_null(find(f, "u5"));
	assert_int_equal(metric_own(METRIC_CATALOGUE_APPS), APPS_MAX);
	read_in(f, id[1]); /* and comes back */
	assert_int_equal(find(f, "u1")->id, id[1]);
}

static void
test_what_nobody_uses_goes(void **state)
{
	struct fixture *f = *state;
	int64_t a = db_app(&db, "a"), b = db_app(&db, "b");
	read_in(f, a);
	read_in(f, b);
	catalogue_drop_idle(f->cat, USEC_PER_SEC * 3600);
	assert_non_null(find(f, "a"));
	assert_non_null(catalogue_find_id(f->cat, b)); /* the newest */
	usec_t found_at = loop_now(f->loop);
	TURN_UNTIL(f->loop, loop_now(f->loop) > found_at);
	usec_t used_at = loop_now(f->loop);
	assert_non_null(find(f, "a"));
	TURN_UNTIL(f->loop, loop_now(f->loop) > used_at);
	catalogue_drop_idle(f->cat, loop_now(f->loop) - used_at + 1);
	assert_null(find(f, "b"));
	assert_null(catalogue_find_id(f->cat, b));
	assert_int_equal(find(f, "a")->id, a);
	assert_int_equal(metric_own(METRIC_CATALOGUE_APPS), 1);
	read_in(f, b); /* and comes back */
	assert_int_equal(find(f, "b")->id, b);
}

static void
test_the_database_goes_and_comes(void **state)
{
	struct fixture *f = *state;
	struct loaded x = { 0 };
	int64_t id = db_app(&db, "u");
	read_in(f, id);
	db_crash(&db);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 0);
	catalogue_load_id(f->cat, id, on_loaded, &x);
	TURN_UNTIL(f->loop, x.calls);
	assert_int_equal(x.error, ERR_UNAVAILABLE);
	assert_non_null(find(f, "u")); /* what is known stays known */
	db_restart(&db);
	read_in(f, id);
}

static void
test_free_with_loads_under_way(void **state)
{
	struct fixture *f = *state;
	struct loaded x[3] = { 0 };
	db_app(&db, "u");
	catalogue_load(f->cat, STR("org"), STR("u"), on_loaded, &x[0]);
	catalogue_load(f->cat, STR("org"), STR("u"), on_loaded, &x[1]);
	catalogue_load_id(f->cat, 1, on_loaded, &x[2]);
	catalogue_free(f->cat);
	f->cat = NULL;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(x[i].calls, 1);
		assert_int_equal(x[i].error, ERR_UNAVAILABLE);
	}
}

/* ---- the program -------------------------------------------------------------------------- */

/* Stands in front of PostgreSQL's own in the pool's search path: reading the headers {"wait":"1"}
 * waits for a lock, within the statement, whose snapshot is taken. */
static const char slow_headers[] =
    "create function json_each_text(j json, out key text, out value text) returns setof record"
    " language plpgsql as $$ begin"
    "  if j::text like '%wait%' then perform pg_advisory_xact_lock_shared(1); end if;"
    "  return query select * from pg_catalog.json_each_text(j);"
    " end $$";

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	char url[512];
	snprintf(url, sizeof(url), "%s options='-c search_path=public,pg_catalog'", db_url(&db));
	const struct pg_options o = { .url = url,
		.name = "test",
		.connections = 2,
		.wait_max = USEC_PER_SEC,
		.prepare = true };
	db_clear(&db);
	f->loop = loop_new();
	f->pool = pg_pool_new(f->loop, &o);
	f->cat = catalogue_new(f->loop, f->pool, APPS_MAX);
	catalogue_on_update(f->cat, on_update, f);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 2);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	catalogue_free(f->cat);
	pg_pool_free(f->pool);
	loop_free(f->loop);
	free(f);
	return 0;
}

static int
group_set_up(void **state)
{
	(void)state;
	db_start(&db);
	db_exec(&db, "%s", slow_headers);
	return 0;
}

static int
group_tear_down(void **state)
{
	(void)state;
	db_stop(&db);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_of_an_application),
		TEST(test_many_keys),
		TEST(test_an_application_without_uid_and_endpoints),
		TEST(test_what_is_not_there),
		TEST(test_a_uid_moves),
		TEST(test_two_uids_change_places),
		TEST(test_a_deleted_application),
		TEST(test_a_snapshot_outlives_its_place),
		TEST(test_changes_are_read_when_they_concern_us),
		TEST(test_an_older_answer_comes_later),
		TEST(test_loads_share_a_query_that_is_not_older_than_they_are),
		TEST(test_the_least_recently_used_go),
		TEST(test_what_nobody_uses_goes),
		TEST(test_the_database_goes_and_comes),
		TEST(test_free_with_loads_under_way),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
