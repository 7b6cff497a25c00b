/* Values on their way to the server and back, in binary: every type, null and empty, the extremes,
 * arrays, and eight megabytes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "../support/db.h"
#include "../support/turn.h"
#include "pg/pg.h"

#define LARGE (8 << 20)

static struct db db;

struct fixture {
	struct loop *loop;
	struct pg_pool *pool;
	struct arena *arena;
	struct pg_args args;
	void (*look)(struct fixture *f, const PGresult *r);
	bool done;
};

static void
on_end(void *arg, const struct pg_result *r, const struct err *e)
{
	struct fixture *f = arg;
	if (e)
		fail_msg("%s", e->text);
	assert_int_equal(r->n, 1);
	f->look(f, r->res[0]);
	f->done = true;
}

/* Sends f->args with the statement and looks at the answer. */
static void
ask(struct fixture *f, const char *sql, void (*look)(struct fixture *f, const PGresult *r))
{
	const struct pg_stmt stmt = { "ask", sql, f->args.n };
	const struct pg_call call = { &stmt, &f->args };
	f->look = look;
	f->done = false;
	pg_submit(f->pool, &call, 1, on_end, f);
	TURN_UNTIL(f->loop, f->done);
	pg_args_init(&f->args, f->arena);
}

/* ---- scalars ------------------------------------------------------------------------------ */

#define INSTANT INT64_C(1795252800123456) /* 2026-11-21T09:20:00.123456Z */

static void
look_at_scalars(struct fixture *f, const PGresult *r)
{
	(void)f;
	assert_int_equal(pg_rows(r), 2);
	assert_true(pg_bool(r, 0, 0));
	assert_int_equal(pg_int(r, 0, 1), INT16_MIN);
	assert_int_equal(pg_int(r, 0, 2), INT32_MIN);
	assert_int_equal(pg_int(r, 0, 3), INT64_MIN);
	assert_true(str_eq(pg_str(r, 0, 4), STR("é\n'\"\\")));
	assert_true(str_eq(pg_str(r, 0, 5), STR("\0a\0\xff")));
	assert_int_equal(pg_time(r, 0, 6).us, INSTANT);
	assert_true(pg_null(r, 0, 7));
	/* Null everywhere, but for the empty text and the empty bytes, which are something else. */
	for (int col = 0; col < 8; col++)
		assert_int_equal(pg_null(r, 1, col), col != 4 && col != 5);
	assert_false(pg_bool(r, 1, 0));
	assert_int_equal(pg_int(r, 1, 3), 0);
	assert_non_null(pg_str(r, 1, 4).p);
	assert_int_equal(pg_str(r, 1, 4).n, 0);
	assert_non_null(pg_str(r, 1, 5).p);
	assert_int_equal(pg_time(r, 1, 6).us, 0);
}

static void
test_scalars_come_back(void **state)
{
	struct fixture *f = *state;
	pg_arg_bool(&f->args, true);
	pg_arg_int2(&f->args, INT16_MIN);
	pg_arg_int4(&f->args, INT32_MIN);
	pg_arg_int8(&f->args, INT64_MIN);
	pg_arg_text(&f->args, STR("é\n'\"\\"));
	pg_arg_bytes(&f->args, STR("\0a\0\xff"));
	pg_arg_time(&f->args, (struct wall){ INSTANT });
	pg_arg_time_or_null(&f->args, (struct wall){ 0 });
	pg_arg_text(&f->args, STR(""));
	pg_arg_bytes(&f->args, STR(""));
	pg_arg_text(&f->args, (struct str){ NULL, 0 });
	pg_arg_null(&f->args);
	ask(f,
	    "select $1::bool, $2::int2, $3::int4, $4::int8, $5::text, $6::bytea, $7::timestamptz,"
	    " $8::timestamptz"
	    " union all select $12::bool, null, null, null, $9::text, $10::bytea, null, $11::text::timestamptz",
	    look_at_scalars);
}

static const char *said;

static void
look_at_text(struct fixture *f, const PGresult *r)
{
	struct str s = pg_str(r, 0, 0);
	said = arena_str(f->arena, s).p;
}

/* What comes back may be wrong twice; the server's own words may not. */
static void
test_the_server_reads_what_was_meant(void **state)
{
	struct fixture *f = *state;
	static const int64_t numbers[] = { 1, -1, INT64_MAX };
	static const struct str texts[] = { STR_INIT("a,\"b"), { NULL, 0 }, STR_INIT("") };
	pg_arg_bool(&f->args, false);
	pg_arg_int2(&f->args, -2);
	pg_arg_int4(&f->args, -3);
	pg_arg_int8(&f->args, -4);
	pg_arg_time(&f->args, (struct wall){ -1 });
	pg_arg_int8s(&f->args, numbers, 3);
	pg_arg_texts(&f->args, texts, 3);
	pg_arg_bytes(&f->args, STR("\0\x01"));
	ask(f,
	    "select concat_ws(' ', $1::bool, $2::int2, $3::int4, $4::int8,"
	    " $5::timestamptz at time zone 'UTC', $6::int8[], $7::text[], encode($8::bytea, 'hex'))",
	    look_at_text);
	assert_string_equal(said, "f -2 -3 -4 1969-12-31 23:59:59.999999 "
				  "{1,-1,9223372036854775807} {\"a,\\\"b\",NULL,\"\"} 0001");
}

static void
look_at_large(struct fixture *f, const PGresult *r)
{
	(void)f;
	struct str s = pg_str(r, 0, 0);
	assert_int_equal(s.n, LARGE);
	for (size_t i = 0; i < s.n; i += 4093)
		assert_int_equal((unsigned char)s.p[i], (unsigned char)(i >> 8 ^ i));
}

static void
test_eight_megabytes(void **state)
{
	struct fixture *f = *state;
	char *p = mem_alloc(LARGE);
	for (size_t i = 0; i < LARGE; i++)
		p[i] = (char)(unsigned char)(i >> 8 ^ i);
	pg_arg_bytes(&f->args, (struct str){ p, LARGE });
	ask(f, "select $1::bytea", look_at_large);
	free(p);
}

static void
look_at_rows(struct fixture *f, const PGresult *r)
{
	(void)f;
	assert_int_equal(pg_rows(r), 100000);
	for (int i = 0; i < 100000; i += 9973)
		assert_int_equal(pg_int(r, i, 0), i);
}

static void
test_many_rows(void **state)
{
	struct fixture *f = *state;
	ask(f, "select generate_series(0, 99999)::int8", look_at_rows);
}

/* ---- arrays ------------------------------------------------------------------------------- */

static void
put_arrays(struct fixture *f, struct buf out[6])
{
	struct pg_array a[6];
	static const enum pg_oid types[6] = { PG_BOOL, PG_INT2, PG_INT4, PG_INT8, PG_BYTEA,
		PG_TIMESTAMPTZ };
	for (int i = 0; i < 6; i++) {
		buf_init(&out[i], 4096);
		pg_array_begin(&a[i], &out[i], types[i]);
	}
	pg_array_bool(&a[0], true);
	pg_array_bool(&a[0], false);
	pg_array_int2(&a[1], INT16_MAX);
	pg_array_int2(&a[1], -1);
	pg_array_int4(&a[2], INT32_MAX);
	pg_array_int4(&a[2], -1);
	pg_array_int8(&a[3], INT64_MAX);
	pg_array_int8(&a[3], -1);
	pg_array_bytes(&a[4], STR("\0\xff"));
	pg_array_bytes(&a[4], STR(""));
	pg_array_time(&a[5], (struct wall){ INSTANT });
	pg_array_time(&a[5], (struct wall){ 1 });
	for (int i = 0; i < 6; i++) {
		pg_array_null(&a[i]);
		pg_array_end(&a[i], &f->args);
	}
}

static void
test_arrays_of_every_type(void **state)
{
	struct fixture *f = *state;
	struct buf out[6];
	put_arrays(f, out);
	ask(f,
	    "select string_agg(concat_ws(' ', b, i2, i4, i8, encode(x, 'hex'),"
	    "  to_char(t at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')), '; ')"
	    " from unnest($1::bool[], $2::int2[], $3::int4[], $4::int8[], $5::bytea[],"
	    "  $6::timestamptz[]) as u(b, i2, i4, i8, x, t)",
	    look_at_text);
	assert_string_equal(said,
	    "t 32767 2147483647 9223372036854775807 00ff 2026-11-21 09:20:00.123456; "
	    "f -1 -1 -1  1970-01-01 00:00:00.000001; ");
	for (int i = 0; i < 6; i++)
		buf_free(&out[i]);
}

static void
test_null_is_told_from_nothing_in_arrays(void **state)
{
	struct fixture *f = *state;
	struct buf out[2];
	struct pg_array empty, times;
	buf_init(&out[0], 64);
	buf_init(&out[1], 64);
	pg_array_begin(&empty, &out[0], PG_INT8);
	pg_array_end(&empty, &f->args);
	pg_array_begin(&times, &out[1], PG_TIMESTAMPTZ);
	pg_array_time(&times, (struct wall){ 0 });
	pg_array_end(&times, &f->args);
	pg_arg_int8s(&f->args, NULL, 0);
	pg_arg_texts(&f->args, NULL, 0);
	ask(f, "select concat_ws(' ', $1::int8[], $2::timestamptz[], $3::int8[], $4::text[])",
	    look_at_text);
	assert_string_equal(said, "{} {NULL} {} {}");
	buf_free(&out[0]);
	buf_free(&out[1]);
}

static void
look_at_arrays(struct fixture *f, const PGresult *r)
{
	int64_t *n;
	struct str *s;
	assert_int_equal(pg_int8s(r, 0, 0, f->arena, &n), 3);
	assert_int_equal(n[0], INT64_MIN);
	assert_int_equal(n[1], 0); /* null */
	assert_int_equal(n[2], 7);
	assert_int_equal(pg_strs(r, 0, 1, f->arena, &s), 3);
	assert_string_equal(s[0].p, "a"); /* copies end with NUL */
	assert_null(s[1].p);
	assert_true(s[2].p && s[2].n == 0);
	assert_int_equal(pg_int8s(r, 0, 2, f->arena, &n), 0);
	assert_int_equal(pg_strs(r, 0, 3, f->arena, &s), 0);
	assert_int_equal(pg_strs(r, 0, 4, f->arena, &s), 1);
	assert_true(str_eq(s[0], STR("\0b")));
}

static void
test_arrays_are_read(void **state)
{
	struct fixture *f = *state;
	ask(f,
	    "select array[-9223372036854775808, null, 7]::int8[], array['a', null, '']::text[],"
	    " '{}'::int8[], null::text[], array['\\x0062'::bytea]",
	    look_at_arrays);
}

/* ---- the program -------------------------------------------------------------------------- */

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	/* Not prepared: each test asks under the same name. */
	const struct pg_options o = { .url = db_url(&db), .name = "test", .connections = 1 };
	f->loop = loop_new();
	f->pool = pg_pool_new(f->loop, &o);
	f->arena = arena_new();
	pg_args_init(&f->args, f->arena);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
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
		TEST(test_scalars_come_back),
		TEST(test_the_server_reads_what_was_meant),
		TEST(test_eight_megabytes),
		TEST(test_many_rows),
		TEST(test_arrays_of_every_type),
		TEST(test_null_is_told_from_nothing_in_arrays),
		TEST(test_arrays_are_read),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
