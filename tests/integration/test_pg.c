/* The pool against a real server: transactions, the line of those that wait, their ends, and
 * everything that can break on the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "../support/db.h"
#include "../support/turn.h"
#include "pg/pg.h"

#define LOCK "4711" /* the advisory lock by which the tests keep statements busy */

static struct db db;

/* How a request ended. */
struct end {
	int calls;
	bool ok;
	struct err e;
	int64_t value; /* the first field of the last statement */
	int order;     /* of all ends: 1, 2, … */
	void (*then)(struct end *x);
	void *arg; /* of then */
};

struct fixture {
	struct loop *loop;
	struct pg_pool *pool;
	struct arena *arena;
};

static int ends;
static bool over; /* a test that failed has left requests whose ends are gone */

static void
on_end(void *arg, const struct pg_result *r, const struct err *e)
{
	struct end *x = arg;
	if (over)
		return;
	assert_true(!r != !e);
	x->calls++;
	x->ok = !e;
	x->order = ++ends;
	if (e)
		x->e = *e;
	else if (pg_rows(r->res[r->n - 1]) > 0)
		x->value = pg_int(r->res[r->n - 1], 0, 0);
	if (x->then)
		x->then(x);
}

static const struct pg_stmt echo = { "echo", "select $1::int8", 1 };
static const struct pg_stmt add_row = { "add_row", "insert into t values ($1::int8)", 1 };
static const struct pg_stmt count = { "count", "select count(*) from t where id >= $1::int8", 1 };
static const struct pg_stmt hang = { "hang",
	"select count(pg_advisory_xact_lock(" LOCK "))::int8 from (select $1::int8) i", 1 };

/* Submits n statements, each with the value after the one before. */
static struct pg_ticket *
submit_all(
    struct fixture *f, const struct pg_stmt *const *stmts, int n, int64_t first, struct end *x)
{
	struct pg_args args[PG_STATEMENTS_MAX];
	struct pg_call calls[PG_STATEMENTS_MAX];
	for (int i = 0; i < n; i++) {
		pg_args_init(&args[i], f->arena);
		if (stmts[i]->nparams)
			pg_arg_int8(&args[i], first + i);
		calls[i] = (struct pg_call){ stmts[i], &args[i] };
	}
	int before = ends;
	struct pg_ticket *t = pg_submit(f->pool, calls, n, on_end, x);
	assert_int_equal(ends, before); /* never from inside pg_submit */
	return t;
}

static struct pg_ticket *
submit(struct fixture *f, const struct pg_stmt *stmt, int64_t v, struct end *x)
{
	return submit_all(f, &stmt, 1, v, x);
}

static void
wait_ok(struct fixture *f, const struct end *x)
{
	TURN_UNTIL(f->loop, x->calls);
	assert_int_equal(x->calls, 1);
	if (!x->ok)
		fail_msg("%s %s", x->e.origin, x->e.text);
}

static void
wait_error(struct fixture *f, const struct end *x, enum err_kind kind, const char *origin)
{
	TURN_UNTIL(f->loop, x->calls);
	assert_int_equal(x->calls, 1);
	assert_false(x->ok);
	assert_int_equal(x->e.kind, kind);
	assert_string_equal(x->e.origin, origin);
	assert_true(x->e.text[0]);
}

static void
expect_works(struct fixture *f)
{
	struct end x = { 0 };
	submit(f, &echo, 77, &x);
	wait_ok(f, &x);
	assert_int_equal(x.value, 77);
}

static struct pg_options
options(void)
{
	return (struct pg_options){
		.url = db_url(&db), .name = "test", .connections = 1, .prepare = true
	};
}

static void
pool_set(struct fixture *f, const struct pg_options *o)
{
	pg_pool_free(f->pool);
	f->pool = pg_pool_new(f->loop, o);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == o->connections);
}

/* The same, for a pool that has no connection yet. */
static void
pool_set_later(struct fixture *f, const struct pg_options *o)
{
	pg_pool_free(f->pool);
	f->pool = pg_pool_new(f->loop, o);
}

/* From here on `hang` does not end by itself. */
static void
hold(void)
{
	db_exec(&db, "select pg_advisory_lock(" LOCK ")");
}

static void
let_go(void)
{
	db_exec(&db, "select pg_advisory_unlock_all()");
}

static int
hanging(void)
{
	return (int)db_int(&db,
	    "select count(*) from pg_locks"
	    " where locktype = 'advisory' and objid = " LOCK " and not granted");
}

/* Submits one that hangs, and waits until it does. */
static struct pg_ticket *
submit_hang(struct fixture *f, struct end *x)
{
	int before = hanging();
	struct pg_ticket *t = submit(f, &hang, 0, x);
	TURN_UNTIL(f->loop, hanging() > before);
	return t;
}

/* ---- transactions ------------------------------------------------------------------------- */

static void
test_a_transaction_of_several_statements(void **state)
{
	struct fixture *f = *state;
	const struct pg_stmt *const stmts[] = { &add_row, &echo, &count };
	struct end x = { 0 };
	submit_all(f, stmts, 3, 1, &x);
	wait_ok(f, &x);
	assert_int_equal(x.value, 0); /* rows from 3 on */
	assert_int_equal(db_int(&db, "select id from t"), 1);
}

static void
test_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	const struct pg_stmt *const stmts[] = { &add_row, &add_row, &echo, &add_row };
	struct end x = { 0 };
	db_exec(&db, "insert into t values (2)");
	submit_all(f, stmts, 4, 1, &x); /* 1, then 2, which is there, then 4 */
	wait_error(f, &x, ERR_CONFLICT, "23505");
	assert_int_equal(db_int(&db, "select count(*) from t"), 1);
	expect_works(f);
}

/* Also when it has never been prepared on this connection. */
static void
test_one_statement_twice(void **state)
{
	struct fixture *f = *state;
	const struct pg_stmt *const stmts[] = { &add_row, &add_row, &count, &count };
	struct end x[2] = { 0 };
	submit_all(f, stmts, 4, 1, &x[0]);
	submit_all(f, stmts, 4, 11, &x[1]);
	wait_ok(f, &x[0]);
	wait_ok(f, &x[1]);
	assert_int_equal(db_int(&db, "select sum(id) from t"), 1 + 2 + 11 + 12);
}

static void
test_as_many_statements_as_there_may_be(void **state)
{
	struct fixture *f = *state;
	const struct pg_stmt *stmts[PG_STATEMENTS_MAX];
	struct pg_stmt own[PG_STATEMENTS_MAX];
	char name[PG_STATEMENTS_MAX][8];
	struct end x = { 0 };
	for (int i = 0; i < PG_STATEMENTS_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "add%d", i);
		own[i] = (struct pg_stmt){ name[i], add_row.sql, 1 };
		stmts[i] = &own[i];
	}
	submit_all(f, stmts, PG_STATEMENTS_MAX, 1, &x);
	wait_ok(f, &x);
	assert_int_equal(db_int(&db, "select count(*) from t"), PG_STATEMENTS_MAX);
}

static void
test_kinds_of_errors(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	static const struct {
		const char *sql;
		enum err_kind kind;
		const char *origin;
	} table[] = {
		{ "select 1 / 0", ERR_INTERNAL, "22012" },
		{ "selec 1", ERR_INTERNAL, "42601" },
		{ "select * from no_such_table", ERR_INTERNAL, "42P01" },
		{ "insert into t values (1), (1)", ERR_CONFLICT, "23505" },
		{ "select raise('57014')", ERR_UNAVAILABLE, "57014" },
		{ "select raise('53100')", ERR_UNAVAILABLE, "53100" },
		{ "select raise('40001')", ERR_UNAVAILABLE, "40001" },
		{ "select raise('40P01')", ERR_UNAVAILABLE, "40P01" },
		{ "select raise('55P03')", ERR_UNAVAILABLE, "55P03" },
		{ "select raise('25006')", ERR_UNAVAILABLE, "25006" },
		{ "select raise('23514')", ERR_INTERNAL, "23514" },
	};
	o.prepare = false; /* all of them have one name */
	pool_set(f, &o);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct pg_stmt stmt = { "bad", table[i].sql, 0 };
		const struct pg_call call = { &stmt, NULL };
		struct end x = { 0 };
		pg_submit(f->pool, &call, 1, on_end, &x);
		wait_error(f, &x, table[i].kind, table[i].origin);
	}
	expect_works(f);
}

static void
test_prepared_or_not(void **state)
{
	struct fixture *f = *state;
	static const struct pg_stmt prepared = { "prepared",
		"select count(*) from pg_prepared_statements where $1::int8 = 0", 1 };
	struct pg_options o = options();
	for (int i = 0; i < 2; i++) {
		o.prepare = i == 0;
		pool_set(f, &o);
		expect_works(f);
		expect_works(f);
		struct end x = { 0 };
		submit(f, &prepared, 0, &x);
		wait_ok(f, &x);
		assert_int_equal(x.value, o.prepare ? 2 : 0);
	}
}

/* A pooler, or a change of the schema, may take prepared statements away. */
static void
test_prepared_statements_that_are_gone_are_made_again(void **state)
{
	struct fixture *f = *state;
	static const struct pg_stmt gone = { "gone", "deallocate all", 0 };
	static const struct pg_stmt all = { "all", "select * from t", 0 };
	const struct pg_call forget = { &gone, NULL }, read = { &all, NULL };
	struct end x[5] = { 0 };
	expect_works(f);
	pg_submit(f->pool, &forget, 1, on_end, &x[0]);
	wait_ok(f, &x[0]);
	submit(f, &echo, 1, &x[1]);
	wait_error(f, &x[1], ERR_UNAVAILABLE, "26000");
	expect_works(f);

	pg_submit(f->pool, &read, 1, on_end, &x[2]);
	wait_ok(f, &x[2]);
	db_exec(&db, "alter table t add column more int8");
	pg_submit(f->pool, &read, 1, on_end, &x[3]);
	wait_error(f, &x[3], ERR_INTERNAL, "0A000");
	pg_submit(f->pool, &read, 1, on_end, &x[4]);
	wait_ok(f, &x[4]);
}

/* A pooler that gives each transaction another server connection: a statement is there that we have
 * not made, or takes other parameters, or is gone again and again. */
static void
test_behind_a_pooler_nothing_is_prepared(void **state)
{
	struct fixture *f = *state;
	static const struct pg_stmt theirs = { "theirs", "prepare echo (int8) as select 0::int8",
		0 };
	static const struct pg_stmt narrow = { "narrow", "prepare echo as select 0::int8", 0 };
	static const struct pg_stmt gone = { "gone", "deallocate all", 0 };
	static const struct {
		const struct pg_stmt *by;
		int times;
		const char *code;
	} cases[] = { { &theirs, 1, "42P05" }, { &narrow, 1, "42P05" }, { &gone, 2, "26000" } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pg_options o = options();
		pool_set(f, &o);
		for (int k = 0; k < cases[i].times; k++) {
			struct pg_call by = { cases[i].by, NULL };
			struct end x[2] = { 0 };
			if (cases[i].by == &gone)
				expect_works(f);
			pg_submit(f->pool, &by, 1, on_end, &x[0]);
			wait_ok(f, &x[0]);
			submit(f, &echo, 1, &x[1]);
			wait_error(f, &x[1], ERR_UNAVAILABLE, cases[i].code);
		}
		expect_works(f);
		struct pg_call again = { &gone, NULL };
		struct end x = { 0 };
		pg_submit(f->pool, &again, 1, on_end, &x);
		wait_ok(f, &x);
		expect_works(f); /* it does not matter any more what is prepared */
	}
}

/* ---- the line ----------------------------------------------------------------------------- */

#define MANY 1000

static void
test_a_thousand_in_line(void **state)
{
	struct fixture *f = *state;
	static struct end x[MANY];
	for (int connections = 1; connections <= 2; connections++) {
		struct pg_options o = options();
		o.connections = connections;
		pg_pool_free(f->pool);
		f->pool = pg_pool_new(f->loop, &o); /* before there is a connection */
		memset(x, 0, sizeof(x));
		ends = 0;
		for (int i = 0; i < MANY; i++)
			submit(f, &echo, i, &x[i]);
		TURN_UNTIL(f->loop, ends == MANY);
		for (int i = 0; i < MANY; i++) {
			assert_int_equal(x[i].calls, 1);
			assert_true(x[i].ok);
			assert_int_equal(x[i].value, i);
			if (connections == 1)
				assert_int_equal(x[i].order, i + 1);
		}
	}
}

static void
test_a_full_line_refuses(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 2; i++) {
		struct pg_options o = options();
		struct end x[6] = { 0 };
		o.waiting_max = 3;
		o.wait_max = i == 0 ? 0 : TURN_MAX;
		pool_set(f, &o);
		hold();
		submit_hang(f, &x[0]);
		for (int k = 1; k <= 3; k++)
			submit(f, &echo, k, &x[k]);
		submit(f, &echo, 4, &x[4]);
		wait_error(f, &x[4], ERR_UNAVAILABLE, "");
		submit(f, &add_row, 5, &x[5]);
		let_go();
		for (int k = 0; k <= 3; k++)
			wait_ok(f, &x[k]);
		/* Refused is refused, even when there is room again at once. */
		wait_error(f, &x[5], ERR_UNAVAILABLE, "");
		assert_int_equal(db_int(&db, "select count(*) from t"), 0);
		expect_works(f);
	}
}

static void
test_a_wait_in_line_ends(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end x[3] = { 0 };
	o.wait_max = 100 * USEC_PER_MS;
	pool_set(f, &o);
	hold();
	submit_hang(f, &x[0]);
	submit(f, &add_row, 1, &x[1]);
	submit(f, &add_row, 2, &x[2]);
	wait_error(f, &x[1], ERR_UNAVAILABLE, "");
	wait_error(f, &x[2], ERR_UNAVAILABLE, "");
	assert_int_equal(x[0].calls, 0); /* what runs has all the time */
	let_go();
	wait_ok(f, &x[0]);
	assert_int_equal(db_int(&db, "select count(*) from t"), 0);
}

static void
test_a_run_that_takes_too_long_ends(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end x[2] = { 0 };
	o.run_max = 200 * USEC_PER_MS;
	pool_set(f, &o);
	hold();
	submit(f, &hang, 0, &x[0]);
	submit(f, &echo, 5, &x[1]);
	wait_error(f, &x[0], ERR_UNAVAILABLE, "");
	wait_ok(f, &x[1]); /* on the next connection */
	let_go();
}

static int
connections_made(void)
{
	return (int)db_int(&db, "select count(*) from pg_stat_activity where application_name ="
				" 'posthorn test'");
}

/* A server that hangs keeps what was left behind: each time it is given twice as long. */
static void
test_patience_grows_and_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end x[4] = { 0 };
	o.run_max = 100 * USEC_PER_MS;
	pool_set(f, &o);
	hold();
	usec_t start = clock_mono();
	for (int i = 0; i < 4; i++) {
		submit(f, &hang, 0, &x[i]);
		wait_error(f, &x[i], ERR_UNAVAILABLE, "");
	}
	assert_true(clock_mono() - start >= (1 + 2 + 4 + 8) * o.run_max);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 1);
	assert_int_equal(connections_made(), 5);
	let_go();
	expect_works(f);
	hold();
	start = clock_mono();
	submit(f, &hang, 0, &x[0]);
	TURN_UNTIL(f->loop, x[0].calls == 2);
	let_go();
	assert_true(clock_mono() - start < 8 * o.run_max);
}

/* The caller is told; the transaction goes on, and the connection is kept. */
static void
test_an_answer_that_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	const struct pg_stmt *const stmts[] = { &hang, &add_row };
	struct end x = { 0 };
	hold();
	struct pg_ticket *t = submit_all(f, stmts, 2, 4, &x);
	pg_answer_within(t, 100 * USEC_PER_MS);
	wait_error(f, &x, ERR_UNAVAILABLE, "");
	let_go();
	expect_works(f);
	assert_int_equal(x.calls, 1);
	assert_int_equal(db_int(&db, "select id from t"), 5);
	assert_int_equal(connections_made(), 1);
}

/* ---- cancelling --------------------------------------------------------------------------- */

static void
test_cancel_in_line(void **state)
{
	struct fixture *f = *state;
	struct end x[4] = { 0 };
	hold();
	submit_hang(f, &x[0]);
	struct pg_ticket *a = submit(f, &add_row, 1, &x[1]);
	submit(f, &add_row, 2, &x[2]);
	struct pg_ticket *c = submit(f, &add_row, 3, &x[3]);
	pg_cancel(c);
	pg_cancel(a);
	let_go();
	wait_ok(f, &x[2]);
	expect_works(f);
	assert_int_equal(x[1].calls + x[3].calls, 0);
	assert_int_equal(db_int(&db, "select sum(id) from t"), 2);
}

static void
test_cancel_on_the_server(void **state)
{
	struct fixture *f = *state;
	struct end x = { 0 };
	hold();
	struct pg_ticket *t = submit_hang(f, &x);
	pg_cancel(t);
	let_go();
	expect_works(f); /* on the same connection, behind it */
	assert_int_equal(x.calls, 0);
}

static void
test_cancel_before_there_is_a_connection(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end x = { 0 };
	pg_pool_free(f->pool);
	f->pool = pg_pool_new(f->loop, &o);
	pg_cancel(submit(f, &add_row, 1, &x));
	expect_works(f);
	assert_int_equal(x.calls, 0);
	assert_int_equal(db_int(&db, "select count(*) from t"), 0);
}

static void
test_cancel_then_the_connection_breaks(void **state)
{
	struct fixture *f = *state;
	struct end x = { 0 };
	hold();
	pg_cancel(submit_hang(f, &x));
	db_exec(&db, "select pg_terminate_backend(pid) from pg_locks where not granted");
	expect_works(f);
	let_go();
	assert_int_equal(x.calls, 0);
}

/* ---- callbacks that do more --------------------------------------------------------------- */

struct chain {
	struct fixture *f;
	int left;
};

static void
submit_next(struct end *x)
{
	struct chain *c = x->arg;
	assert_true(x->ok);
	if (c->left-- > 0)
		submit(c->f, &add_row, c->left, x);
}

static void
test_callbacks_submit_more(void **state)
{
	struct fixture *f = *state;
	struct chain c = { f, 50 };
	struct end x = { .then = submit_next, .arg = &c };
	submit(f, &echo, 0, &x);
	TURN_UNTIL(f->loop, x.calls == 51);
	assert_int_equal(db_int(&db, "select count(*) from t"), 50);
}

struct victims {
	struct pg_ticket *ticket[3];
};

static void
cancel_victims(struct end *x)
{
	const struct victims *v = x->arg;
	for (int i = 0; i < 3; i++)
		pg_cancel(v->ticket[i]);
}

static void
test_callbacks_cancel_others(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end running = { 0 }, x[3] = { 0 }, more = { 0 };
	struct victims v;
	o.connections = 2;
	pool_set(f, &o);
	hold();
	v.ticket[0] = submit_hang(f, &x[0]); /* on the other connection */
	running = (struct end){ .then = cancel_victims, .arg = &v };
	submit(f, &echo, 1, &running);
	v.ticket[1] = submit(f, &add_row, 1, &x[1]); /* in line */
	v.ticket[2] = submit(f, &add_row, 2, &x[2]);
	wait_ok(f, &running);
	submit(f, &echo, 3, &more);
	wait_ok(f, &more);
	let_go();
	expect_works(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(x[i].calls, 0);
	assert_int_equal(db_int(&db, "select count(*) from t"), 0);
}

static void
submit_once_more(struct end *x)
{
	struct chain *c = x->arg;
	if (c->left-- > 0)
		submit(c->f, &add_row, 1, x);
}

static void
test_free_with_work_outstanding(void **state)
{
	struct fixture *f = *state;
	struct chain again = { f, 3 };
	struct end x[3] = { 0 }, cancelled = { 0 };
	hold();
	submit_hang(f, &x[0]);
	x[1] = (struct end){ .then = submit_once_more, .arg = &again };
	submit(f, &add_row, 1, &x[1]);
	pg_cancel(submit(f, &add_row, 2, &cancelled));
	submit(f, &add_row, 3, &x[2]);
	pg_pool_free(f->pool);
	f->pool = NULL;
	let_go();
	assert_int_equal(x[0].calls, 1);
	assert_int_equal(x[1].calls, 4); /* what a callback submits then fails as well */
	assert_int_equal(x[2].calls, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(x[i].e.kind, ERR_UNAVAILABLE);
	assert_int_equal(cancelled.calls, 0);
	assert_int_equal(db_int(&db, "select count(*) from t"), 0);
}

static void
test_free_at_once(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end x = { 0 };
	pg_pool_free(f->pool);
	f->pool = pg_pool_new(f->loop, &o);
	submit(f, &echo, 1, &x);
	pg_pool_free(f->pool);
	f->pool = pg_pool_new(f->loop, &o);
	loop_turn(f->loop, 0); /* the connection is being made */
	pg_pool_free(f->pool);
	f->pool = NULL;
	assert_int_equal(x.calls, 1);
	assert_false(x.ok);
}

/* ---- what breaks -------------------------------------------------------------------------- */

static void
test_a_backend_is_killed_within_a_transaction(void **state)
{
	struct fixture *f = *state;
	const struct pg_stmt *const stmts[] = { &add_row, &hang, &add_row };
	struct end x[2] = { 0 };
	hold();
	submit_all(f, stmts, 3, 1, &x[0]);
	submit(f, &echo, 9, &x[1]);
	TURN_UNTIL(f->loop, hanging() == 1);
	db_exec(&db, "select pg_terminate_backend(pid) from pg_locks where not granted");
	TURN_UNTIL(f->loop, x[0].calls);
	assert_false(x[0].ok);
	assert_int_equal(x[0].e.kind, ERR_UNAVAILABLE);
	wait_ok(f, &x[1]); /* what waited goes to the next connection */
	let_go();
	assert_int_equal(db_int(&db, "select count(*) from t"), 0);
}

static void
test_an_idle_connection_is_killed(void **state)
{
	struct fixture *f = *state;
	expect_works(f);
	db_exec(&db, "select pg_terminate_backend(pid) from pg_stat_activity"
		     " where application_name = 'posthorn test'");
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 0);
	assert_true(pg_pool_down_since(f->pool) != 0);
	expect_works(f);
	assert_int_equal(pg_pool_down_since(f->pool), 0);
}

static void
test_a_statement_is_cancelled_on_the_server(void **state)
{
	struct fixture *f = *state;
	struct end x = { 0 };
	hold();
	submit_hang(f, &x);
	db_exec(&db, "select pg_cancel_backend(pid) from pg_locks where not granted");
	wait_error(f, &x, ERR_UNAVAILABLE, "57014");
	let_go();
	assert_int_equal(pg_pool_ready(f->pool), 1); /* the connection was not to blame */
	expect_works(f);
}

static void
test_the_server_restarts(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end x[3] = { 0 };
	o.connections = 3;
	pool_set(f, &o);
	submit(f, &echo, 1, &x[0]);
	wait_ok(f, &x[0]);
	db_crash(&db);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 0);
	assert_true(pg_pool_down_since(f->pool) != 0);
	submit(f, &add_row, 7, &x[1]);
	submit(f, &count, 0, &x[2]);
	loop_turn(f->loop, 20);
	db_restart(&db);
	wait_ok(f, &x[1]); /* it waits as long as it takes */
	wait_ok(f, &x[2]);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 3);
	assert_int_equal(db_int(&db, "select id from t"), 7);
}

static void
test_a_wait_for_a_server_that_is_down_ends(void **state)
{
	struct fixture *f = *state;
	struct pg_options o = options();
	struct end x = { 0 };
	o.wait_max = TURN_MAX; /* a second, however long the line may be waited in */
	pool_set(f, &o);
	db_crash(&db);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 0);
	submit(f, &add_row, 7, &x);
	wait_error(f, &x, ERR_UNAVAILABLE, "");
	db_restart(&db);
	TURN_UNTIL(f->loop, pg_pool_ready(f->pool) == 1);
	expect_works(f);
	assert_int_equal(db_int(&db, "select count(*) from t"), 0);
}

static void
test_why_there_is_no_connection(void **state)
{
	struct fixture *f = *state;
	static const char read_only[] = "alter role reader set default_transaction_read_only = ";
	struct pg_options o = options();
	char url[512];
	snprintf(url, sizeof(url), "%s user=reader", db_url(&db));
	o.url = url;
	pg_pool_free(f->pool);
	f->pool = pg_pool_new(f->loop, &o);
	TURN_UNTIL(f->loop,
	    pg_pool_trouble(f->pool) && strstr(pg_pool_trouble(f->pool), "refuses the user"));
	db_exec(&db, "create role reader login connection limit 0");
	TURN_UNTIL(f->loop, strstr(pg_pool_trouble(f->pool), "too many connections"));
	db_exec(&db, "%son", read_only);
	db_exec(&db, "alter role reader connection limit 9");
	TURN_UNTIL(f->loop, strstr(pg_pool_trouble(f->pool), "read-only"));
	o.read_only = true;
	pool_set(f, &o);
	assert_null(pg_pool_trouble(f->pool));
	o.read_only = false;
	pool_set_later(f, &o);
	db_exec(&db, "%soff", read_only);
	expect_works(f);
	assert_null(pg_pool_trouble(f->pool));
}

/* The server becomes read-only under our connections, or says that it is when one writes: they are
 * left, whatever they were asked, and made again. */
static void
test_a_server_that_becomes_read_only_is_left(void **state)
{
	struct fixture *f = *state;
	static const struct pg_stmt ways[] = {
		{ "reported", "select set_config('default_transaction_read_only', 'on', false)",
		    0 },
		{ "refused", "select raise('25006')", 0 },
	};
	static const char *const codes[] = { "", "25006" };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct pg_call call = { &ways[i], NULL };
		struct end x = { 0 }, y = { 0 };
		pg_submit(f->pool, &call, 1, on_end, &x);
		wait_error(f, &x, ERR_UNAVAILABLE, codes[i]);
		assert_int_equal(pg_pool_ready(f->pool), 0);
		submit(f, &add_row, (int64_t)i, &y);
		wait_ok(f, &y);
	}
	struct pg_options o = options();
	struct pg_call call = { &ways[0], NULL };
	struct end x = { 0 };
	o.read_only = true; /* a standby is what these are for */
	pool_set(f, &o);
	pg_submit(f->pool, &call, 1, on_end, &x);
	wait_ok(f, &x);
	assert_int_equal(pg_pool_ready(f->pool), 1);
}

/* ---- the program -------------------------------------------------------------------------- */

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct pg_options o = options();
	db_exec(&db, "drop table if exists t; create table t (id int8 primary key)");
	over = false;
	f->loop = loop_new();
	f->arena = arena_new();
	pool_set(f, &o);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	over = true;
	pg_pool_free(f->pool);
	loop_free(f->loop);
	arena_free(f->arena);
	free(f);
	return 0;
}

static int
group_set_up(void **state)
{
	(void)state;
	db_start(&db);
	db_exec(&db, "create function raise(state text) returns int8 language plpgsql as"
		     " $$ begin raise 'as you wish' using errcode = state; end $$");
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
		TEST(test_a_transaction_of_several_statements),
		TEST(test_all_or_nothing),
		TEST(test_one_statement_twice),
		TEST(test_as_many_statements_as_there_may_be),
		TEST(test_kinds_of_errors),
		TEST(test_prepared_or_not),
		TEST(test_prepared_statements_that_are_gone_are_made_again),
		TEST(test_behind_a_pooler_nothing_is_prepared),
		TEST(test_a_thousand_in_line),
		TEST(test_a_full_line_refuses),
		TEST(test_a_wait_in_line_ends),
		TEST(test_a_run_that_takes_too_long_ends),
		TEST(test_patience_grows_and_is_forgotten),
		TEST(test_an_answer_that_is_not_waited_for),
		TEST(test_cancel_in_line),
		TEST(test_cancel_on_the_server),
		TEST(test_cancel_before_there_is_a_connection),
		TEST(test_cancel_then_the_connection_breaks),
		TEST(test_callbacks_submit_more),
		TEST(test_callbacks_cancel_others),
		TEST(test_free_with_work_outstanding),
		TEST(test_free_at_once),
		TEST(test_a_backend_is_killed_within_a_transaction),
		TEST(test_an_idle_connection_is_killed),
		TEST(test_a_statement_is_cancelled_on_the_server),
		TEST(test_the_server_restarts),
		TEST(test_a_wait_for_a_server_that_is_down_ends),
		TEST(test_why_there_is_no_connection),
		TEST(test_a_server_that_becomes_read_only_is_left),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
