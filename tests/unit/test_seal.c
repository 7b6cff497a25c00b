/* Unit tests of policy/seal: what is sealed comes back, with its key and unchanged only. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#include "policy/seal.h"
#include "unit.h"

static const unsigned char key[SEAL_KEY_SIZE] = "0123456789abcdef";
static const unsigned char other[SEAL_KEY_SIZE] = "0123456789abcdeF";

static struct buf
sealed_of(struct str text)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	seal(key, text, &b);
	assert_false(b.failed);
	return b;
}

static int
opens(const unsigned char with[SEAL_KEY_SIZE], struct str sealed, struct str wanted)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	int r = seal_open(with, sealed, &b);
	if (r == 0)
		assert_true(str_eq((struct str){ b.data, b.len }, wanted));
	buf_free(&b);
	return r;
}

static void
test_there_and_back(void **state)
{
	static char large[100000];
	memset(large, 'x', sizeof(large));
	const struct str texts[] = { STR(""), STR("x"), STR("{\"key\":\"whsec_abc\"}"),
		{ large, sizeof(large) } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf one = sealed_of(texts[i]), two = sealed_of(texts[i]);
		struct str text = { one.data, one.len };
		assert_true(seal_is(text));
		assert_int_equal(opens(key, text, texts[i]), 0);
		assert_int_equal(opens(other, text, texts[i]), -1);
		assert_string_not_equal(one.data, two.data);
		assert_null(strstr(one.data, "whsec"));
		buf_free(&one);
		buf_free(&two);
	}
}

static void
test_changed(void **state)
{
	struct buf b = sealed_of(STR("{\"key\":\"whsec_abc\"}"));
	(void)state;
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] = (char)(b.data[i] ^ 1);
		assert_int_equal(opens(key, (struct str){ b.data, b.len }, STR("")), -1);
		b.data[i] = (char)(b.data[i] ^ 1);
		assert_int_equal(opens(key, (struct str){ b.data, i }, STR("")), -1);
	}
	assert_int_equal(
	    opens(key, (struct str){ b.data, b.len }, STR("{\"key\":\"whsec_abc\"}")), 0);
	buf_free(&b);
}

static void
test_not_sealed(void **state)
{
	const struct str texts[] = { STR(""), STR("{}"), STR("sealed"), STR("sealed:"),
		STR("sealed:AAAA"), STR("Sealed:AAAA"), STR("sealed:!") };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(seal_is(texts[i]), i >= 3 && i != 5);
		assert_int_equal(opens(key, texts[i], STR("")), -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_not_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
