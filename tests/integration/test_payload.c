/* Payloads are read back in batches that fit: by messages, and by bytes. */
#include <string.h>

#include "base/id.h"

#include "../support/db.h"
#include "../support/turn.h"
#include "send/payload.h"

#define SLOT  5
#define LARGE (2 << 20)

static struct db db;

struct bench {
	struct loop *loop;
	struct pg_pool *pool;
	struct payloads *payloads;
	int64_t app, first;
	int calls, found, batch;
	size_t bytes;
	struct delivery_list loaded; /* kept: some share a message */
};

static void
on_payload(void *arg, struct delivery *d, bool found)
{
	struct bench *b = arg;
	b->calls++;
	b->batch++;
	b->found += found;
	b->bytes += d->message->payload.n;
	if (found)
		assert_true(str_eq(d->message->event_type, STR("a.b")));
	TAILQ_INSERT_TAIL(&b->loaded, d, entry);
}

static void
bench_start(struct bench *b)
{
	const struct pg_options o = {
		.url = db_url(&db),
		.name = "load",
		.connections = 1,
		.wait_max = TURN_MAX,
		.run_max = TURN_MAX,
		.prepare = true,
	};
	db_clear(&db);
	*b = (struct bench){ .app = db_app(&db, "u"), .first = id_floor(clock_wall()) };
	TAILQ_INIT(&b->loaded);
	b->loop = loop_new();
	b->pool = pg_pool_new(b->loop, &o);
	b->payloads = payloads_new(b->loop, b->pool, on_payload, b);
	TURN_UNTIL(b->loop, pg_pool_ready(b->pool) == 1);
}

static void
bench_end(struct bench *b)
{
	struct delivery *d;
	while ((d = TAILQ_FIRST(&b->loaded))) {
		TAILQ_REMOVE(&b->loaded, d, entry);
		delivery_free(d);
	}
	payloads_free(b->payloads);
	pg_pool_free(b->pool);
	loop_free(b->loop);
}

static int64_t
message_id(const struct bench *b, int i)
{
	return b->first + ((int64_t)i << 22) + (SLOT << 12);
}

static void
store(struct bench *b, int i, int size)
{
	db_exec(&db,
	    "insert into message (app_id, id, event_type, targets, payload)"
	    " values (%lld, %lld, 'a.b', '', convert_to(repeat('x', %d), 'UTF8'))",
	    (long long)b->app, (long long)message_id(b, i), size);
}

static void
load(struct bench *b, struct message *m, int64_t endpoint)
{
	payloads_load(b->payloads, delivery_new(m, endpoint, SLOT, 1));
}

/* A message of its own, as a retry has. */
static void
load_one(struct bench *b, int i, int64_t endpoint)
{
	struct message *m = message_new(b->app, message_id(b, i), STR(""), NULL, 0);
	load(b, m, endpoint);
	message_unref(m);
}

/* Turns until n more have come; returns the most that came at once. */
static int
wait_for(struct bench *b, int n)
{
	int most = 0;
	n += b->calls;
	do {
		b->batch = 0;
		TURN_UNTIL(b->loop, b->batch > 0);
		most = b->batch > most ? b->batch : most;
	} while (b->calls < n);
	assert_int_equal(b->calls, n);
	return most;
}

static void
test_large_ones_come_a_few_at_a_time(void **state)
{
	struct bench b;
	(void)state;
	bench_start(&b);
	for (int i = 0; i < 30; i++)
		store(&b, i, LARGE);
	for (int i = 0; i < 30; i++)
		load_one(&b, i, 1);
	assert_int_equal(wait_for(&b, 30), 4); /* 8 MB */
	assert_int_equal(b.found, 30);
	assert_int_equal(b.bytes, 30 * (size_t)LARGE);
	bench_end(&b);
}

static void
test_one_that_is_larger_than_a_batch(void **state)
{
	struct bench b;
	(void)state;
	bench_start(&b);
	store(&b, 0, 5 * LARGE);
	store(&b, 1, 10);
	for (int i = 0; i < 3; i++) /* the last one is not there */
		load_one(&b, i, 1);
	wait_for(&b, 3);
	assert_int_equal(b.found, 2);
	assert_int_equal(b.bytes, 5 * LARGE + 10);
	bench_end(&b);
}

/* Many deliveries of one event: it is read once, and counts once. */
static void
test_one_for_many(void **state)
{
	struct bench b;
	(void)state;
	bench_start(&b);
	store(&b, 0, LARGE);
	store(&b, 1, LARGE);
	struct message *m = message_new(b.app, message_id(&b, 0), STR(""), NULL, 0);
	for (int endpoint = 1; endpoint <= 8; endpoint++) {
		load(&b, m, endpoint);
		load_one(&b, 1, endpoint);
	}
	assert_int_equal(wait_for(&b, 16), 16);
	assert_int_equal(b.found, 16);
	/* More than fly at once. */
	struct message *gone = message_new(b.app, message_id(&b, 2), STR(""), NULL, 0);
	for (int endpoint = 1; endpoint <= 3000; endpoint++)
		load(&b, gone, endpoint);
	assert_in_range(wait_for(&b, 3000), 1000, 2000);
	assert_int_equal(b.found, 16);
	message_unref(m);
	message_unref(gone);
	bench_end(&b);
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
		cmocka_unit_test(test_large_ones_come_a_few_at_a_time),
		cmocka_unit_test(test_one_that_is_larger_than_a_batch),
		cmocka_unit_test(test_one_for_many),
	};
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
