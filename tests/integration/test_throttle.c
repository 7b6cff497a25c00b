/* Throttles: the statement that reserves, asked by several sessions, and workers that live on it.
 * What goes out is held against the bound that policy/bucket.h states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/name_server.h"
#include "../support/world.h"
#include "policy/bucket.h"
#include "send/throttle.h"
#include "statements.h"

static struct db db;

#define MS      USEC_PER_MS
#define SEC     USEC_PER_SEC
#define HORIZON (250 * MS) /* of throttle_reserve.sql */
#define BACK    (100 * MS)

/* ---- the statement ------------------------------------------------------------------------ */

struct session {
	PGconn *c;
};

static void
session_open(struct session *s)
{
	struct err e;
	s->c = pg_connect_sync(db_url(&db), &e);
	if (!s->c || pg_exec_sync(s->c, "set statement_timeout = '30s'", &e))
		fail_msg("%s", e.text);
}

static void
session_close(struct session *s)
{
	PQfinish(s->c);
}

/* The arrays as literals: "{1,2}". */
static void
session_ask(struct session *s, const char *apps, const char *endpoints, const char *rates,
    const char *wanted)
{
	const char *const values[] = { apps, endpoints, rates, wanted };
	assert_int_equal(
	    PQsendQueryParams(s->c, stmt_throttle_reserve.sql, 4, NULL, values, NULL, NULL, 0), 1);
}

struct lot {
	int n;
	int64_t start, again; /* INT64_MIN: null */
};

/* A number of the answer, or `none` for a null. */
static int64_t
field(const PGresult *r, int row, int col, int64_t none)
{
	int64_t value;
	if (PQgetisnull(r, row, col))
		return none;
	if (str_to_i64(str_of(PQgetvalue(r, row, col)), INT64_MIN, INT64_MAX, &value))
		fail_msg("not a number: %s", PQgetvalue(r, row, col));
	return value;
}

/* Of the last question; returns how many rows it had. */
static int
session_answer(struct session *s, struct lot *ret, int max)
{
	PGresult *r = PQgetResult(s->c);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%s", PQresultErrorMessage(r));
	int n = PQntuples(r);
	assert_true(n <= max);
	for (int i = 0; i < n; i++) {
		struct lot *lot = &ret[field(r, i, 0, 0) - 1];
		lot->n = (int)field(r, i, 1, 0);
		lot->start = field(r, i, 2, INT64_MIN);
		lot->again = field(r, i, 3, INT64_MIN);
	}
	PQclear(r);
	while ((r = PQgetResult(s->c)))
		PQclear(r);
	return n;
}

static struct lot
reserve(struct session *s, int rate, int wanted)
{
	struct lot lot;
	char rates[16], wants[16];
	snprintf(rates, sizeof(rates), "{%d}", rate);
	snprintf(wants, sizeof(wants), "{%d}", wanted);
	session_ask(s, "{1}", "{11}", rates, wants);
	assert_int_equal(session_answer(s, &lot, 1), 1);
	return lot;
}

/* free_at, in microseconds from now. */
static int64_t
ahead(void)
{
	return db_int(&db,
	    "select (extract(epoch from free_at - clock_timestamp()) * 1000000)::int8"
	    " from throttle where app_id = 1 and endpoint_id = 11");
}

static void
test_a_lot_is_what_is_wanted_but_no_more_than_a_quarter_second(void **state)
{
	static const struct {
		int rate, wanted, n;
	} rows[] = {
		{ 1, 1, 1 },
		{ 1, 1000, 1 },
		{ 3, 1000, 1 },
		{ 8, 1000, 2 },
		{ 500, 3, 3 },
		{ 500, 125, 125 },
		{ 500, 1000000, 125 },
		{ 65535, 1000000, 16383 },
	};
	(void)state;
	struct session s;
	session_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		db_exec(&db, "delete from throttle");
		struct lot lot = reserve(&s, rows[i].rate, rows[i].wanted);
		assert_int_equal(lot.n, rows[i].n);
		assert_true(lot.start != INT64_MIN && lot.start <= 0 && lot.start > -30 * SEC);
		assert_true(ahead() <= rows[i].n * SEC / rows[i].rate + 1);
	}
	session_close(&s);
}

/* Without a pause in between lots follow each other without a gap, until one lies too far ahead. */
static void
test_nothing_is_reserved_far_ahead(void **state)
{
	(void)state;
	struct session s;
	session_open(&s);
	int lots = 0;
	struct lot lot;
	int64_t before = INT64_MIN;
	while ((lot = reserve(&s, 40, 10)).start != INT64_MIN) {
		assert_true(lot.start <= HORIZON);
		assert_true(lot.start > before || before == INT64_MIN || before < 0);
		before = lot.start;
		assert_true(++lots < 1000);
	}
	assert_true(lot.again > 0 && lot.again <= 250 * MS);
	assert_true(ahead() <= HORIZON + 250 * MS);
	session_close(&s);
}

/* All that sessions get in their haste fits between the first start and the end of the last. */
static void
test_sessions_get_no_more_than_the_rate_together(void **state)
{
	enum {
		SESSIONS = 3,
		ROUNDS = 150
	};
	static const int rates[] = { 1, 7, 500, 65535 };
	(void)state;
	struct session s[SESSIONS];
	for (int k = 0; k < SESSIONS; k++)
		session_open(&s[k]);
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		char rate[16];
		int64_t got = 0;
		snprintf(rate, sizeof(rate), "{%d}", rates[i]);
		db_exec(&db, "delete from throttle");
		int64_t from =
		    db_int(&db, "select (extract(epoch from clock_timestamp()) * 1e6)::int8");
		for (int round = 0; round < ROUNDS; round++) {
			for (int k = 0; k < SESSIONS; k++)
				session_ask(&s[k], "{1}", "{11}", rate, "{1000000}");
			for (int k = 0; k < SESSIONS; k++) {
				struct lot lot;
				assert_int_equal(session_answer(&s[k], &lot, 1), 1);
				got += lot.start == INT64_MIN ? 0 : lot.n;
			}
		}
		int64_t to =
		    db_int(&db, "select (extract(epoch from free_at) * 1e6)::int8 from throttle");
		if ((double)got > (double)(to - from + BACK) / SEC * rates[i] + 1)
			fail_msg("rate %d: %lld in %lld us", rates[i], (long long)got,
			    (long long)(to - from));
		assert_true(got >= 1);
		assert_true(ahead() <= HORIZON + (rates[i] > 4 ? 250 * MS : SEC));
	}
	for (int k = 0; k < SESSIONS; k++)
		session_close(&s[k]);
}

/* What was not reserved is not saved up for more than a tenth of a second. */
static void
test_idle_time_is_lost(void **state)
{
	(void)state;
	struct session s;
	session_open(&s);
	db_exec(&db, "insert into throttle values (1, 11, 100, now() - interval '1 hour')");
	int64_t got = 0;
	struct lot lot;
	int64_t from = db_int(&db, "select (extract(epoch from clock_timestamp()) * 1e6)::int8");
	while ((lot = reserve(&s, 100, 25)).start != INT64_MIN && got < 100000)
		got += lot.n;
	int64_t to = db_int(&db, "select (extract(epoch from clock_timestamp()) * 1e6)::int8");
	assert_true(got >= 25);
	assert_true((double)got <= (double)(BACK + to - from + HORIZON + 250 * MS) / SEC * 100 + 1);
	session_close(&s);
}

/* A clock that was set back, or a rate that was raised: nobody waits for the old mark. */
static void
test_a_mark_that_cannot_be_is_void(void **state)
{
	static const struct {
		const char *mark;
		int rate;
		bool granted;
	} rows[] = {
		{ "1 hour", 500, true },
		{ "1.2 seconds", 500, true },
		{ "0.49 seconds", 500, false },
		{ "1.2 seconds", 1, false },
		{ "5 seconds", 1, true },
		{ "1 year", 1, true },
	};
	(void)state;
	struct session s;
	session_open(&s);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct lot lot;
		int tries = 0;
		do { /* again, should the machine have slept until the mark was near */
			db_exec(&db, "delete from throttle");
			db_exec(&db,
			    "insert into throttle values (1, 11, 1, clock_timestamp() + interval '%s')",
			    rows[i].mark);
			lot = reserve(&s, rows[i].rate, 1);
		} while ((lot.start != INT64_MIN) != rows[i].granted && ++tries < 20);
		if (tries == 20)
			fail_msg("%s at %d", rows[i].mark, rows[i].rate);
		if (rows[i].granted)
			assert_true(lot.start <= HORIZON);
	}
	session_close(&s);
}

/* Two sessions that want the same rows, named in opposite order, again and again. */
static void
test_sessions_do_not_deadlock(void **state)
{
	enum {
		KEYS = 300,
		ROUNDS = 20
	};
	static char up[KEYS * 8], down[KEYS * 8], apps[KEYS * 8], rates[KEYS * 8];
	static struct lot lots[KEYS];
	(void)state;
	for (int i = 0; i < KEYS; i++) {
		const char *end = i == KEYS - 1 ? "}" : "";
		snprintf(up + strlen(up), 8, "%s%d%s", i ? "," : "{", i + 100, end);
		snprintf(down + strlen(down), 8, "%s%d%s", i ? "," : "{", KEYS + 99 - i, end);
		snprintf(apps + strlen(apps), 8, "%s1%s", i ? "," : "{", end);
		snprintf(rates + strlen(rates), 8, "%s500%s", i ? "," : "{", end);
	}
	struct session a, b;
	session_open(&a);
	session_open(&b);
	for (int round = 0; round < ROUNDS; round++) {
		/* New rows, and rows that are there. */
		if (round % 2)
			db_exec(&db, "update throttle set free_at = now()");
		else
			db_exec(&db, "delete from throttle");
		session_ask(&a, apps, up, rates, apps);
		session_ask(&b, apps, down, rates, apps);
		assert_int_equal(session_answer(&a, lots, KEYS), KEYS);
		assert_int_equal(session_answer(&b, lots, KEYS), KEYS);
		assert_int_equal(db_int(&db, "select count(*) from throttle"), KEYS);
	}
	session_close(&a);
	session_close(&b);
}

/* Who cannot get anything does not wait for a lock to hear it. */
static void
test_rows_far_ahead_are_not_locked(void **state)
{
	(void)state;
	struct session s;
	session_open(&s);
	db_exec(&db, "insert into throttle values (1, 11, 1, now() + interval '1.2 seconds')");
	db_exec(&db, "begin; select from throttle for update");
	struct lot lot = reserve(&s, 1, 1);
	assert_true(lot.start == INT64_MIN && lot.again > 0);
	db_exec(&db, "commit");
	session_close(&s);
}

/* Two saw the same mark, one was faster. */
static void
test_the_slower_one_gets_nothing(void **state)
{
	(void)state;
	struct session s;
	struct lot lot;
	session_open(&s);
	db_exec(&db, "insert into throttle values (1, 11, 1, now())");
	db_exec(&db, "begin; update throttle set free_at = now() + interval '1.2 seconds'");
	session_ask(&s, "{1}", "{11}", "{1}", "{1}");
	for (int tries = 0; !db_int(&db, "select count(*) from pg_locks where not granted");)
		assert_true(++tries < 100000);
	db_exec(&db, "commit");
	assert_int_equal(session_answer(&s, &lot, 1), 1);
	assert_true(lot.start == INT64_MIN && lot.again <= 0);
	assert_true(ahead() <= 1200 * MS);
	session_close(&s);
}

/* ---- workers ------------------------------------------------------------------------------ */

#define WORKERS   2
#define TAKEN_MAX 4000

/* Workers in one process, each with a pool of its own and one limit; whatever opens is taken. */
struct crew {
	struct loop *loop;
	int ntaken;
	usec_t taken[TAKEN_MAX];
	struct hand {
		struct crew *crew;
		struct pg_pool *pool;
		struct throttle *throttle;
		struct limit *limit;
		int waiting, taken;
		struct timer look;
	} hand[WORKERS];
};

static void
on_open(void *arg)
{
	struct hand *h = arg;
	while (h->waiting > 0 && limit_open(h->limit)) {
		limit_take(h->limit);
		h->waiting--;
		h->taken++;
		assert_true(h->crew->ntaken < TAKEN_MAX);
		h->crew->taken[h->crew->ntaken++] = loop_now(h->crew->loop);
	}
	limit_want(h->limit, h->waiting);
}

static void
hand_wants(struct hand *h, int waiting)
{
	h->waiting = waiting;
	limit_want(h->limit, waiting);
}

static struct crew *
crew_start(int rate)
{
	static struct crew c;
	c = (struct crew){ .loop = loop_new() };
	const struct pg_options o = { .url = db_url(&db),
		.name = "throttle",
		.connections = 1,
		.wait_max = SEC,
		.run_max = 60 * SEC,
		.prepare = true };
	for (int i = 0; i < WORKERS; i++) {
		struct hand *h = &c.hand[i];
		h->crew = &c;
		h->pool = pg_pool_new(c.loop, &o);
		h->throttle = throttle_new(c.loop, h->pool);
		h->limit = limit_new(h->throttle, 1, 11, rate, on_open, h);
	}
	return &c;
}

static void
crew_stop(struct crew *c)
{
	for (int i = 0; i < WORKERS; i++) {
		limit_free(c->hand[i].limit);
		throttle_free(c->hand[i].throttle);
		pg_pool_free(c->hand[i].pool);
	}
	loop_free(c->loop);
}

/* The bound of bucket.h, over every second. */
static void
check_bound(const struct crew *c, int rate)
{
	double most = (double)rate * (double)(SEC + BACK + bucket_late(rate)) / SEC + 1;
	int first = 0;
	for (int last = 0; last < c->ntaken; last++) {
		while (c->taken[last] - c->taken[first] >= SEC)
			first++;
		if (last - first + 1 > most)
			fail_msg("rate %d: %d in a second", rate, last - first + 1);
	}
}

static void
test_workers_share_a_rate(void **state)
{
	static const struct {
		int rate, total;
	} rows[] = { { 2, 6 }, { 20, 50 }, { 500, 1000 } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		db_exec(&db, "delete from throttle");
		struct crew *c = crew_start(rows[i].rate);
		for (int k = 0; k < WORKERS; k++)
			hand_wants(&c->hand[k], rows[i].total);
		TURN_UNTIL(c->loop, c->ntaken >= rows[i].total);
		check_bound(c, rows[i].rate);
		/* It took its time. */
		assert_true(
		    c->taken[rows[i].total - 1] - c->taken[0] >=
		    (rows[i].total - 1) * SEC / rows[i].rate - BACK - bucket_late(rows[i].rate));
		crew_stop(c);
	}
}

/* The whole rate goes to those who have something waiting. */
static void
test_an_idle_worker_holds_nothing(void **state)
{
	(void)state;
	struct crew *c = crew_start(500);
	hand_wants(&c->hand[0], 500);
	TURN_UNTIL(c->loop, c->hand[0].taken == 500);
	check_bound(c, 500);
	assert_int_equal(c->hand[1].taken, 0);
	/* Nothing was reserved that nobody wanted. */
	assert_true(ahead() <= SEC / 500);
	crew_stop(c);
}

static void
test_nothing_goes_out_without_the_database(void **state)
{
	(void)state;
	struct crew *c = crew_start(20);
	hand_wants(&c->hand[0], 1000);
	TURN_UNTIL(c->loop, c->ntaken > 0);
	db_crash(&db);
	TURN_UNTIL(c->loop, pg_pool_ready(c->hand[0].pool) == 0);
	usec_t end = loop_now(c->loop) + SEC;
	TURN_UNTIL(c->loop, loop_now(c->loop) > end);
	int before = c->ntaken;
	end += SEC;
	TURN_UNTIL(c->loop, loop_now(c->loop) > end);
	assert_int_equal(c->ntaken, before);
	db_restart(&db);
	TURN_UNTIL(c->loop, c->ntaken > before);
	check_bound(c, 20);
	crew_stop(c);
}

/* It says what was free some seconds ago; others have had that since. */
static void
test_an_old_answer_is_void(void **state)
{
	(void)state;
	db_exec(&db, "create function dawdle() returns trigger language plpgsql as"
		     " 'begin perform pg_sleep(2.5); return null; end'");
	db_exec(&db, "create trigger dawdle after insert or update on throttle for each statement"
		     " execute function dawdle()");
	struct crew *c = crew_start(20);
	hand_wants(&c->hand[0], 10);
	TURN_UNTIL(c->loop, db_int(&db, "select count(*) from throttle") == 1);
	db_exec(&db, "drop function dawdle cascade");
	usec_t end = loop_now(c->loop) + 50 * MS;
	TURN_UNTIL(c->loop, loop_now(c->loop) > end);
	assert_int_equal(c->ntaken, 0);
	TURN_UNTIL(c->loop, c->ntaken == 10);
	check_bound(c, 20);
	crew_stop(c);
}

/* The answer comes when the limit that asked is not there any more. */
static void
test_a_limit_ends_at_any_time(void **state)
{
	(void)state;
	struct crew *c = crew_start(500);
	struct hand *h = &c->hand[0];
	for (int turns = 0; turns < 12; turns++) {
		hand_wants(h, 1000);
		for (int i = 0; i < turns; i++)
			loop_turn(c->loop, 1);
		limit_free(h->limit);
		h->limit = limit_new(h->throttle, 1, 11, 500, on_open, h);
	}
	int before = h->taken;
	hand_wants(h, 10);
	TURN_UNTIL(c->loop, h->taken == before + 10);
	crew_stop(c);
}

static void
want_once(void *arg)
{
	struct hand *h = arg;
	if (limit_due(h->limit) == 0)
		timer_set(&h->look, 0);
	else
		limit_want(h->limit, h->waiting);
}

/* Who says what waits between the opening and its timer hears of it nevertheless. */
static void
test_an_opening_is_told(void **state)
{
	(void)state;
	db_exec(&db, "insert into throttle values (1, 11, 500, now() + interval '0.3 seconds')");
	struct crew *c = crew_start(500);
	struct hand *h = &c->hand[0];
	timer_init(&h->look, c->loop, want_once, h);
	timer_set(&h->look, 0);
	hand_wants(h, 100);
	TURN_UNTIL(c->loop, h->taken == 100);
	timer_done(&h->look);
	crew_stop(c);
}

/* More limits than one question holds. */
static void
test_many_limits(void **state)
{
	enum {
		LIMITS = 2500
	};
	static struct hand many[LIMITS];
	(void)state;
	struct crew *c = crew_start(1);
	for (int i = 0; i < LIMITS; i++) {
		many[i] = (struct hand){ .crew = c };
		many[i].limit = limit_new(c->hand[0].throttle, 1, 100 + i, 1, on_open, &many[i]);
		hand_wants(&many[i], 1);
	}
	TURN_UNTIL(c->loop, c->ntaken == LIMITS);
	for (int i = 0; i < LIMITS; i++)
		limit_free(many[i].limit);
	crew_stop(c);
}

/* ---- in a sender -------------------------------------------------------------------------- */

/* Asks in each turn, when everything of the turn has happened but the starts. */
struct probe {
	struct timer timer;
	struct defer defer;
	struct sender *sender;
	int asked, backlogged;
};

static void
on_probe(void *arg)
{
	struct probe *p = arg;
	p->asked++;
	p->backlogged += sender_backlogged(p->sender);
}

static void
on_turn(void *arg)
{
	struct probe *p = arg;
	defer_schedule_first(&p->defer);
	timer_set(&p->timer, 0);
}

/* Much more than may wait for us waits for its rate. */
static void
test_a_backlog_at_its_rate_does_not_hold_up_acceptance(void **state)
{
	enum {
		MANY = 1500
	};
	static struct post *posts[MANY];
	static const char *const limited[] = { "endpoint", "app" };
	struct world *w = *state;
	for (size_t i = 0; i < ARRAY_LEN(limited); i++) {
		struct probe p = { 0 };
		int64_t app = db_app(&db, limited[i]);
		world_endpoint(w, app, "/200");
		db_exec(&db, "update %s set throttle_rate = 250", limited[i]);
		struct node *a = node_start(w, "a", "");
		for (int k = 0; k < MANY; k++)
			posts[k] = post_new(w, limited[i], k);
		post_send_list(a, posts, MANY);
		UNTIL(w, attempts(w, 0) > 0);
		p.sender = a->sender;
		defer_init(&p.defer, a->loop, on_probe, &p);
		timer_init(&p.timer, a->loop, on_turn, &p);
		timer_set(&p.timer, 0);
		UNTIL(w, attempts(w, 0) > 250);
		timer_done(&p.timer);
		defer_cancel(&p.defer);
		assert_true(p.asked > 100);
		assert_int_equal(p.backlogged, 0);
		node_kill(a);
		db_clear(&db);
	}
}

/* ---- what comes late ---------------------------------------------------------------------- */

enum {
	LATE_RATE = 4,
	LATE_MANY = 6,
};

/* They come from now on: not more in the time that it takes than the rate allows, whatever turns
 * were taken before. */
static void
check_late(struct world *w, struct loop *also)
{
	int before = w->narrivals;
	usec_t begin = clock_mono();
	UNTIL(w, (loop_turn(also, 0), w->narrivals == before + LATE_MANY));
	usec_t least = (LATE_MANY - 1) * SEC / LATE_RATE - BACK - bucket_late(LATE_RATE);
	if (clock_mono() - begin < least)
		fail_msg("%d in %lld us", LATE_MANY, (long long)(clock_mono() - begin));
	UNTIL(w, all_resolved(w));
}

static void
wait_for(struct world *w, usec_t time)
{
	usec_t end = clock_mono() + time;
	UNTIL(w, clock_mono() > end);
}

static PGconn *
lock(const char *table)
{
	struct session s;
	char sql[64];
	session_open(&s);
	snprintf(sql, sizeof(sql), "begin; lock table %s", table);
	PQclear(PQexec(s.c, sql));
	return s.c;
}

static int
waiting_for_locks(void)
{
	return (int)db_int(&db, "select count(*) from pg_locks where not granted");
}

/* What another worker has left has no payload in memory; it cannot be read for a while. */
static void
test_payloads_that_come_late(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u");
	world_endpoint(w, app, "/any");
	db_exec(&db, "update endpoint set throttle_rate = %d", LATE_RATE);
	struct node *a = node_start(w, "a", ""), *b = node_start(w, "b", "");
	w->any = &play_200;
	post_ok(b, "u", 0);
	UNTIL(w, all_resolved(w));
	w->any = NULL;
	for (int i = 0; i < LATE_MANY; i++)
		post_ok(a, "u", i);
	UNTIL(w, held(w) == 1);
	int slot = node_slot(a);
	node_kill(a);
	w->any = &play_200;
	PGconn *before = lock("throttle");
	db_exec(&db, "update slot set lease_until = '-infinity' where id = %d", slot);
	UNTIL(w, waiting_for_locks() > 0); /* they are in a lane, and one asks for a turn */
	PGconn *payloads = lock("message");
	PQfinish(before);
	wait_for(w, (LATE_MANY + 2) * SEC / LATE_RATE);
	assert_int_equal(w->narrivals, 2);
	PQfinish(payloads);
	check_late(w, w->loop);
}

/* Their name is not answered for a while; then it is kept for those that have to wait again. */
static void
test_names_that_come_late(void **state)
{
	static const struct name_record zone[] = { { "late.example", NAME_A, 0, "127.0.0.1" } };
	struct world *w = *state;
	struct loop *names = loop_new();
	struct name_server *server = name_server_new(names);
	char text[64];
	name_server_set(server, zone, ARRAY_LEN(zone));
	snprintf(text, sizeof(text), "http://late.example:%d/200", receiver_port(w->receiver));
	db_endpoint(&db, db_app(&db, "u"), text);
	db_exec(&db, "update endpoint set throttle_rate = %d", LATE_RATE);
	snprintf(text, sizeof(text), "dns_servers=%s", name_server_address(server));
	struct node *a = node_start(w, "a", text);
	post_ok(a, "u", 0);
	UNTIL(w, (loop_turn(names, 0), all_resolved(w)));
	wait_for(w, SEC + 100 * MS); /* until it is forgotten */
	for (int i = 1; i <= LATE_MANY; i++)
		post_ok(a, "u", i);
	wait_for(w, (LATE_MANY + 2) * SEC / LATE_RATE);
	assert_int_equal(w->narrivals, 1);
	check_late(w, names);
	assert_int_equal(name_server_questions(server, NAME_A), 2);
	node_kill(a);
	name_server_free(server);
	loop_free(names);
}

/* What is sent again by hand passes an open breaker, at the rate all the same. */
static void
test_what_is_sent_by_hand_counts(void **state)
{
	struct world *w = *state;
	int64_t app = db_app(&db, "u"), endpoint = world_endpoint(w, app, "/200");
	struct node *a = node_start(w, "a", "");
	int64_t msg = post_ok(a, "u", 0);
	UNTIL(w, all_resolved(w));
	int slot = node_slot(a);
	node_kill(a);
	db_exec(&db, "update endpoint set throttle_rate = %d", LATE_RATE);
	db_exec(&db,
	    "insert into hold (app_id, endpoint_id, slot, state, ordered)"
	    " values (%lld, %lld, %d, %d, false)",
	    (long long)app, (long long)endpoint, slot + 1 /* nobody keeps it */, HOLD_OPEN);
	db_changed(&db, app);
	db_exec(&db,
	    "insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)"
	    " select now(), %d, 0, 0, %d, %lld, %lld, %lld, n from generate_series(1, %d) n",
	    slot, TRIGGER_RESEND, (long long)app, (long long)msg, (long long)endpoint, LATE_MANY);
	node_start(w, "b", "");
	db_exec(&db, "update slot set lease_until = '-infinity' where id = %d", slot);
	check_late(w, w->loop);
}

/* ---- frame -------------------------------------------------------------------------------- */

static int
make_world(void **state)
{
	*state = world_new(&db);
	return 0;
}

static int
end_world(void **state)
{
	world_free(*state);
	return 0;
}

static int
clear(void **state)
{
	(void)state;
	db_clear(&db);
	return 0;
}

static int
start(void **state)
{
	(void)state;
	db_start(&db);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	db_stop(&db);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    test_a_lot_is_what_is_wanted_but_no_more_than_a_quarter_second, clear),
		cmocka_unit_test_setup(test_nothing_is_reserved_far_ahead, clear),
		cmocka_unit_test_setup(test_sessions_get_no_more_than_the_rate_together, clear),
		cmocka_unit_test_setup(test_idle_time_is_lost, clear),
		cmocka_unit_test_setup(test_a_mark_that_cannot_be_is_void, clear),
		cmocka_unit_test_setup(test_sessions_do_not_deadlock, clear),
		cmocka_unit_test_setup(test_rows_far_ahead_are_not_locked, clear),
		cmocka_unit_test_setup(test_the_slower_one_gets_nothing, clear),
		cmocka_unit_test_setup(test_workers_share_a_rate, clear),
		cmocka_unit_test_setup(test_an_idle_worker_holds_nothing, clear),
		cmocka_unit_test_setup(test_nothing_goes_out_without_the_database, clear),
		cmocka_unit_test_setup(test_an_old_answer_is_void, clear),
		cmocka_unit_test_setup(test_a_limit_ends_at_any_time, clear),
		cmocka_unit_test_setup(test_an_opening_is_told, clear),
		cmocka_unit_test_setup(test_many_limits, clear),
		cmocka_unit_test_setup_teardown(
		    test_a_backlog_at_its_rate_does_not_hold_up_acceptance, make_world, end_world),
		cmocka_unit_test_setup_teardown(
		    test_payloads_that_come_late, make_world, end_world),
		cmocka_unit_test_setup_teardown(test_names_that_come_late, make_world, end_world),
		cmocka_unit_test_setup_teardown(
		    test_what_is_sent_by_hand_counts, make_world, end_world),
	};
	return cmocka_run_group_tests_name("throttle", tests, start, stop);
}
