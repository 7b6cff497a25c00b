/* Unit tests of base/utf8: every code point, every two-byte start, and the known bad sequences. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/str.h"
#include "base/utf8.h"

#include "unit.h"

/* The textbook encoder. */
static size_t
encode(uint32_t c, unsigned char out[4])
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (unsigned char)(0x80 | (c & 0x3f));
	out[0] = (unsigned char)((0xf00 >> n) | c);
	return n;
}

static void
test_every_code_point(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x120000; c++) {
		unsigned char bytes[4];
		size_t n = encode(c, bytes);
		bool right = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		if (utf8_sequence(bytes, n) != (right ? n : 0) || utf8_valid(bytes, n) != right)
			fail_msg("U+%04X", c);
		for (size_t cut = 1; right && cut < n; cut++)
			if (utf8_sequence(bytes, cut) != 0)
				fail_msg("U+%04X, %zu bytes of it", c, cut);
	}
}

/* All pairs of bytes, against the table of RFC 3629: continuation bytes, overlong starts and bytes
 * that never occur. */
static void
test_every_pair(void **state)
{
	(void)state;
	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			unsigned char pair[2] = { (unsigned char)a, (unsigned char)b };
			size_t wanted = 0;
			if (a < 0x80)
				wanted = 1;
			else if (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf)
				wanted = 2;
			assert_int_equal(utf8_sequence(pair, 2), wanted);
		}
	}
}

static void
test_texts(void **state)
{
	const struct {
		struct str text;
		bool valid;
	} cases[] = {
		{ { NULL, 0 }, true }, { STR(""), true }, { STR("plain"), true },
		{ STR("\0"), true }, /* a character like any other */
		{ STR("Zo\xc3\xab \xf0\x9f\x8e\x89"), true },
		{ STR("\xef\xbb\xbf"), true }, /* a BOM */
		{ STR("\xef\xbf\xbe"), true }, /* a noncharacter */
		{ STR("a\x80"), false }, { STR("\xc3"), false }, { STR("\xc3("), false },
		{ STR("\xc3\xab\xc3"), false }, { STR("\xc0\xaf"), false }, /* overlong '/' */
		{ STR("\xe0\x80\xaf"), false }, { STR("\xf0\x80\x80\xaf"), false },
		{ STR("\xc1\xbf"), false }, { STR("\xe0\x9f\xbf"), false },
		{ STR("\xf0\x8f\xbf\xbf"), false },
		{ STR("\xed\xa0\x80"), false }, /* surrogates, alone and as a pair */
		{ STR("\xed\xa0\xbd\xed\xb8\x80"), false },
		{ STR("\xf4\x90\x80\x80"), false }, /* above U+10FFFF */
		{ STR("\xf8\x88\x80\x80\x80"), false }, { STR("\xfe"), false },
		{ STR("\xff"), false }, { STR("\xf0\x9f\x8e"), false },
		{ STR("caf\xe9"), false }, /* Latin-1 */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* A block of exactly its size: nothing behind it may be read. */
		char *copy = malloc(cases[i].text.n + 1);
		if (cases[i].text.n > 0)
			memcpy(copy + 1, cases[i].text.p, cases[i].text.n);
		if (utf8_valid(copy + 1, cases[i].text.n) != cases[i].valid)
			fail_msg("case %zu", i);
		/* One character for each sequence of a valid text. */
		size_t count = 0, n = cases[i].text.n;
		for (size_t at = 0; cases[i].valid && at < n; count++)
			at += utf8_sequence((const unsigned char *)copy + 1 + at, n - at);
		if (cases[i].valid && utf8_length(copy + 1, n) != count)
			fail_msg("case %zu has %zu characters", i, count);
		free(copy);
	}
	assert_int_equal(utf8_sequence((const unsigned char *)"a", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
