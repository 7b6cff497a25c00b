/* Unit tests of base/id: order under every misbehaviour of the clock, and the text form. */
#include <string.h>

#include "base/attr.h"
#include "base/id.h"

#include "unit.h"

#define EPOCH_MS INT64_C(1577836800000) /* 2020-01-01T00:00:00Z */

static struct wall
at_ms(int64_t ms)
{
	return (struct wall){ (EPOCH_MS + ms) * 1000 };
}

static void
test_layout(void **state)
{
	struct id_source s;
	(void)state;
	id_source_init(&s, 1023, 0);
	int64_t id = id_next(&s, at_ms(5));
	assert_int_equal(id, INT64_C(5) << 22 | INT64_C(1023) << 12);
	assert_int_equal(id_slot(id), 1023);
	assert_int_equal(id_time(id).us, at_ms(5).us);
	assert_int_equal(id_next(&s, at_ms(5)), id + 1);
	assert_int_equal(id_next(&s, at_ms(6)), INT64_C(6) << 22 | INT64_C(1023) << 12);

	/* The last instant that fits: 2089. */
	id = id_next(&s, at_ms((INT64_C(1) << 41) - 1));
	assert_true(id > 0);
	assert_int_equal(id_time(id).us, at_ms((INT64_C(1) << 41) - 1).us);
}

/* Strictly increasing and of its slot, whatever the clock does. */
static void
test_increasing(void **state)
{
	static const int64_t steps_ms[] = { 0, 0, 1, 0, -5, -1000000, 0, 3, 1000000, -1 };
	struct id_source s;
	int64_t ms = 10000000, last;
	(void)state;
	id_source_init(&s, 7, 0);
	last = 0;
	for (int i = 0; i < 50000; i++) {
		ms += steps_ms[i % (int)ARRAY_LEN(steps_ms)];
		int64_t id = id_next(&s, at_ms(ms));
		assert_true(id > last);
		assert_int_equal(id_slot(id), 7);
		last = id;
	}
}

/* More than 4096 in a millisecond: the next one is borrowed, and given back when the clock is
 * there. */
static void
test_counter_overflow(void **state)
{
	struct id_source s;
	int64_t id = 0;
	(void)state;
	id_source_init(&s, 3, 0);
	for (int i = 0; i < 4096; i++)
		id = id_next(&s, at_ms(100));
	assert_int_equal(id_time(id).us, at_ms(100).us);
	int64_t borrowed = id_next(&s, at_ms(100));
	assert_int_equal(id_time(borrowed).us, at_ms(101).us);
	assert_int_equal(id_slot(borrowed), 3);
	assert_int_equal(id_next(&s, at_ms(101)), borrowed + 1);
	assert_int_equal(id_time(id_next(&s, at_ms(102))).us, at_ms(102).us);
}

/* A floor is behind every id made, also when it is another slot's or ahead of the clock. */
static void
test_floor(void **state)
{
	static const struct {
		int slot;
		int64_t floor_ms;
		int floor_slot;
		int floor_counter;
	} cases[] = {
		{ 3, 500, 3, 0 },
		{ 3, 500, 3, 4095 },
		{ 3, 500, 2, 17 },
		{ 3, 500, 9, 17 },
		{ 3, 100, 9, 17 },
		{ 3, 100, 2, 17 },
		{ 3, 50, 9, 17 },
		{ 0, 100, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t floor = cases[i].floor_ms << 22 | (int64_t)cases[i].floor_slot << 12 |
				cases[i].floor_counter;
		struct id_source s;
		id_source_init(&s, cases[i].slot, floor);
		int64_t last = floor;
		for (int k = 0; k < 5000; k++) {
			int64_t id = id_next(&s, at_ms(100));
			assert_true(id > last);
			assert_int_equal(id_slot(id), cases[i].slot);
			last = id;
		}
	}
	/* The clock stands before 2020. */
	struct id_source s;
	id_source_init(&s, 1, 0);
	assert_true(id_next(&s, (struct wall){ 0 }) > 0);
	assert_true(id_next(&s, (struct wall){ INT64_MIN }) > 0);
}

static void
test_ranges(void **state)
{
	struct id_source s;
	(void)state;
	id_source_init(&s, 0, 0);
	int64_t first = id_next(&s, at_ms(100));
	assert_true(id_floor(at_ms(100)) <= first);
	assert_true(id_floor(at_ms(101)) > first);
	assert_int_equal(id_floor((struct wall){ at_ms(100).us + 999 }), id_floor(at_ms(100)));
	assert_int_equal(id_floor(at_ms(0)), 0);
	assert_int_equal(id_floor(at_ms(-1)), 0);
	assert_int_equal(id_floor((struct wall){ INT64_MIN }), 0);
	assert_true(id_floor((struct wall){ INT64_MAX }) > 0);
	assert_true(
	    id_floor((struct wall){ INT64_MAX }) >= id_floor(at_ms((INT64_C(1) << 41) - 1)));
}

static const struct {
	enum id_kind kind;
	const char *prefix;
} kinds[] = {
	{ ID_APP, "app_" },
	{ ID_ENDPOINT, "ep_" },
	{ ID_MESSAGE, "msg_" },
	{ ID_ATTEMPT, "atmpt_" },
	{ ID_DEAD_LETTER, "dl_" },
	{ ID_TASK, "qtask_" },
	{ ID_POLL, "poll_" },
};

static void
test_text(void **state)
{
	static const struct {
		int64_t id;
		const char *digits;
	} cases[] = {
		{ 0, "00000000000" },
		{ 1, "00000000001" },
		{ 9, "00000000009" },
		{ 10, "0000000000A" },
		{ 35, "0000000000Z" },
		{ 36, "0000000000a" },
		{ 61, "0000000000z" },
		{ 62, "00000000010" },
		{ INT64_MAX, "AzL8n0Y58m7" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			char text[ID_TEXT_SIZE];
			int64_t id = -1;
			size_t n = strlen(kinds[k].prefix);
			assert_ptr_equal(id_to_text(kinds[k].kind, cases[i].id, text), text);
			assert_memory_equal(text, kinds[k].prefix, n);
			assert_string_equal(text + n, cases[i].digits);
			assert_string_equal(id_prefix(kinds[k].kind), kinds[k].prefix);
			assert_int_equal(id_from_text(kinds[k].kind, str_of(text), &id), 0);
			assert_int_equal(id, cases[i].id);
		}
	}
}

/* Text order is numeric order. */
static void
test_text_order(void **state)
{
	char last[ID_TEXT_SIZE] = "", text[ID_TEXT_SIZE];
	(void)state;
	uint64_t step = 1;
	for (uint64_t id = 0; id <= INT64_MAX; id += step, step += step / 3 + 1) {
		id_to_text(ID_MESSAGE, (int64_t)id, text);
		assert_true(strcmp(last, text) < 0);
		memcpy(last, text, sizeof(last));
	}
}

static void
test_from_text_refuses(void **state)
{
	const struct str cases[] = {
		{ NULL, 0 },
		STR(""),
		STR("msg_"),
		STR("msg_0000000000"),
		STR("msg_000000000001"),
		STR("msg_0000000000-"),
		STR("msg_0000000000."),
		STR("msg_0000000000 "),
		STR("msg_0000000000\0"),
		STR("msg_ 0000000000"),
		STR("msg_-0000000001"),
		STR("msg_0000000000\xe9"),
		STR("msg_AzL8n0Y58m8"), /* 2^63 */
		STR("msg_zzzzzzzzzzz"),
		STR("MSG_00000000001"),
		STR("app_00000000001"),
		STR("00000000001"),
		STR("msg00000000001_"),
		STR("xmsg_00000000001"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t id = 77;
		if (id_from_text(ID_MESSAGE, cases[i], &id) != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i]));
		assert_int_equal(id, 77);
	}
	assert_true(id_has_prefix(ID_MESSAGE, STR("msg_")));
	assert_true(id_has_prefix(ID_MESSAGE, STR("msg_anything")));
	assert_false(id_has_prefix(ID_MESSAGE, STR("msg")));
	assert_false(id_has_prefix(ID_MESSAGE, STR("app_1")));
	assert_false(id_has_prefix(ID_MESSAGE, (struct str){ NULL, 0 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_increasing),
		cmocka_unit_test(test_counter_overflow),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_order),
		cmocka_unit_test(test_from_text_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
