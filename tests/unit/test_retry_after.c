/* Unit tests of policy/retry_after: seconds, the three forms of a date, and everything else. */
#include <stdlib.h>

#include "base/attr.h"

#include "policy/retry_after.h"
#include "unit.h"

/* 2026-11-21T09:20:00Z */
#define NOW_S INT64_C(1795252800)

static const struct wall now = { NOW_S * USEC_PER_SEC };

static void
test_seconds(void **state)
{
	const struct {
		struct str value;
		int64_t wanted_ms;
	} cases[] = {
		{ STR("0"), 0 },
		{ STR("1"), 1000 },
		{ STR("120"), 120000 },
		{ STR("007"), 7000 },
		{ STR(" \t30 "), 30000 },
		{ STR("86400"), RETRY_AFTER_MAX_MS },
		{ STR("86401"), RETRY_AFTER_MAX_MS },
		{ STR("9223372036854775807"), RETRY_AFTER_MAX_MS },
		{ STR("99999999999999999999999999999999"), RETRY_AFTER_MAX_MS },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(retry_after_ms(cases[i].value, now), cases[i].wanted_ms);
}

static void
test_dates(void **state)
{
	static const struct {
		const char *value;
		int64_t wanted_s;
	} cases[] = {
		/* The three examples of RFC 9110: one instant. */
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Sat, 21 Nov 2026 09:20:00 GMT", NOW_S }, { "Sat Nov 21 09:20:00 2026", NOW_S },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 }, { "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
		{ "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
		{ "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799) },
		{ "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 }, /* a leap second */
		{ "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 },  /* it was a Sunday: no matter */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wall got;
		if (http_date_parse(str_of(cases[i].value), now, &got) != 0)
			fail_msg("refused: %s", cases[i].value);
		assert_int_equal(got.us, cases[i].wanted_s * USEC_PER_SEC);
	}
}

/* Years of RFC 850 dates: not more than 50 years ahead of now, else in the past. */
static void
test_two_digit_years(void **state)
{
	static const struct {
		const char *now;
		const char *value;
		const char *wanted;
	} cases[] = {
		{ "2026-11-21T09:20:00Z", "Sunday, 06-Nov-94 08:49:37 GMT",
		    "1994-11-06T08:49:37.000000Z" },
		{ "2026-11-21T09:20:00Z", "Sunday, 22-Nov-26 00:00:00 GMT",
		    "2026-11-22T00:00:00.000000Z" },
		{ "2026-11-21T09:20:00Z", "Sunday, 06-Nov-25 08:49:37 GMT",
		    "2025-11-06T08:49:37.000000Z" },
		{ "2026-11-21T09:20:00Z", "Sunday, 21-Nov-76 09:20:00 GMT",
		    "2076-11-21T09:20:00.000000Z" },
		{ "2026-11-21T09:20:00Z", "Sunday, 21-Nov-76 09:20:01 GMT",
		    "1976-11-21T09:20:01.000000Z" },
		{ "2026-11-21T09:20:00Z", "Tuesday, 29-Feb-00 00:00:00 GMT",
		    "2000-02-29T00:00:00.000000Z" },
		/* Around a turn of the century. */
		{ "2099-12-31T23:59:00Z", "Friday, 01-Jan-00 00:00:00 GMT",
		    "2100-01-01T00:00:00.000000Z" },
		{ "2100-01-01T00:00:00Z", "Thursday, 31-Dec-99 23:59:00 GMT",
		    "2099-12-31T23:59:00.000000Z" },
		{ "1994-11-06T08:49:37Z", "Sunday, 06-Nov-94 08:49:38 GMT",
		    "1994-11-06T08:49:38.000000Z" },
		{ "1994-11-06T08:49:37Z", "Saturday, 01-Jan-00 00:00:00 GMT",
		    "2000-01-01T00:00:00.000000Z" },
		/* 50 years after a leap day there may be none. */
		{ "2024-02-29T00:00:00Z", "Sunday, 01-Mar-74 00:00:00 GMT",
		    "2074-03-01T00:00:00.000000Z" },
		{ "2024-02-29T00:00:00Z", "Sunday, 02-Mar-74 00:00:00 GMT",
		    "1974-03-02T00:00:00.000000Z" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wall at, got;
		char text[WALL_TEXT_SIZE];
		assert_int_equal(wall_from_text(str_of(cases[i].now), &at), 0);
		assert_int_equal(http_date_parse(str_of(cases[i].value), at, &got), 0);
		assert_string_equal(wall_to_text(got, text), cases[i].wanted);
	}
}

static void
test_date_waits(void **state)
{
	static const struct {
		const char *value;
		int64_t wanted_ms;
	} cases[] = {
		{ "Sat, 21 Nov 2026 09:20:05 GMT", 5000 },
		{ "  Sat, 21 Nov 2026 09:20:05 GMT\t", 5000 },
		{ "Saturday, 21-Nov-26 09:21:00 GMT", 60000 },
		{ "Sat Nov 21 10:20:00 2026", 3600000 },
		{ "Sat, 21 Nov 2026 09:20:00 GMT", 0 },
		{ "Sat, 21 Nov 2026 09:19:59 GMT", 0 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
		{ "Mon, 01 Jan 0000 00:00:00 GMT", 0 },
		{ "Sun, 22 Nov 2026 09:20:00 GMT", RETRY_AFTER_MAX_MS },
		{ "Sun, 22 Nov 2026 09:20:01 GMT", RETRY_AFTER_MAX_MS },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", RETRY_AFTER_MAX_MS },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(retry_after_ms(str_of(cases[i].value), now), cases[i].wanted_ms);

	/* Never too early: a part of a millisecond counts as one. */
	struct wall late = { now.us + 1 };
	assert_int_equal(retry_after_ms(STR("Sat, 21 Nov 2026 09:20:05 GMT"), late), 5000);
	late.us = now.us + 1000;
	assert_int_equal(retry_after_ms(STR("Sat, 21 Nov 2026 09:20:05 GMT"), late), 4999);
}

static void
test_refuses(void **state)
{
	const struct str cases[] = {
		STR(""),
		STR("  "),
		STR("-1"),
		STR("-0"),
		STR("+5"),
		STR("1.5"),
		STR("120 apples"),
		STR("120,240"),
		STR("0x10"),
		STR("1e3"),
		STR("5\0"),
		STR("soon"),
		STR("Sun"),
		STR("Sun, 06 Nov 1994 08:49:37"),
		STR("Sun, 06 Nov 1994 08:49:37 UTC"),
		STR("Sun, 06 Nov 1994 08:49:37 +0000"),
		STR("Sun, 06 Nov 1994 08:49:37 GMT!"),
		STR("Sun, 06 Nov 1994 08:49:37 GMT\0"),
		STR("Sun, 6 Nov 1994 08:49:37 GMT"),
		STR("Sun, 06 Nov 94 08:49:37 GMT"),
		STR("Sun, 06 nov 1994 08:49:37 GMT"),
		STR("sun, 06 Nov 1994 08:49:37 GMT"),
		STR("Sonntag, 06-Nov-94 08:49:37 GMT"),
		STR("Sunday, 06-Nov-1994 08:49:37 GMT"),
		STR("Sun, 06-Nov-94 08:49:37 GMT"),
		STR("Sun, 00 Nov 1994 08:49:37 GMT"),
		STR("Sun, 31 Nov 1994 08:49:37 GMT"),
		STR("Sun, 32 Dec 1994 08:49:37 GMT"),
		STR("Wed, 29 Feb 2023 00:00:00 GMT"),
		STR("Mon, 29 Feb 2100 00:00:00 GMT"),
		STR("Sunday, 29-Feb-25 00:00:00 GMT"),
		STR("Sun, 06 Nov 1994 24:00:00 GMT"),
		STR("Sun, 06 Nov 1994 08:60:00 GMT"),
		STR("Sun, 06 Nov 1994 08:49:61 GMT"),
		STR("Sun, 06 Nov 1994 -8:49:37 GMT"),
		STR("Sun, 06 Nov 1994 -0:49:37 GMT"),
		STR("Sun, 06 Nov -994 08:49:37 GMT"),
		STR("Sun,  6 Nov 1994 08:49:37 GMT"),
		STR("Sun Nov 06 08:49:37 1994"),
		STR("Sun Nov 6 08:49:37 1994"),
		STR("Sun Nov  0 08:49:37 1994"),
		STR("Sun Nov  6 08:49:37 1994 GMT"),
		STR("Sun Feb 30 08:49:37 2024"),
		STR("2026-11-21T09:20:05Z"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct wall got = { 77 };
		if (retry_after_ms(cases[i], now) != -1)
			fail_msg("accepted: %.*s", STR_FMT(cases[i]));
		assert_int_equal(http_date_parse(cases[i], now, &got), -1);
		assert_int_equal(got.us, 77);
	}
	assert_int_equal(retry_after_ms((struct str){ NULL, 0 }, now), -1);
}

/* Every proper prefix of a date is none. Copied to its exact size for the sanitizer. */
static void
test_cut_dates(void **state)
{
	static const char *const whole[] = { "Sun, 06 Nov 1994 08:49:37 GMT",
		"Wednesday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		for (size_t n = 0; n < strlen(whole[i]); n++) {
			char *cut = malloc(n + 1);
			memcpy(cut + 1, whole[i], n);
			assert_int_equal(retry_after_ms((struct str){ cut + 1, n }, now), -1);
			free(cut);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_two_digit_years),
		cmocka_unit_test(test_date_waits),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_cut_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
