/* Unit tests of base/clock: RFC 3339 both ways. */
#include "base/attr.h"
#include "base/clock.h"

#include "unit.h"

static void
test_to_text(void **state)
{
	static const struct {
		int64_t us;
		const char *wanted;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ -1000000, "1969-12-31T23:59:59.000000Z" },
		{ INT64_C(1795252800000000), "2026-11-21T09:20:00.000000Z" },
		{ INT64_C(1709208000123456), "2024-02-29T12:00:00.123456Z" },
		{ INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[WALL_TEXT_SIZE];
		struct wall back = { 77 };
		assert_ptr_equal(wall_to_text((struct wall){ cases[i].us }, text), text);
		assert_string_equal(text, cases[i].wanted);
		assert_int_equal(wall_from_text(str_of(text), &back), 0);
		assert_int_equal(back.us, cases[i].us);
	}
	/* Years that no calendar of ours has still fit the buffer. */
	char text[WALL_TEXT_SIZE];
	wall_to_text((struct wall){ INT64_MAX }, text);
	wall_to_text((struct wall){ INT64_MIN }, text);
}

static void
test_from_text(void **state)
{
	static const struct {
		const char *text;
		int64_t wanted_us;
	} cases[] = {
		{ "2026-11-21T09:20:00Z", INT64_C(1795252800000000) },
		{ "2026-11-21t09:20:00z", INT64_C(1795252800000000) },
		{ "2026-11-21 09:20:00Z", INT64_C(1795252800000000) },
		{ "2026-11-21 09:20:00.000000 UTC", INT64_C(1795252800000000) },
		{ "2026-11-21 09:20:00 UTC", INT64_C(1795252800000000) },
		{ "2026-11-21T09:20:00+00:00", INT64_C(1795252800000000) },
		{ "2026-11-21T09:20:00-00:00", INT64_C(1795252800000000) },
		{ "2026-11-21T10:20:00+01:00", INT64_C(1795252800000000) },
		{ "2026-11-21T03:50:00-05:30", INT64_C(1795252800000000) },
		{ "2026-11-22T09:19:00+23:59", INT64_C(1795252800000000) },
		{ "2026-11-21T09:20:00.5Z", INT64_C(1795252800500000) },
		{ "2026-11-21T09:20:00.000001Z", INT64_C(1795252800000001) },
		{ "2026-11-21T09:20:00.123456789Z",
		    INT64_C(1795252800123456) }, /* cut, not rounded */
		{ "2026-11-21T09:20:00.9999999999999999999999999999Z", INT64_C(1795252800999999) },
		{ "2024-02-29T12:00:00Z", INT64_C(1709208000000000) },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000000) },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800000000) }, /* a leap second */
		{ "1969-12-31T23:59:59.5Z", -500000 },
		{ "0001-01-01T00:00:00Z", INT64_C(-62135596800000000) },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799000000) },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wall t;
		if (wall_from_text(str_of(cases[i].text), &t))
			fail_msg("refused: %s", cases[i].text);
		assert_int_equal(t.us, cases[i].wanted_us);
	}
}

static void
test_from_text_refuses(void **state)
{
	const struct str cases[] = {
		{ NULL, 0 },
		STR(""),
		STR("now"),
		STR("1795252800"),
		STR("2026-11-21"),
		STR("2026-11-21T09:20Z"),
		STR("2026-11-21T09:20:00"),
		STR("2026-11-21 09:20:00"),
		STR("2026-11-21  09:20:00Z"),
		STR("2026-11-21X09:20:00Z"),
		STR("2026-11-21T09:20:00 Z"),
		STR("2026-11-21T09:20:00Z "),
		STR(" 2026-11-21T09:20:00Z"),
		STR("2026-11-21T09:20:00Z\0"),
		STR("2026-11-21\00009:20:00Z"), /* a NUL is no separator */
		STR("2026-11-21T09:20:00.Z"),
		STR("2026-11-21T09:20:00,5Z"),
		STR("2026-11-21T09:20:00 utc"),
		STR("2026-11-21T09:20:00 GMT"),
		STR("2026-11-21T09:20:00+1:00"),
		STR("2026-11-21T09:20:00+0100"),
		STR("2026-11-21T09:20:00+01"),
		STR("2026-11-21T09:20:00+24:00"),
		STR("2026-11-21T09:20:00+01:60"),
		STR("2026-11-21T09:20:00+-1:00"),
		STR("2026-11-21T09:20:00+01:00Z"),
		STR("0000-01-01T00:00:00Z"),
		STR("10000-01-01T00:00:00Z"),
		STR("-026-11-21T09:20:00Z"),
		STR("+026-11-21T09:20:00Z"),
		STR("2026-00-21T09:20:00Z"),
		STR("2026-13-21T09:20:00Z"),
		STR("2026-11-00T09:20:00Z"),
		STR("2026-11-31T09:20:00Z"),
		STR("2023-02-29T09:20:00Z"),
		STR("2100-02-29T09:20:00Z"),
		STR("2026-11-21T24:00:00Z"),
		STR("2026-11-21T09:60:00Z"),
		STR("2026-11-21T09:20:61Z"),
		STR("2026-11-21T09:20:-1Z"),
		STR("2026-11-21T09:20:-0Z"),
		STR("2026-1-21T09:20:00Z"),
		STR("2026/11/21T09:20:00Z"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wall t = { 77 };
		if (wall_from_text(cases[i], &t) != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i]));
		assert_int_equal(t.us, 77);
	}
}

/* The clocks themselves: only that they run forwards and lie in this century. */
static void
test_clocks(void **state)
{
	(void)state;
	usec_t before = clock_mono();
	assert_true(clock_mono() >= before);
	assert_in_range(clock_wall().us, INT64_C(946684800000000), INT64_C(4102444800000000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_text),
		cmocka_unit_test(test_from_text),
		cmocka_unit_test(test_from_text_refuses),
		cmocka_unit_test(test_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
