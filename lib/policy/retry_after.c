/* Retry-After and the dates of HTTP (RFC 9110, sections 10.2.3 and 5.6.7).
 *
 * Not strptime(3): its names depend on the locale, and it takes blanks and short numbers that the
 * grammar does not have. A field that is neither form is reported as such and then ignored by the
 * caller; it is never read halfway ("120 apples" is not two minutes). */
#include "policy/retry_after.h"

#include <time.h>

#include "base/attr.h"

static const char *const short_days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
static const char *const long_days[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
	"Saturday", "Sunday" };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
	"Oct", "Nov", "Dec" };

/* %a %A day of the week, %b month, %d two digits, %e a day of the month padded with a blank, %Y and
 * %y the year in four and two digits, %H %M %S the time; all else stands for itself. */
static const struct {
	const char *pattern;
	bool two_digit_year;
} forms[] = {
	{ "%a, %d %b %Y %H:%M:%S GMT", false }, /* IMF-fixdate */
	{ "%A, %d-%b-%y %H:%M:%S GMT", true },  /* RFC 850 */
	{ "%a %b %e %H:%M:%S %Y", false },      /* asctime */
};

static int
take_name(struct str *s, const char *const *names, int n, int *ret)
{
	for (int i = 0; i < n; i++) {
		struct str name = str_of(names[i]);
		if (!str_starts(*s, name))
			continue;
		s->p += name.n;
		s->n -= name.n;
		*ret = i;
		return 0;
	}
	return -1;
}

/* Exactly `digits` digits. */
static int
take_number(struct str *s, size_t digits, int min, int max, int *ret)
{
	int64_t v;
	if (s->n < digits || s->p[0] == '-' ||
	    str_to_i64((struct str){ s->p, digits }, min, max, &v))
		return -1;
	s->p += digits;
	s->n -= digits;
	*ret = (int)v;
	return 0;
}

/* One conversion of a pattern. The day of the week must be one, but need not be the right one: it
 * says nothing that the date does not. */
static int
take_field(struct str *s, char what, struct tm *tm)
{
	int ignored;
	switch (what) {
	case 'a':
		return take_name(s, short_days, 7, &ignored);
	case 'A':
		return take_name(s, long_days, 7, &ignored);
	case 'b':
		return take_name(s, months, 12, &tm->tm_mon);
	case 'd':
		return take_number(s, 2, 1, 31, &tm->tm_mday);
	case 'e':
		if (s->n > 0 && s->p[0] == ' ') {
			s->p++;
			s->n--;
			return take_number(s, 1, 1, 9, &tm->tm_mday);
		}
		return take_number(s, 2, 10, 31, &tm->tm_mday);
	case 'y':
		return take_number(s, 2, 0, 99, &tm->tm_year);
	case 'Y':
		return take_number(s, 4, 0, 9999, &tm->tm_year);
	case 'H':
		return take_number(s, 2, 0, 23, &tm->tm_hour);
	case 'M':
		return take_number(s, 2, 0, 59, &tm->tm_min);
	default:
		return take_number(s, 2, 0, 60, &tm->tm_sec); /* %S; 60 is a leap second */
	}
}

/* The whole of s by the pattern. tm_year is left as it was written. */
static int
match(struct str s, const char *pattern, struct tm *tm)
{
	for (; *pattern; pattern++) {
		if (*pattern == '%') {
			pattern++;
			if (take_field(&s, *pattern, tm))
				return -1;
			continue;
		}
		if (s.n == 0 || s.p[0] != *pattern)
			return -1;
		s.p++;
		s.n--;
	}
	return s.n == 0 ? 0 : -1;
}

/* The century of a two-digit year: the latest that does not put the date more than 50 years after
 * now (RFC 9110, section 5.6.7). */
static void
choose_century(struct tm *tm, struct wall now)
{
	time_t clock = (time_t)(now.us / USEC_PER_SEC);
	struct tm limit;
	gmtime_r(&clock, &limit);
	int century = (limit.tm_year + 1900) / 100 * 100;
	limit.tm_year += 50;
	const time_t latest = timegm(&limit);
	const int year = tm->tm_year;
	for (century += 100;; century -= 100) {
		struct tm candidate = *tm; /* timegm(3) normalises what it is given */
		candidate.tm_year = century + year - 1900;
		if (timegm(&candidate) <= latest)
			break;
	}
	tm->tm_year = century + year;
}

static bool
is_real_day(int year, int month, int day)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month] + (month == 1 && leap);
}

int
http_date_parse(struct str value, struct wall now, struct wall *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { 0 };
		if (match(value, forms[i].pattern, &tm))
			continue;
		if (forms[i].two_digit_year)
			choose_century(&tm, now);
		if (!is_real_day(tm.tm_year, tm.tm_mon, tm.tm_mday))
			return -1;
		tm.tm_year -= 1900;
		ret->us = timegm(&tm) * USEC_PER_SEC;
		return 0;
	}
	return -1;
}

static bool
is_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

int64_t
retry_after_ms(struct str value, struct wall now)
{
	value = str_trim(value);
	if (is_digits(value)) {
		int64_t seconds;
		/* What does not fit is a number all the same, and a long wait. */
		if (str_to_i64(value, 0, RETRY_AFTER_MAX_MS / 1000, &seconds))
			return RETRY_AFTER_MAX_MS;
		return seconds * 1000;
	}
	struct wall then;
	if (http_date_parse(value, now, &then))
		return -1;
	if (then.us <= now.us)
		return 0;
	/* Rounded up: a wait that ends before the date is a request too early. */
	int64_t ms = (then.us - now.us + USEC_PER_MS - 1) / USEC_PER_MS;
	return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}
