/* Base 64 by table. Decoding is canonical: every text has one meaning and every meaning one text.
 */
#include "base/b64.h"

#include <stdint.h>
#include <string.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t
encode(const char *alphabet, bool pad, const unsigned char *p, size_t n, char *out)
{
	char *o = out;
	for (; n >= 3; p += 3, n -= 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[v >> 12 & 63];
		*o++ = alphabet[v >> 6 & 63];
		*o++ = alphabet[v & 63];
	}
	if (n) {
		uint32_t v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[v >> 12 & 63];
		if (n == 2)
			*o++ = alphabet[v >> 6 & 63];
		for (size_t i = n; pad && i < 3; i++)
			*o++ = '=';
	}
	*o = '\0';
	return (size_t)(o - out);
}

size_t
b64_encode(const void *p, size_t n, char *out)
{
	return encode(standard, true, p, n, out);
}

size_t
b64url_encode(const void *p, size_t n, char *out)
{
	return encode(url, false, p, n, out);
}

static int
value_of(const char *alphabet, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabet[62])
		return 62;
	return c == alphabet[63] ? 63 : -1;
}

/* Decodes n digits without padding. */
static int
decode(
    const char *alphabet, const char *p, size_t n, unsigned char *out, size_t cap, size_t *ret_len)
{
	size_t len = n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0);
	if (n % 4 == 1 || len > cap)
		return -1;
	uint32_t bits = 0;
	int have = 0;
	size_t o = 0;
	for (size_t i = 0; i < n; i++) {
		int v = value_of(alphabet, p[i]);
		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[o++] = (unsigned char)(bits >> have);
		}
	}
	if (bits & ((1U << have) - 1))
		return -1;
	*ret_len = len;
	return 0;
}

int
b64_decode(struct str s, void *out, size_t cap, size_t *ret_len)
{
	if (s.n % 4 != 0)
		return -1;
	size_t pad = 0;
	while (pad < 2 && pad < s.n && s.p[s.n - 1 - pad] == '=')
		pad++;
	return decode(standard, s.p, s.n - pad, out, cap, ret_len);
}

int
b64url_decode(struct str s, void *out, size_t cap, size_t *ret_len)
{
	return decode(url, s.p, s.n, out, cap, ret_len);
}
