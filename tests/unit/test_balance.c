/* Unit tests of policy/balance: the rules as tables, and that moves by them come to rest. */
#include "base/attr.h"

#include "policy/balance.h"
#include "unit.h"

#define WORKERS 3

static void
test_new(void **state)
{
	static const struct {
		struct balance_load w[WORKERS];
		int turn, wanted;
	} rows[] = {
		{ { { true, 0 }, { true, 0 }, { true, 0 } }, 1, 1 },
		{ { { true, 4 }, { true, 4 }, { true, 0 } }, 1, 1 }, /* within the slack */
		{ { { true, 5 }, { true, 5 }, { true, 0 } }, 1, 2 },
		{ { { true, 9 }, { false, 0 }, { true, 7 } }, 1, 2 }, /* its turn, but closed */
		{ { { true, 9 }, { true, 9 }, { false, 0 } }, 1, 1 }, /* the fewest, but closed */
		{ { { false, 0 }, { true, 9 }, { false, 0 } }, 0, 1 },
		{ { { false, 0 }, { false, 0 }, { false, 0 } }, 0, -1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(balance_new(rows[i].w, WORKERS, rows[i].turn), rows[i].wanted);
}

/* Worker 0 asks. */
static void
test_backlog(void **state)
{
	static const struct {
		struct balance_load w[WORKERS];
		int wanted;
	} rows[] = {
		{ { { true, 1, 65, 1.0 }, { true, 0, 0, 0 }, { true, 0, 0, 0 } }, 1 },
		{ { { true, 1, 64, 1.0 }, { true, 0, 0, 0 }, { true, 0, 0, 0 } }, -1 },
		{ { { true, 1, 65, 0.0 }, { true, 0, 0, 0 }, { true, 0, 0, 0 } }, 1 },
		{ { { true, 1, 1000, 1.0 }, { true, 0, 749, 0 }, { true, 0, 749, 0 } }, -1 },
		{ { { true, 1, 1000, 1.0 }, { true, 0, 748, 0 }, { true, 0, 749, 0 } }, 1 },
		{ { { true, 1, 1000, 1.0 }, { true, 0, 9, 1.0 }, { true, 0, 8, 1.0 } }, 2 },
		{ { { true, 1, 1000, 1.0 }, { true, 0, 9, 1.0 }, { false, 0, 8, 1.0 } }, 1 },
		{ { { true, 1, 1000, 0.6 }, { true, 0, 0, 0.9 }, { true, 0, 9, 0.8 } }, 2 },
		{ { { true, 1, 1000, 0.6 }, { true, 0, 0, 0.9 }, { true, 0, 0, 0.9 } }, -1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(balance_backlog(rows[i].w, WORKERS, 0), rows[i].wanted);
}

/* Worker 0 asks for a connection that does `share` of its work. */
static void
test_busy(void **state)
{
	static const struct {
		double busy[WORKERS];
		double share;
		int wanted;
	} rows[] = {
		{ { 1.0, 0, 0.5 }, 0.5, 1 }, { { 1.0, 0.5, 0.2 }, 0.5, 2 },
		{ { 1.0, 0, 0 }, 1.0, -1 },    /* it would take all along */
		{ { 1.0, 0, 0 }, 0.91, -1 },   /* not worth it */
		{ { 1.0, 0, 0 }, 0.8, 1 },     /* the rest stays, and has more time */
		{ { 0.49, 0, 0 }, 0.1, -1 },   /* worker 0 has time */
		{ { 0.9, 0.85, 0.8 }, 0, -1 }, /* noise */
		{ { 0.9, 0.85, 0.79 }, 0, 2 }, /* costs nothing, but let it go */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct balance_load w[WORKERS];
		for (int k = 0; k < WORKERS; k++)
			w[k] = (struct balance_load){ .open = true, .busy = rows[i].busy[k] };
		assert_int_equal(balance_busy(w, WORKERS, 0, rows[i].share), rows[i].wanted);
		if (rows[i].wanted < 0)
			continue;
		for (int k = 1; k < WORKERS; k++)
			w[k].open = false;
		assert_int_equal(balance_busy(w, WORKERS, 0, rows[i].share), -1);
	}
}

/* Connections of all weights, all with worker 0 at first. Exact figures, decisions one at a time:
 * it comes to rest, and then no worker could give one away to the good of the busier. */
static void
test_comes_to_rest(void **state)
{
	enum {
		CONNECTIONS = 24
	};
	double load[CONNECTIONS];
	int at[CONNECTIONS] = { 0 }, moves = 0, last = 0;
	struct balance_load w[WORKERS] = { { .open = true }, { .open = true }, { .open = true } };
	(void)state;
	for (int c = 0; c < CONNECTIONS; c++) {
		load[c] = (c % 5 + 1) * 0.04; /* 2.84 workers' work */
		w[0].busy += load[c];
	}
	for (int step = 0; step < 100 * CONNECTIONS; step++) {
		int c = step % CONNECTIONS, me = at[c];
		int to = balance_busy(w, WORKERS, me, load[c] / w[me].busy);
		if (to < 0)
			continue;
		w[me].busy -= load[c];
		w[to].busy += load[c];
		at[c] = to;
		moves++;
		last = step;
	}
	assert_in_range(moves, 1, 3 * CONNECTIONS);
	assert_true(last < 10 * CONNECTIONS);
	for (int i = 0; i < WORKERS; i++)
		assert_true(w[i].busy > 0.7 && w[i].busy < 1.2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_comes_to_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
