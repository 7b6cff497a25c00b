/* Operations on borrowed slices. */
#include "base/str.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Not strncasecmp(3): it stops at a NUL, which a slice may hold, and asks the locale. */
bool
str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

int
str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
	size_t i = 0;
	bool negative = s.n > 0 && s.p[0] == '-';
	if (negative)
		i++;
	if (i == s.n)
		return -1;
	/* Summed as a negative number: its range is the larger one. */
	int64_t v = 0;
	for (; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, s.p[i] - '0', &v))
			return -1;
	}
	if (!negative && __builtin_sub_overflow(0, v, &v))
		return -1;
	if (v < min || v > max)
		return -1;
	*ret = v;
	return 0;
}

struct str
str_from_i64(int64_t v, char out[STR_I64_SIZE])
{
	char *end = out + STR_I64_SIZE - 1, *p = end;
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	*end = '\0';
	do {
		*--p = (char)('0' + u % 10);
		u /= 10;
	} while (u);
	if (v < 0)
		*--p = '-';
	return (struct str){ p, (size_t)(end - p) };
}

bool
str_split(struct str *s, char sep, struct str *ret_head)
{
	if (!s->p)
		return false;
	const char *at = s->n ? memchr(s->p, sep, s->n) : NULL;
	if (!at) {
		*ret_head = *s;
		*s = (struct str){ NULL, 0 };
		return true;
	}
	size_t head = (size_t)(at - s->p);
	*ret_head = (struct str){ s->p, head };
	*s = (struct str){ at + 1, s->n - head - 1 };
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}
