/* Unit tests of policy/bucket, in time of their own: when deliveries may go out, what is lost, and
 * that no stretch of time ever sees more than it may. */
#include <string.h>

#include "base/attr.h"
#include "base/rand.h"

#include "policy/bucket.h"
#include "unit.h"

#define MS    USEC_PER_MS
#define SEC   USEC_PER_SEC
#define START (1000 * SEC)

static void
test_a_lot_is_spread_evenly(void **state)
{
	static const int rates[] = { 1, 2, 3, 7, 20, 500, 9999, 65535 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct bucket b = { 0 };
		int rate = rates[i], n = rate / 4 > 0 ? rate / 4 : 1;
		bucket_add(&b, START, n, rate);
		assert_int_equal(bucket_last(&b), START + (n - 1) * SEC / rate);
		for (int k = 0; k < n; k++) {
			usec_t at = START + k * SEC / rate;
			assert_int_equal(bucket_left(&b), n - k);
			assert_int_equal(bucket_first(&b), at);
			assert_false(bucket_open(&b, at - 1));
			assert_true(bucket_open(&b, at));
			assert_int_equal(bucket_take(&b), at + bucket_late(rate));
		}
		assert_int_equal(bucket_left(&b), 0);
		assert_false(bucket_open(&b, START + SEC));
	}
}

static void
test_what_is_too_late_is_lost(void **state)
{
	static const struct {
		int rate, n;
		usec_t after;
		int left;
	} rows[] = {
		{ 100, 25, 0, 25 },
		{ 100, 25, 250 * MS, 25 }, /* just in time */
		{ 100, 25, 250 * MS + 1, 24 },
		{ 100, 25, 260 * MS, 24 },
		{ 100, 25, 300 * MS, 20 },
		{ 100, 25, 490 * MS, 1 },
		{ 100, 25, 490 * MS + 1, 0 },
		{ 100, 25, 3600 * SEC, 0 },
		{ 1, 1, SEC, 1 }, /* a slow one may be as late as it takes */
		{ 1, 1, SEC + 1, 0 },
		{ 2, 1, 500 * MS, 1 },
		{ 2, 1, 500 * MS + 1, 0 },
		{ 65535, 16383, 350 * MS, 16383 - 6554 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bucket b = { 0 };
		bucket_add(&b, START, rows[i].n, rows[i].rate);
		bucket_expire(&b, START + rows[i].after);
		if (bucket_left(&b) != rows[i].left)
			fail_msg("row %zu: %d left, not %d", i, bucket_left(&b), rows[i].left);
	}
}

static void
test_expiry_passes_whole_lots(void **state)
{
	struct bucket b = { 0 };
	(void)state;
	for (int i = 0; i < BUCKET_LOTS; i++)
		bucket_add(&b, START + i * 100 * MS, 10, 100);
	assert_true(bucket_full(&b));
	bucket_expire(&b, START + 250 * MS + 250 * MS);
	assert_int_equal(bucket_left(&b), 15);
	assert_int_equal(bucket_first(&b), START + 250 * MS);
	assert_false(bucket_full(&b));
	assert_true(bucket_open(&b, START + 640 * MS));
	assert_int_equal(bucket_left(&b), 1);
	assert_false(bucket_open(&b, START + 641 * MS));
}

/* Answers of the database that arrive out of step do not make one worker's lots overlap. */
static void
test_lots_do_not_overlap(void **state)
{
	struct bucket b = { 0 };
	(void)state;
	bucket_add(&b, START + 200 * MS, 10, 100);
	bucket_add(&b, START + 100 * MS, 10, 100);
	assert_int_equal(bucket_first(&b), START + 200 * MS);
	assert_int_equal(bucket_last(&b), START + 390 * MS);
	bucket_add(&b, START + SEC, 1, 100);
	assert_int_equal(bucket_last(&b), START + SEC);
}

static void
test_a_full_bucket_takes_no_more(void **state)
{
	struct bucket b = { 0 };
	(void)state;
	for (int i = 0; i < BUCKET_LOTS + 3; i++)
		bucket_add(&b, START, 1, 10);
	assert_int_equal(bucket_left(&b), BUCKET_LOTS);
}

/* ---- the bound ---------------------------------------------------------------------------- */

#define WORKERS   3
#define TAKEN_MAX 40000
#define BACK      (100 * MS) /* how far a reservation reaches back: throttle_reserve.sql */

struct flow {
	int rate;
	usec_t free_at; /* as in the database */
	int n;
	usec_t taken[TAKEN_MAX];
};

/* As throttle_reserve.sql. */
static void
reserve(struct flow *f, struct bucket *b, usec_t now)
{
	int n = f->rate / 4 > 0 ? f->rate / 4 : 1;
	if (f->free_at > now + 250 * MS || bucket_full(b))
		return;
	usec_t start = f->free_at > now - BACK ? f->free_at : now - BACK;
	f->free_at = start + n * SEC / f->rate;
	bucket_add(b, start, n, f->rate);
}

/* Workers that stall for up to two seconds at random, and take all they may in between. */
static void
run(struct flow *f, uint64_t seed)
{
	struct bucket b[WORKERS] = { 0 };
	usec_t stalled[WORKERS] = { 0 };
	struct rand rand;
	rand_seed(&rand, seed);
	for (usec_t now = START; now < START + 20 * SEC; now += 5 * MS) {
		for (int i = 0; i < WORKERS; i++) {
			if (now < stalled[i])
				continue;
			if (bucket_left(&b[i]) == 0 || bucket_last(&b[i]) < now + 150 * MS)
				reserve(f, &b[i], now);
			while (bucket_open(&b[i], now) && f->n < TAKEN_MAX) {
				bucket_take(&b[i]);
				f->taken[f->n++] = now;
			}
			if (rand_between(&rand, 0, 200) == 0)
				stalled[i] = now + rand_between(&rand, 0, 2 * SEC);
		}
	}
}

static void
test_no_second_sees_more_than_it_may(void **state)
{
	static const int rates[] = { 1, 5, 20, 500 };
	static struct flow f;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			memset(&f, 0, sizeof(f));
			f.rate = rates[i];
			run(&f, seed);
			double most = f.rate * (double)(SEC + BACK + bucket_late(f.rate)) / SEC + 1;
			int first = 0;
			for (int last = 0; last < f.n; last++) {
				while (f.taken[last] - f.taken[first] >= SEC)
					first++;
				if (last - first + 1 > most)
					fail_msg("rate %d, seed %d: %d in a second", f.rate,
					    (int)seed, last - first + 1);
			}
			assert_true(f.n >= f.rate * 20 / 2); /* for all that stalling */
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lot_is_spread_evenly),
		cmocka_unit_test(test_what_is_too_late_is_lost),
		cmocka_unit_test(test_expiry_passes_whole_lots),
		cmocka_unit_test(test_lots_do_not_overlap),
		cmocka_unit_test(test_a_full_bucket_takes_no_more),
		cmocka_unit_test(test_no_second_sees_more_than_it_may),
	};
	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
