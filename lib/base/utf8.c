/* UTF-8 validation by the table of RFC 3629, section 4. */
#include "base/utf8.h"

static bool
continues(const unsigned char *p, size_t n, size_t from)
{
	for (size_t i = from; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t
utf8_sequence(const unsigned char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < len || !continues(p, len, 1))
		return 0;
	/* The second byte is bounded for four first bytes: overlong forms, surrogates, the end. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

bool
utf8_valid(const void *p, size_t n)
{
	const unsigned char *at = p;
	while (n > 0) {
		size_t len = utf8_sequence(at, n);
		if (len == 0)
			return false;
		at += len;
		n -= len;
	}
	return true;
}

size_t
utf8_length(const char *p, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)p[i] & 0xc0) != 0x80;
	return count;
}
