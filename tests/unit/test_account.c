/* Unit tests of posthorn-bench's books: whatever the order of request, answer and receipt, the sums
 * are right, and each kind of loss or surplus is seen. Two endpoints: the second never takes any.
 */
#include "base/attr.h"

#include "account.h"
#include "unit.h"

static const bool takes_all[] = { true, false, /* application 0 */ true, false /* 1 */ };

static struct account *a;
static struct tally t;

static int
setup(void **state)
{
	(void)state;
	a = account_new(2, takes_all);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	account_free(a);
	return 0;
}

static enum receipt
receive(int64_t number, int app, int endpoint, bool taken)
{
	usec_t due = -1;
	enum receipt r = account_receive(a, number, app, endpoint, taken, &due);
	assert_int_equal(due, r == RECEIPT_UNEXPECTED ? -1 : 1000 + number);
	return r;
}

static void
test_answer_then_receipt(void **state)
{
	(void)state;
	assert_int_equal(account_send(a, 0, 1000), 0);
	assert_int_equal(account_outstanding(a), 0);
	assert_int_equal(account_accept(a, 0), 1000);
	assert_int_equal(account_outstanding(a), 1);
	assert_false(account_seen(a, 0, 0, 0));
	assert_int_equal(receive(0, 0, 0, true), RECEIPT_FIRST);
	assert_true(account_seen(a, 0, 0, 0));
	assert_int_equal(account_outstanding(a), 0);
	account_tally(a, &t);
	assert_int_equal(t.accepted, 1);
	assert_int_equal(t.deliveries, 1);
	assert_int_equal(t.taken, 1);
	assert_int_equal(t.failing, 1);
	assert_int_equal(t.missing, 0);
	assert_int_equal(t.unexpected, 0);
}

static void
test_receipt_then_answer(void **state)
{
	(void)state;
	account_send(a, 1, 1000);
	assert_int_equal(receive(0, 1, 0, true), RECEIPT_FIRST);
	account_accept(a, 0);
	assert_int_equal(account_outstanding(a), 0);
	account_tally(a, &t);
	assert_int_equal(t.taken, 1);
	assert_int_equal(t.missing, 0);
}

static void
test_missing(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		account_send(a, 0, 1000 + i);
		account_accept(a, i);
	}
	receive(0, 0, 0, true);
	receive(1, 0, 0, false); /* an attempt that was not taken is no delivery */
	account_tally(a, &t);
	assert_int_equal(t.missing, 2);
	assert_int_equal(t.first_missing, 1);
	assert_int_equal(account_outstanding(a), 2);
}

static void
test_repeated(void **state)
{
	(void)state;
	account_send(a, 0, 1000);
	account_accept(a, 0);
	assert_int_equal(receive(0, 0, 0, false), RECEIPT_NOT_TAKEN);
	assert_int_equal(receive(0, 0, 0, true), RECEIPT_FIRST);
	assert_int_equal(receive(0, 0, 0, true), RECEIPT_REPEATED);
	assert_int_equal(receive(0, 0, 0, false), RECEIPT_REPEATED);
	account_tally(a, &t);
	assert_int_equal(t.attempts, 4);
	assert_int_equal(t.repeated, 2);
	assert_int_equal(account_outstanding(a), 0);
}

static void
test_unexpected(void **state)
{
	(void)state;
	account_send(a, 0, 1000);
	assert_int_equal(receive(1, 0, 0, true), RECEIPT_UNEXPECTED);  /* never sent */
	assert_int_equal(receive(-1, 0, 0, true), RECEIPT_UNEXPECTED); /* no number at all */
	assert_int_equal(receive(0, 1, 0, true), RECEIPT_UNEXPECTED);  /* another's endpoint */
	assert_false(account_seen(a, 1, 0, 0));
	assert_false(account_seen(a, 0, 1, 0));
	receive(0, 0, 0, true);
	account_refuse(a, 0); /* refused, and delivered all the same */
	account_tally(a, &t);
	assert_int_equal(t.refused, 1);
	assert_int_equal(t.unexpected, 4);
}

static void
test_unknown(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		account_send(a, 0, 1000 + i);
	account_lose(a, 0);
	account_lose(a, 1);
	receive(0, 0, 0, true); /* event 2 was never answered at all */
	account_tally(a, &t);
	assert_int_equal(t.unknown, 3);
	assert_int_equal(t.unknown_taken, 1);
	assert_int_equal(t.missing, 0);
	assert_int_equal(t.unexpected, 0);
}

/* More than a chunk holds. */
static void
test_many(void **state)
{
	enum {
		N = 40000
	};
	(void)state;
	for (int i = 0; i < N; i++) {
		assert_int_equal(account_send(a, i % 2, 1000 + i), i);
		account_accept(a, i);
	}
	assert_int_equal(account_outstanding(a), N);
	for (int i = N - 1; i >= 0; i--)
		if (i != 12345)
			assert_int_equal(receive(i, i % 2, 0, true), RECEIPT_FIRST);
	account_tally(a, &t);
	assert_int_equal(t.taken, N - 1);
	assert_int_equal(t.missing, 1);
	assert_int_equal(t.first_missing, 12345);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answer_then_receipt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_receipt_then_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_repeated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unexpected, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};
	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
