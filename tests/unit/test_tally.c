/* What the tally keeps in memory, in virtual time; what it comes to in the database is
 * tests/integration/test_tally.c. */
#include "../support/virtual_loop.h"
#include "pg/pg.h"
#include "send/tally.h"
#include "unit.h"

#define MINUTE (60 * USEC_PER_SEC)

/* ---- a database that takes everything, a second later --------------------------------------- */

static struct {
	struct timer timer;
	pg_fn fn;
	void *arg;
	int writes;
} written;

static void
on_second(void *unused)
{
	(void)unused;
	written.fn(written.arg, NULL, NULL);
}

struct pg_ticket *
pg_submit(struct pg_pool *p, const struct pg_call *calls, int n, pg_fn fn, void *arg)
{
	(void)p;
	(void)calls;
	(void)n;
	written.fn = fn;
	written.arg = arg;
	written.writes++;
	timer_set(&written.timer, USEC_PER_SEC);
	return (struct pg_ticket *)&written;
}

#ifdef POSTHORN_FAULTS
struct pg_ticket *
pg_submit_points(enum fault before, enum fault after, struct pg_pool *p,
    const struct pg_call *calls, int n, pg_fn fn, void *arg)
{
	(void)before;
	(void)after;
	return pg_submit(p, calls, n, fn, arg);
}
#endif

void
pg_cancel(struct pg_ticket *t)
{
	(void)t;
	timer_stop(&written.timer);
}

static int64_t
next_origin(void *arg)
{
	return ++*(int64_t *)arg;
}

/* ---- the tests ------------------------------------------------------------------------------ */

/* Endpoints come and go: two new ones a minute. What is written stays for an hour, and no longer
 * than a new one needs to push it out. */
static void
test_what_is_written_goes(void **state)
{
	(void)state;
	struct loop *l = loop_new();
	int64_t origins = 0, endpoint = 0;
	struct tally *t = tally_new(l, NULL, next_origin, &origins);
	struct wall noon = { 1700000000 * USEC_PER_SEC };
	timer_init(&written.timer, l, on_second, NULL);
	for (int minute = 0; minute < 5 * 60; minute++) {
		for (int i = 0; i < 2; i++)
			tally_add(t, 1, ++endpoint, noon, true);
		tally_add(t, 1, 1000000, noon, true); /* one that is always at work */
		virtual_run(l, loop_now(l) + MINUTE);
		if (minute < 59)
			assert_int_equal(tally_rows(t), endpoint + 1);
	}
	assert_in_range(tally_rows(t), 110, 125);
	assert_int_equal(origins, endpoint + 1); /* that one has had one row */
	assert_true(written.writes >= 5 * 60);
	tally_free(t);
	timer_done(&written.timer);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
