/* policy/retry_after on what a subscriber may send. The first eight bytes are the clock, within the
 * years 1970 to 9999; the rest is the field. Any answer is in range, blanks around the field change
 * nothing, and a date and its milliseconds agree. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/retry_after.h"

#define YEAR_9999_US (INT64_C(253402300799) * USEC_PER_SEC)

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_blanks(struct str value, struct wall now, int64_t wanted_ms)
{
	char padded[256] = " \t";
	if (value.n > sizeof(padded) - 4)
		return;
	if (value.n > 0)
		memcpy(padded + 2, value.p, value.n);
	memcpy(padded + 2 + value.n, "\t ", 2);
	CHECK(retry_after_ms((struct str){ padded, value.n + 4 }, now) == wanted_ms);
}

/* The date as IMF-fixdate is the same instant. */
static void
check_round_trip(struct wall then, struct wall now)
{
	char text[64];
	struct tm tm;
	struct wall again;
	time_t clock = (time_t)(then.us / USEC_PER_SEC);
	CHECK(then.us % USEC_PER_SEC == 0);
	gmtime_r(&clock, &tm);
	if (tm.tm_year + 1900 > 9999) /* 9999-12-31T23:59:60 */
		return;
	size_t n = strftime(text, sizeof(text), "%a, %d %b", &tm);
	n += (size_t)snprintf(text + n, sizeof(text) - n, " %04d %02d:%02d:%02d GMT",
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	CHECK(http_date_parse((struct str){ text, n }, now, &again) == 0);
	CHECK(again.us == then.us);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t bits;
	if (size < sizeof(bits))
		return 0;
	memcpy(&bits, data, sizeof(bits));
	const struct wall now = { (int64_t)(bits % (uint64_t)YEAR_9999_US) };
	const struct str value = { (const char *)data + sizeof(bits), size - sizeof(bits) };

	const int64_t ms = retry_after_ms(value, now);
	CHECK(ms >= -1 && ms <= RETRY_AFTER_MAX_MS);
	check_blanks(value, now, ms);

	struct wall then = { 77 };
	if (http_date_parse(value, now, &then)) {
		CHECK(then.us == 77);
		return 0;
	}
	CHECK(ms >= 0);
	CHECK((ms > 0) == (then.us > now.us));
	if (ms < RETRY_AFTER_MAX_MS)
		CHECK(ms == 0 || (then.us - now.us + 999) / 1000 == ms);
	check_round_trip(then, now);
	return 0;
}
