/* The model of tests/sim says what the statements do: here the same steps are taken in both, in the
 * model and in PostgreSQL, and must have the same answers, cell by cell. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

#include "../sim/dice.h"
#include "../sim/ledger.h"
#include "../sim/model.h"
#include "../sim/sim_loop.h"
#include "../sim/txn.h"
#include "../support/db.h"
#include "../unit/unit.h"
#include "statements.h"

#define SLOT  3
#define OWNER INT64_C(77)
#define LEASE INT64_C(3600000) /* ms */
/* Cells that are times or ids made from them may differ by so much: both clocks were read. */
#define APART (INT64_C(60000) << 22)

static struct db pg;
static struct arena *arena;
static struct wall now; /* as the test began */
static int64_t app, endpoint, message[4];

/* ---- the model's end of a transaction ------------------------------------------------------- */

static PGresult *answered[PG_STATEMENTS_MAX];
static int nanswered;
static bool is_over, has_failed;

void
session_answered(struct pg_session *c, PGresult **results, int n, const struct err *e)
{
	(void)c;
	is_over = true;
	has_failed = e != NULL;
	nanswered = n;
	for (int i = 0; i < n; i++)
		answered[i] = results[i];
}

void
session_cut(struct pg_session *c, usec_t after)
{
	(void)c;
	(void)after;
	fail();
}

static void
run_model(const struct pg_call *calls, int n)
{
	struct pg_ticket *t = mem_zalloc(sizeof(*t));
	static char client; /* stands for a session, which nobody looks into */
	t->n = n;
	for (int i = 0; i < n; i++) {
		t->call[i].stmt = calls[i].stmt;
		t->call[i].nargs = calls[i].args->n;
		t->call[i].value = calls[i].args->value;
		t->call[i].length = calls[i].args->length;
	}
	is_over = false;
	(void)txn_begin((struct pg_session *)(void *)&client, t, n);
	while (!is_over) {
		struct happening *h = agenda_next();
		assert_non_null(h);
		h->fn(h->arg);
	}
	free(t);
}

/* ---- the same in PostgreSQL ----------------------------------------------------------------- */

static PGresult *
run_real(const struct pg_call *call)
{
	static const int binary[PG_ARGS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	PGresult *r = PQexecParams(pg.sql, call->stmt->sql, call->args->n, NULL, call->args->value,
	    call->args->length, binary, 1);
	if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", call->stmt->name, PQresultErrorMessage(r));
	return r;
}

/* loose: a set of columns that may be a little apart; ignored: of those that are not compared. */
struct columns {
	unsigned loose, ignored;
};

static void
compare_cell(const char *name, const PGresult *real, const PGresult *model, int row, int column,
    const struct columns *c)
{
	if (c->ignored & 1U << column)
		return;
	bool real_null = PQgetisnull(real, row, column), null = PQgetisnull(model, row, column);
	if (real_null != null)
		fail_msg("%s: row %d, column %d is null in one of them", name, row, column);
	if (c->loose & 1U << column) {
		int64_t d = pg_int(real, row, column) - pg_int(model, row, column);
		if (d < -APART || d > APART)
			fail_msg("%s: row %d, column %d is far apart", name, row, column);
		return;
	}
	if (PQgetlength(real, row, column) != PQgetlength(model, row, column) ||
	    memcmp(PQgetvalue(real, row, column), PQgetvalue(model, row, column),
		(size_t)PQgetlength(real, row, column)) != 0)
		fail_msg("%s: row %d, column %d differs", name, row, column);
}

static void
compare(const char *name, const PGresult *real, const PGresult *model, const struct columns *c)
{
	if (PQntuples(real) != PQntuples(model))
		fail_msg("%s: %d rows in PostgreSQL, %d in the model", name, PQntuples(real),
		    PQntuples(model));
	for (int row = 0; row < PQntuples(real); row++)
		for (int column = 0; column < PQnfields(real); column++)
			compare_cell(name, real, model, row, column, c);
}

/* One transaction in both; returns how many rows the last statement had. */
static int
both(const struct pg_call *calls, int n, const struct columns *c)
{
	static const struct columns exact;
	int rows = 0;
	run_model(calls, n);
	assert_false(has_failed);
	assert_int_equal(nanswered, n);
	db_exec(&pg, "begin");
	for (int i = 0; i < n; i++) {
		PGresult *real = run_real(&calls[i]);
		compare(calls[i].stmt->name, real, answered[i], i == n - 1 && c ? c : &exact);
		rows = PQntuples(real);
		PQclear(real);
		PQclear(answered[i]);
	}
	db_exec(&pg, "commit");
	return rows;
}

static struct pg_args *
args_new(void)
{
	struct pg_args *a = arena_zalloc(arena, sizeof(*a));
	pg_args_init(a, arena);
	return a;
}

static void
put_array(struct pg_args *args, enum pg_oid oid, const int64_t *v, int n)
{
	struct buf *out = arena_zalloc(arena, sizeof(*out));
	struct pg_array a;
	buf_init(out, 4096);
	arena_own(arena, out, (void (*)(void *))buf_free);
	pg_array_begin(&a, out, oid);
	for (int i = 0; i < n; i++) {
		if (oid == PG_INT2)
			pg_array_int2(&a, (int16_t)v[i]);
		else if (oid == PG_INT4)
			pg_array_int4(&a, (int32_t)v[i]);
		else if (oid == PG_TIMESTAMPTZ)
			pg_array_time(&a, (struct wall){ v[i] });
		else if (oid == PG_TEXT || oid == PG_BYTEA)
			pg_array_bytes(&a, v[i] ? STR("text") : (struct str){ NULL, 0 });
		else
			pg_array_int8(&a, v[i]);
	}
	pg_array_end(&a, args);
}

#define ARRAY(args, oid, ...)                                                                      \
	do {                                                                                       \
		const int64_t list[] = { __VA_ARGS__ };                                            \
		put_array(args, oid, list, (int)ARRAY_LEN(list));                                  \
	} while (0)

static struct pg_args *
slot_arg(void)
{
	struct pg_args *a = args_new();
	pg_arg_int2(a, SLOT);
	return a;
}

static struct pg_args *
fence_arg(void)
{
	struct pg_args *a = args_new();
	ARRAY(a, PG_INT2, SLOT);
	return a;
}

/* $1 and $2 of what runs under the fence. */
static struct pg_args *
fenced(int64_t epoch)
{
	struct pg_args *a = fence_arg();
	ARRAY(a, PG_INT8, epoch);
	return a;
}

/* ---- steps -------------------------------------------------------------------------------- */

static int
adopt(void)
{
	static const struct columns c = { .loose = 1U << 1 | 1U << 2 };
	struct pg_args *take = slot_arg();
	pg_arg_int8(take, OWNER);
	pg_arg_int8(take, LEASE);
	const struct pg_call calls[] = { { &stmt_slot_evict, slot_arg() },
		{ &stmt_slot_lock, slot_arg() }, { &stmt_slot_adopt, take } };
	return both(calls, 3, &c);
}

static int
append(int64_t epoch, int64_t id, int64_t version)
{
	struct pg_args *a = slot_arg();
	pg_arg_int8(a, epoch);
	ARRAY(a, PG_INT8, app);
	ARRAY(a, PG_INT8, id);
	ARRAY(a, PG_INT8, version);
	ARRAY(a, PG_TEXT, 1);
	ARRAY(a, PG_TEXT, 0);
	struct buf targets, *out = arena_zalloc(arena, sizeof(*out));
	struct pg_array array;
	uint64_t wire = htobe64((uint64_t)endpoint);
	buf_init(&targets, 8);
	buf_add(&targets, &wire, sizeof(wire));
	buf_init(out, 256);
	arena_own(arena, out, (void (*)(void *))buf_free);
	pg_array_begin(&array, out, PG_BYTEA);
	pg_array_bytes(&array, (struct str){ targets.data, targets.len });
	pg_array_end(&array, a);
	buf_free(&targets);
	ARRAY(a, PG_BYTEA, 1);
	const struct pg_call calls[] = { { &stmt_fence, fence_arg() },
		{ &stmt_message_append, a } };
	return both(calls, 2, NULL);
}

/* Two attempts of a message, the first of them failed, the second one not. */
static void
record(int64_t epoch, int64_t msg, int64_t id, bool doubt)
{
	struct pg_args *a = fenced(epoch);
	ARRAY(a, PG_INT2, SLOT, SLOT);
	ARRAY(a, PG_INT8, app, app);
	ARRAY(a, PG_INT8, msg, msg);
	ARRAY(a, PG_INT8, id, id + 1);
	ARRAY(a, PG_INT8, endpoint, endpoint);
	ARRAY(a, PG_INT8, 0, 0);
	ARRAY(a, PG_INT2, 0, 1);
	ARRAY(a, PG_INT2, 1, 2);
	ARRAY(a, PG_INT2, 2, 0);
	ARRAY(a, PG_INT2, 0, 0);
	ARRAY(a, PG_INT2, 500, 200);
	ARRAY(a, PG_INT2, 0, 0);
	ARRAY(a, PG_INT4, 5, 5);
	ARRAY(a, PG_INT2, 1, 1);
	ARRAY(a, PG_TIMESTAMPTZ, now.us, 0);
	ARRAY(a, PG_BYTEA, 0, 0);
	ARRAY(a, PG_TEXT, 0, 0);
	pg_arg_bool(a, doubt);
	const struct pg_call calls[] = { { &stmt_fence, fence_arg() },
		{ &stmt_fence_held, fenced(epoch) }, { &stmt_attempt_append, a } };
	(void)both(calls, 3, NULL);
}

static void
announce(int64_t epoch, int64_t msg, int seq, int64_t in_s)
{
	struct pg_args *a = fenced(epoch);
	ARRAY(a, PG_TIMESTAMPTZ, now.us + in_s * USEC_PER_SEC);
	ARRAY(a, PG_INT2, SLOT);
	ARRAY(a, PG_INT2, seq);
	ARRAY(a, PG_INT2, seq);
	ARRAY(a, PG_INT2, 0);
	ARRAY(a, PG_INT8, app);
	ARRAY(a, PG_INT8, msg);
	ARRAY(a, PG_INT8, endpoint);
	ARRAY(a, PG_INT8, 0);
	const struct pg_call calls[] = { { &stmt_fence, fence_arg() }, { &stmt_retry_append, a } };
	(void)both(calls, 2, NULL);
}

static int
load_page(int64_t from_s, int64_t msg_id, int64_t until_s, int rows)
{
	struct pg_args *a = slot_arg();
	pg_arg_time(a, (struct wall){ now.us + from_s * USEC_PER_SEC });
	pg_arg_int8(a, msg_id);
	pg_arg_int8(a, 0);
	pg_arg_int8(a, 0);
	pg_arg_time(a, (struct wall){ now.us + until_s * USEC_PER_SEC });
	pg_arg_int4(a, rows);
	const struct pg_call call = { &stmt_retry_load, a };
	return both(&call, 1, NULL);
}

static int
load(int64_t from_s, int64_t until_s)
{
	return load_page(from_s, 0, until_s, 100);
}

static int
recover(int64_t after)
{
	struct pg_args *a = slot_arg();
	pg_arg_int8(a, after);
	pg_arg_int4(a, 100);
	pg_arg_time(a, (struct wall){ now.us - 3 * USEC_PER_SEC });
	pg_arg_time(a, (struct wall){ now.us + 100 * USEC_PER_SEC });
	const struct pg_call call = { &stmt_slot_recover, a };
	return both(&call, 1, NULL);
}

static int
newest(int64_t after)
{
	struct pg_args *a = slot_arg();
	pg_arg_int8(a, after);
	const struct pg_call call = { &stmt_slot_newest, a };
	return both(&call, 1, NULL);
}

/* Of three messages and one that is not there. */
static int
payloads(int64_t bytes)
{
	struct pg_args *a = args_new();
	ARRAY(a, PG_INT8, app, app, app, app);
	ARRAY(a, PG_INT8, message[1], message[3], message[0], message[2]);
	pg_arg_int8(a, bytes);
	const struct pg_call call = { &stmt_payload_load, a };
	return both(&call, 1, NULL);
}

static int
drained(int64_t from_s)
{
	struct pg_args *a = fence_arg();
	pg_arg_time(a, (struct wall){ now.us + from_s * USEC_PER_SEC });
	const struct pg_call call = { &stmt_slot_drained, a };
	return both(&call, 1, NULL);
}

static int
parked(int64_t beyond)
{
	/* The numbers of transactions are not the same. */
	static const struct columns c = { .ignored = 1U << 0 | 1U << 1, .loose = 1U << 5 };
	struct pg_args *a = args_new();
	ARRAY(a, PG_INT8, app);
	ARRAY(a, PG_INT8, endpoint);
	ARRAY(a, PG_INT8, beyond);
	pg_arg_int4(a, 100);
	pg_arg_bool(a, true);
	const struct pg_call call = { &stmt_parked_load, a };
	return both(&call, 1, &c);
}

static int
park(int64_t epoch, int64_t msg)
{
	struct pg_args *a = fenced(epoch);
	ARRAY(a, PG_INT2, SLOT);
	ARRAY(a, PG_INT8, app);
	ARRAY(a, PG_INT8, endpoint);
	ARRAY(a, PG_INT8, msg);
	ARRAY(a, PG_INT8, 0);
	ARRAY(a, PG_INT2, 0);
	ARRAY(a, PG_INT2, 0);
	ARRAY(a, PG_INT2, 0);
	pg_arg_time(a, now);
	const struct pg_call calls[] = { { &stmt_fence, fence_arg() }, { &stmt_park_append, a } };
	return both(calls, 2, NULL);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void
test_the_model_is_what_postgres_does(void **state)
{
	(void)state;
	assert_int_equal(adopt(), 1);
	assert_int_equal(adopt(), 0); /* it has a lease */
	assert_int_equal(append(7, message[0], 1), 0);
	assert_int_equal(append(1, message[0], 9), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(append(1, message[i], 1), 1);
	for (int i = 0; i < 2; i++) {
		const struct request rq = { 0, message[i], 0, STR("text") };
		ledger_sent(&rq, true); /* as the model's ledger wants it */
	}
	record(7, message[0], message[0] + 10, false); /* the success alone */
	record(1, message[1], message[1] + 10, false);
	record(1, message[1], message[1] + 10, true); /* nothing twice */
	announce(7, message[2], 1, -5);
	announce(1, message[1], 1, -4); /* resolved */
	announce(1, message[1], 2, -3);
	announce(1, message[2], 1, -2);
	announce(1, message[2], 2, 100);
	assert_int_equal(load(-1000, 1000), 3);
	assert_int_equal(load(-1000, -3), 0);
	assert_int_equal(load(0, 1000), 1);
	announce(1, message[0], 2, -2); /* the same time as another, which comes behind it */
	assert_int_equal(load(-1000, 1000), 4);
	assert_int_equal(load_page(-2, message[0], 1000, 2), 2);
	assert_int_equal(load_page(-2, message[0] + 1, 1000, 100), 2);
	assert_int_equal(recover(0), 3);
	assert_int_equal(recover(message[1]), 1);
	assert_int_equal(newest(0), 1);
	assert_int_equal(payloads(100), 4);
	assert_int_equal(payloads(8), 3); /* of four bytes each */
	assert_int_equal(payloads(7), 2);
	assert_int_equal(payloads(1), 1);
	assert_int_equal(newest(message[2]), 0);
	assert_int_equal(drained(50), 0);
	assert_int_equal(drained(150), 1);
}

static void
test_what_is_parked(void **state)
{
	(void)state;
	assert_int_equal(parked(0), 1);           /* nothing; no number was given out yet */
	assert_int_equal(park(1, message[0]), 1); /* no hold: due at once */
	db_exec(&pg,
	    "insert into hold (app_id, endpoint_id, slot, state, ordered)"
	    " values (%lld, %lld, %d, 3, false)",
	    (long long)app, (long long)endpoint, SLOT);
	db.hold[0].now = (struct hold_values){ .exists = true, .slot = SLOT, .state = 3 };
	assert_int_equal(park(7, message[2]), 0);
	assert_int_equal(park(1, message[2]), 0);
	assert_int_equal(parked(0), 1);
	assert_int_equal(drained(150), 0);
	assert_int_equal(recover(message[1]), 1);
	assert_int_equal(load(-1000, -1), 3); /* what is parked is no retry of step 0 */
}

static int
set_up(void **state)
{
	(void)state;
	db_start(&pg);
	db_clear(&pg);
	arena = arena_new();
	now.us = db_int(&pg, "select (extract(epoch from clock_timestamp()) * 1000000)::int8");
	sim_wall_zero = now.us - agenda_now();
	dice_seed(1);
	db_reset();
	ledger_reset();
	ledger_lenient = true;
	app = db_app(&pg, "u");
	endpoint = db_endpoint(&pg, app, "http://r0.test/");
	db.app[db.napps++] =
	    (struct app_row){ .id = app, .version = 1, .changed_at = now, .endpoints = 1 };
	db.endpoint[db.nendpoints++] = (struct endpoint_row){ .app_id = app, .id = endpoint };
	db_exec(&pg, "update app set version = 1");
	struct id_source ids;
	id_source_init(&ids, SLOT, 0);
	for (int i = 0; i < 4; i++) {
		message[i] = id_next(&ids, now);
		ids.last += 100; /* those of its attempts */
	}
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	db_stop(&pg);
	db_reset();
	arena_free(db.arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_model_is_what_postgres_does),
		cmocka_unit_test(test_what_is_parked),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
