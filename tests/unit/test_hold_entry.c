/* Unit tests of send/hold_entry: one of a key at a time, in order, also of what finds no room. */
#include <string.h>

#include "send/hold-internal.h"
#include "unit.h"

#define KEY 7

struct fixture {
	struct holds all;
	struct hold h;
};

static int
set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));
	f->all.loop = loop_new();
	f->h.all = &f->all;
	entries_init(&f->h.entries);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	entries_free(&f->h);
	loop_free(f->all.loop);
	test_free(f);
	return 0;
}

/* The row with that number, of a message of its own, as a read brings it. */
static void
add(struct hold *h, int64_t key, int64_t no)
{
	const struct parked_row row = {
		.no = no, .msg_id = no, .at = { 1 }, .ordered = key != 0, .key = key
	};
	entries_add(h, &row);
}

static void
add_all(struct hold *h, int64_t key, int64_t first, int64_t last)
{
	for (int64_t no = first; no <= last; no++)
		add(h, key, no);
}

/* The number of what may start, which is started and resolved; 0: nothing may. */
static int64_t
pass(struct hold *h)
{
	struct entry *en = entries_ready(h);
	if (!en)
		return 0;
	int64_t no = en->no;
	entry_start(h, en);
	if (en->key) /* alone */
		assert_true(!entries_ready(h) || entries_ready(h)->key != en->key);
	entry_resolve(h, en);
	return no;
}

static void
pass_all(struct hold *h, int64_t first, int64_t last)
{
	for (int64_t no = first; no <= last; no++)
		assert_int_equal(pass(h), no);
	assert_int_equal(pass(h), 0);
}

/* As hold_read.c does. */
static void
begin_sweep(struct hold *h)
{
	h->more = false;
	h->beyond = h->next_base;
	entries_sweep(h);
}

static void
test_in_order_whatever_the_order_of_rows(void **state)
{
	struct fixture *f = *state;
	for (int64_t no = 20; no > 0; no--)
		add(&f->h, KEY, no);
	pass_all(&f->h, 1, 20);
	assert_false(f->h.more);
	assert_int_equal(f->h.entries.n, 0);
	assert_null(f->h.entries.by_key);
}

static void
test_keys_do_not_wait_for_each_other(void **state)
{
	struct fixture *f = *state;
	add_all(&f->h, KEY, 1, 3);
	add_all(&f->h, KEY + 1, 4, 6);
	struct entry *en = entries_ready(&f->h);
	entry_start(&f->h, en);
	pass_all(&f->h, 4, 6);
	entry_resolve(&f->h, en);
	pass_all(&f->h, 2, 3);
}

/* What found no room is read again when the key has been emptied; a read that is under way then is
 * past it, and what it brings waits. */
static void
test_no_room(void **state)
{
	struct fixture *f = *state;
	const int64_t last = HOLD_KEY_MAX + 50;
	struct wall at;
	begin_sweep(&f->h);
	add_all(&f->h, KEY, 1, last);
	assert_int_equal(f->h.entries.n, HOLD_KEY_MAX);
	f->h.next_base = f->h.beyond = last; /* of a sweep that looks for what has come since */
	pass_all(&f->h, 1, HOLD_KEY_MAX);
	assert_true(f->h.more);
	add_all(&f->h, KEY, last + 1, last + 10);
	assert_int_equal(pass(&f->h), 0);
	assert_int_equal(entries_low(&f->h, last, &at), HOLD_KEY_MAX);
	begin_sweep(&f->h);
	assert_int_equal(f->h.beyond, HOLD_KEY_MAX);
	add_all(&f->h, KEY, HOLD_KEY_MAX + 1, last + 10);
	pass_all(&f->h, HOLD_KEY_MAX + 1, last + 10);
	assert_false(f->h.more);
	assert_null(f->h.entries.by_key);
}

/* A sweep that begins behind the hole does not close it; one that begins before it closes it, be
 * what was left out resolved meanwhile or not. */
static void
test_a_hole_is_closed_by_a_sweep_that_comes_by(void **state)
{
	struct fixture *f = *state;
	add_all(&f->h, KEY, 1, HOLD_KEY_MAX + 1);
	f->h.next_base = HOLD_KEY_MAX + 1;
	begin_sweep(&f->h);
	add(&f->h, KEY, HOLD_KEY_MAX + 2);
	pass_all(&f->h, 1, HOLD_KEY_MAX);
	begin_sweep(&f->h);
	add(&f->h, KEY, HOLD_KEY_MAX + 2);
	pass_all(&f->h, HOLD_KEY_MAX + 2, HOLD_KEY_MAX + 2);
}

/* Room that was made while the key still has entries is used by the next sweep that comes by. */
static void
test_room_in_between(void **state)
{
	struct fixture *f = *state;
	add_all(&f->h, KEY, 1, HOLD_KEY_MAX + 5);
	for (int64_t no = 1; no <= 3; no++)
		assert_int_equal(pass(&f->h), no);
	begin_sweep(&f->h);
	add_all(&f->h, KEY, 4, HOLD_KEY_MAX + 5);
	assert_int_equal(f->h.entries.n, HOLD_KEY_MAX);
	pass_all(&f->h, 4, HOLD_KEY_MAX + 3);
	assert_true(f->h.more);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_order_whatever_the_order_of_rows),
		TEST(test_keys_do_not_wait_for_each_other),
		TEST(test_no_room),
		TEST(test_a_hole_is_closed_by_a_sweep_that_comes_by),
		TEST(test_room_in_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
