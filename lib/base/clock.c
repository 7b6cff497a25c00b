/* The clocks, and RFC 3339 both ways. */
#include "base/clock.h"

#include <time.h>

usec_t
clock_mono(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

struct wall
clock_wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (struct wall){ t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000 };
}

static char *
put_digits(char *to, unsigned v, int n)
{
	for (int i = n; i-- > 0; v /= 10)
		to[i] = (char)('0' + v % 10);
	return to + n;
}

/* Days since 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that
 * the leap day is the last one: 400 of them have 146097 days, and five months 153. */
static void
date_of(int64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	uint64_t d = (uint64_t)(days + 719468); /* since 0000-03-01 */
	unsigned era = (unsigned)(d / 146097), of_era = (unsigned)(d % 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153; /* 0: March */
	*ret_day = of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = year + era * 400 + (month >= 10);
}

const char *
wall_to_text(struct wall t, char out[WALL_TEXT_SIZE])
{
	/* Years 0000 to 9999: what RFC 3339 can write. */
	const int64_t first = -62167219200, last = 253402300799;
	int64_t sec = t.us / USEC_PER_SEC, frac = t.us % USEC_PER_SEC;
	if (frac < 0) {
		frac += USEC_PER_SEC;
		sec--;
	}
	sec = sec < first ? first : sec > last ? last : sec;
	int64_t days = (sec - first) / 86400 + first / 86400;
	unsigned of_day = (unsigned)(sec - days * 86400), year, month, day;
	date_of(days, &year, &month, &day);
	char *o = put_digits(out, year, 4);
	*o++ = '-';
	o = put_digits(o, month, 2);
	*o++ = '-';
	o = put_digits(o, day, 2);
	*o++ = 'T';
	o = put_digits(o, of_day / 3600, 2);
	*o++ = ':';
	o = put_digits(o, of_day / 60 % 60, 2);
	*o++ = ':';
	o = put_digits(o, of_day % 60, 2);
	*o++ = '.';
	o = put_digits(o, (unsigned)frac, 6);
	*o++ = 'Z';
	*o = '\0';
	return out;
}

/* Takes exactly n digits. */
static int
take_digits(struct str *s, int n, int min, int max, int *ret)
{
	if (s->n < (size_t)n)
		return -1;
	int64_t v;
	if (str_to_i64((struct str){ s->p, (size_t)n }, min, max, &v) || s->p[0] == '-')
		return -1;
	s->p += n;
	s->n -= (size_t)n;
	*ret = (int)v;
	return 0;
}

static int
take_char(struct str *s, const char *any)
{
	if (s->n == 0 || s->p[0] == '\0' || !strchr(any, s->p[0]))
		return -1;
	s->p++;
	s->n--;
	return 0;
}

/* ".123456789": digits past the microsecond are dropped. */
static int
take_fraction(struct str *s, int64_t *ret_us)
{
	*ret_us = 0;
	if (take_char(s, "."))
		return 0;
	int64_t scale = 100000;
	size_t digits = 0;
	for (; s->n && s->p[0] >= '0' && s->p[0] <= '9'; digits++, scale /= 10) {
		*ret_us += (s->p[0] - '0') * scale;
		s->p++;
		s->n--;
	}
	return digits ? 0 : -1;
}

/* "Z", "+01:00" or " UTC"; the whole rest must be it. */
static int
take_offset(struct str *s, int *ret_minutes)
{
	*ret_minutes = 0;
	if (str_eq(*s, STR(" UTC")) || str_eq(*s, STR("Z")) || str_eq(*s, STR("z")))
		return 0;
	if (s->n != 6 || (s->p[0] != '+' && s->p[0] != '-'))
		return -1;
	int sign = s->p[0] == '-' ? -1 : 1, hours, minutes;
	struct str rest = { s->p + 1, 5 };
	if (take_digits(&rest, 2, 0, 23, &hours) || take_char(&rest, ":") ||
	    take_digits(&rest, 2, 0, 59, &minutes))
		return -1;
	*ret_minutes = sign * (hours * 60 + minutes);
	return 0;
}

static int
days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

int
wall_from_text(struct str s, struct wall *ret)
{
	int year, month, day, hour, minute, second, offset;
	int64_t frac;
	if (take_digits(&s, 4, 1, 9999, &year) || take_char(&s, "-") ||
	    take_digits(&s, 2, 1, 12, &month) || take_char(&s, "-") ||
	    take_digits(&s, 2, 1, days_of_month(year, month), &day) || take_char(&s, "Tt ") ||
	    take_digits(&s, 2, 0, 23, &hour) || take_char(&s, ":") ||
	    take_digits(&s, 2, 0, 59, &minute) || take_char(&s, ":") ||
	    take_digits(&s, 2, 0, 60, &second) || take_fraction(&s, &frac) ||
	    take_offset(&s, &offset))
		return -1;
	struct tm tm = { .tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_sec = second };
	int64_t sec = timegm(&tm) - offset * 60;
	ret->us = sec * USEC_PER_SEC + frac;
	return 0;
}
