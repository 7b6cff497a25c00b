/* Retries in memory over a table that has more of them than one page, or than memory, holds. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

#include "../support/db.h"
#include "../support/turn.h"
#include "pg/pg.h"
#include "send/retry.h"

#define SLOT 5
#define PAGE 10000 /* retry.c */

static struct db db;

struct bench {
	struct loop *loop;
	struct pg_pool *pool;
	struct retries *retries;
	bool resolves; /* at once what is fired */
	int fired, again, lower, backward;
	struct wall last;
	uint8_t *seen; /* by message */
};

/* The clock of the program under test; the linker puts it in the place of clock_wall. */
static usec_t skew;
struct wall __real_clock_wall(void);
struct wall __wrap_clock_wall(void);

struct wall
__wrap_clock_wall(void)
{
	return (struct wall){ __real_clock_wall().us + skew };
}

#define MESSAGES_MAX 100000

static void
on_due(void *arg, const struct retry_row *row)
{
	struct bench *b = arg;
	b->fired++;
	b->again += b->seen[row->msg_id];
	b->seen[row->msg_id] = 1;
	b->lower += row->seq < 2;
	b->backward += row->due.us < b->last.us;
	b->last = row->due;
	if (b->resolves)
		retries_resolve(b->retries, row);
}

static void
bench_start(struct bench *b, int64_t max)
{
	const struct pg_options o = {
		.url = db_url(&db),
		.name = "load",
		.connections = 1,
		.wait_max = TURN_MAX,
		.run_max = TURN_MAX,
		.prepare = true,
	};
	const struct retries_events ev = { b, on_due };
	*b = (struct bench){ .resolves = true };
	b->loop = loop_new();
	b->pool = pg_pool_new(b->loop, &o);
	b->retries = retries_new(b->loop, b->pool, &ev, max);
	b->seen = mem_zalloc(MESSAGES_MAX);
}

static void
bench_end(struct bench *b)
{
	retries_free(b->retries);
	pg_pool_free(b->pool);
	loop_free(b->loop);
	free(b->seen);
	skew = 0;
}

/* Rows of one step for messages 1 to n. */
static void
rows(int n, int seq, const char *due)
{
	db_exec(&db,
	    "insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)"
	    " select %s, %d, %d, 1, 0, 7, i, 8, 0 from generate_series(1, %d) i",
	    due, SLOT, seq, n);
}

static struct wall
from_now(int seconds)
{
	return (struct wall){ clock_wall().us + seconds * USEC_PER_SEC };
}

/* ---- pages -------------------------------------------------------------------------------- */

/* What a clamp to the slot's mark makes of them. */
static void
test_one_microsecond(void **state)
{
	struct bench b;
	(void)state;
	bench_start(&b, RETRIES_MAX);
	rows(60000, 2, "date_trunc('second', now()) - interval '1 min'");
	retries_open(b.retries, SLOT, from_now(-120));
	TURN_UNTIL(b.loop, b.fired == 60000 && !retries_busy(b.retries, SLOT));
	assert_int_equal(b.again, 0);
	assert_true(retries_low(b.retries, SLOT).us > clock_wall().us - RETRY_MARK_LAG - TURN_MAX);
	bench_end(&b);
}

static void
test_pages_in_order(void **state)
{
	struct bench b;
	(void)state;
	bench_start(&b, RETRIES_MAX);
	rows(2 * PAGE, 2,
	    "now() - interval '1 min' + i * interval '1 ms'"); /* the last one is full */
	retries_open(b.retries, SLOT, from_now(-120));
	TURN_UNTIL(b.loop, b.fired == 2 * PAGE && !retries_busy(b.retries, SLOT));
	assert_int_equal(b.again + b.backward, 0);
	bench_end(&b);
}

/* A row and the one that replaces it lie pages apart. */
static void
test_what_was_put_off_counts_once(void **state)
{
	struct bench b;
	(void)state;
	bench_start(&b, RETRIES_MAX);
	rows(2 * PAGE, 1, "now() - interval '1 min'");
	rows(2 * PAGE, 2, "now() - interval '1 s'");
	retries_open(b.retries, SLOT, from_now(-120));
	TURN_UNTIL(b.loop, b.fired == 2 * PAGE && !retries_busy(b.retries, SLOT));
	assert_int_equal(b.again + b.lower, 0);
	bench_end(&b);
}

/* ---- memory ------------------------------------------------------------------------------- */

static void
test_memory_is_full(void **state)
{
	struct bench b;
	(void)state;
	int64_t most = PAGE + PAGE / 2, loaded = metric_own(METRIC_RETRIES_LOADED);
	bench_start(&b, most);
	rows(6 * PAGE, 2, "now() - interval '5 min' + i * interval '1 us'");
	b.resolves = false;
	retries_open(b.retries, SLOT, from_now(-360));
	TURN_UNTIL(b.loop, b.fired == 2 * PAGE); /* two pages; nothing goes, nothing comes */
	struct wall low = retries_low(b.retries, SLOT);
	for (int i = 0; i < 100; i++)
		loop_turn(b.loop, 1);
	assert_int_equal(metric_own(METRIC_RETRIES_LOADED) - loaded, 2 * PAGE);
	assert_int_equal(retries_low(b.retries, SLOT).us, low.us);
	assert_true(low.us < clock_wall().us - 299 * USEC_PER_SEC);
	/* One of ours finds no room: it is read later. */
	struct retry_row ours = { .due = from_now(1),
		.slot = SLOT,
		.seq = 2,
		.app_id = 7,
		.msg_id = 6 * PAGE + 1,
		.endpoint_id = 8 };
	db_exec(&db,
	    "insert into retry (due, slot, seq, tries, trigger, app_id, msg_id, endpoint_id, chain)"
	    " values (now(), %d, 2, 1, 0, 7, %lld, 8, 0)",
	    SLOT, (long long)ours.msg_id);
	retries_add(b.retries, &ours);
	assert_int_equal(metric_own(METRIC_RETRIES_LOADED) - loaded, 2 * PAGE);
	b.resolves = true;
	for (int i = 1; i <= 2 * PAGE; i++) {
		struct retry_row row = { .slot = SLOT, .seq = 2, .msg_id = i, .endpoint_id = 8 };
		retries_resolve(b.retries, &row);
	}
	TURN_UNTIL(b.loop, b.fired == 6 * PAGE + 1 && !retries_busy(b.retries, SLOT));
	assert_int_equal(b.again + b.lower, 0);
	bench_end(&b);
}

/* ---- clocks ------------------------------------------------------------------------------- */

/* What is due by it is fired when the timer is next looked at, and not when it was to go off. */
static void
test_a_clock_set_forward(void **state)
{
	struct bench b;
	(void)state;
	bench_start(&b, RETRIES_MAX);
	const struct retry_row row = {
		.due = from_now(110), .slot = SLOT, .seq = 2, .msg_id = 1, .endpoint_id = 8
	};
	retries_add(b.retries, &row);
	skew = 120 * USEC_PER_SEC;
	TURN_UNTIL(b.loop, b.fired == 1);
	bench_end(&b);
}

static int
set_up(void **state)
{
	(void)state;
	db_clear(&db);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_microsecond, set_up),
		cmocka_unit_test_setup(test_pages_in_order, set_up),
		cmocka_unit_test_setup(test_what_was_put_off_counts_once, set_up),
		cmocka_unit_test_setup(test_memory_is_full, set_up),
		cmocka_unit_test_setup(test_a_clock_set_forward, set_up),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
