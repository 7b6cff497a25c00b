/* Percent-encoding, decoded strictly: what is refused here never reaches a comparison or the
 * database (PostgreSQL takes no NUL and no broken UTF-8). */
#include "rest/percent.h"

#include "base/utf8.h"

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_plain(struct str s, bool plus_is_space)
{
	return !s.n || (!memchr(s.p, '%', s.n) && !(plus_is_space && memchr(s.p, '+', s.n)));
}

/* Returns the length, or -1. */
static int64_t
decode(struct str s, bool plus_is_space, char *out)
{
	char *o = out;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '+' && plus_is_space) {
			*o++ = ' ';
			continue;
		}
		if (s.p[i] != '%') {
			*o++ = s.p[i];
			continue;
		}
		int high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;
		if (low < 0)
			return -1;
		*o++ = (char)(high << 4 | low);
		i += 2;
	}
	return o - out;
}

int
percent_decode(struct str s, bool plus_is_space, struct arena *a, struct str *ret)
{
	struct str text = s;
	if (!is_plain(s, plus_is_space)) {
		char *out = arena_alloc(a, s.n);
		int64_t n = decode(s, plus_is_space, out);
		if (n < 0)
			return -1;
		text = (struct str){ out, (size_t)n };
	}
	if (text.n && (memchr(text.p, '\0', text.n) || !utf8_valid(text.p, text.n)))
		return -1;
	*ret = text;
	return 0;
}
