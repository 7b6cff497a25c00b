/* Unit tests of base/b64: the vectors of RFC 4648, every length, and that only canonical text
 * counts. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/b64.h"

#include "unit.h"

static const struct {
	struct str bytes;
	const char *standard;
	const char *url;
} vectors[] = {
	{ { "", 0 }, "", "" },
	{ { "f", 1 }, "Zg==", "Zg" },
	{ { "fo", 2 }, "Zm8=", "Zm8" },
	{ { "foo", 3 }, "Zm9v", "Zm9v" },
	{ { "foob", 4 }, "Zm9vYg==", "Zm9vYg" },
	{ { "fooba", 5 }, "Zm9vYmE=", "Zm9vYmE" },
	{ { "foobar", 6 }, "Zm9vYmFy", "Zm9vYmFy" },
	{ { "\0", 1 }, "AA==", "AA" },
	{ { "\xff\xff\xff", 3 }, "////", "____" },
	{ { "\xfb\xef\xbe", 3 }, "++++", "----" },
	{ { "\xff\xff", 2 }, "//8=", "__8" },
};

static void
test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		char text[16], bytes[16];
		size_t n = 77;
		const struct str v = vectors[i].bytes;
		assert_int_equal(b64_encode(v.p, v.n, text), strlen(vectors[i].standard));
		assert_string_equal(text, vectors[i].standard);
		assert_int_equal(b64_decode(str_of(text), bytes, v.n, &n), 0);
		assert_int_equal(n, v.n);
		assert_memory_equal(bytes, v.p, v.n);

		assert_int_equal(b64url_encode(v.p, v.n, text), strlen(vectors[i].url));
		assert_string_equal(text, vectors[i].url);
		assert_int_equal(b64url_decode(str_of(text), bytes, v.n, &n), 0);
		assert_int_equal(n, v.n);
		assert_memory_equal(bytes, v.p, v.n);
	}
	size_t n = 77;
	assert_int_equal(b64_decode((struct str){ NULL, 0 }, NULL, 0, &n), 0);
	assert_int_equal(n, 0);
}

/* Every length to 200 in blocks of exactly the promised sizes; a byte less of room is refused. */
static void
test_lengths(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 200; len++) {
		unsigned char *bytes = malloc(len + 1), *back = malloc(len + 1);
		char *text = malloc(B64_SIZE(len));
		size_t n;
		for (size_t i = 0; i < len; i++)
			bytes[i] = (unsigned char)(i * 37 + len);

		size_t text_len = b64_encode(bytes, len, text);
		assert_int_equal(text_len, B64_SIZE(len) - 1);
		assert_int_equal(b64_decode((struct str){ text, text_len }, back, len, &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(bytes, back, len);
		if (len > 0)
			assert_int_equal(
			    b64_decode((struct str){ text, text_len }, back, len - 1, &n), -1);

		text_len = b64url_encode(bytes, len, text);
		assert_null(memchr(text, '=', text_len));
		assert_int_equal(b64url_decode((struct str){ text, text_len }, back, len, &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(bytes, back, len);
		if (len > 0)
			assert_int_equal(
			    b64url_decode((struct str){ text, text_len }, back, len - 1, &n), -1);
		free(bytes);
		free(back);
		free(text);
	}
}

static void
test_refuses(void **state)
{
	const struct {
		struct str text;
		bool standard; /* is right in that alphabet */
		bool url;
	} cases[] = {
		{ STR("Zg"), false, true },
		{ STR("Zg="), false, false },
		{ STR("Zg=="), true, false },
		{ STR("Zg==="), false, false },
		{ STR("Z"), false, false },
		{ STR("A"), false, false }, /* six zero bits are no byte either */
		{ STR("Zm9vA"), false, false },
		{ STR("Zm9vY"), false, false },
		{ STR("="), false, false },
		{ STR("=="), false, false },
		{ STR("===="), false, false },
		{ STR("A==="), false, false },
		{ STR("Z==="), false, false },
		{ STR("=AAA"), false, false },
		{ STR("Zg==Zg=="), false, false }, /* padding in the middle */
		{ STR("Z=g="), false, false },
		{ STR("Zh=="), false, false }, /* bits that must be zero */
		{ STR("Zh"), false, false },
		{ STR("Zm9="), false, false },
		{ STR("Zm9"), false, false },
		{ STR("++++"), true, false },
		{ STR("----"), false, true },
		{ STR("////"), true, false },
		{ STR("____"), false, true },
		{ STR("Zm 9"), false, false },
		{ STR("Zm9v\n"), false, false },
		{ STR("Zm9v\r\n\r\n"), false, false },
		{ STR("Zm9\0"), false, false },
		{ STR("Zm9."), false, false },
		{ STR("Zm9\xe9"), false, false },
		{ STR("Zm9@"), false, false }, /* bytes next to those of the alphabet */
		{ STR("Zm9["), false, false },
		{ STR("Zm9`"), false, false },
		{ STR("Zm9{"), false, false },
		{ STR("Zm9:"), false, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char bytes[16];
		size_t n = 77;
		if (b64_decode(cases[i].text, bytes, sizeof(bytes), &n) !=
		    (cases[i].standard ? 0 : -1))
			fail_msg("standard: %.*s", STR_FMT(cases[i].text));
		if (!cases[i].standard)
			assert_int_equal(n, 77);
		n = 77;
		if (b64url_decode(cases[i].text, bytes, sizeof(bytes), &n) !=
		    (cases[i].url ? 0 : -1))
			fail_msg("url: %.*s", STR_FMT(cases[i].text));
		if (!cases[i].url)
			assert_int_equal(n, 77);
	}
}

/* Of all texts of two bytes exactly 256 are right, one for each value of the byte that they mean.
 */
static void
test_one_text_each(void **state)
{
	bool seen[256] = { false };
	int right = 0;
	(void)state;
	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			char text[2] = { (char)a, (char)b };
			unsigned char byte;
			size_t n;
			if (b64url_decode((struct str){ text, 2 }, &byte, 1, &n))
				continue;
			assert_int_equal(n, 1);
			assert_false(seen[byte]);
			seen[byte] = true;
			right++;
		}
	}
	assert_int_equal(right, 256);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_one_text_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
