/* Unit tests of policy/fingerprint: known digests, and that the framing tells parts apart. */
#include "base/attr.h"

#include "policy/fingerprint.h"
#include "unit.h"

/* Computed by another implementation over the framed bytes. Stored fingerprints depend on them: a
 * change breaks every Idempotency-Key in use. */
static void
test_known(void **state)
{
	const struct str abc[] = { STR("abc") }, two[] = { STR("ab"), STR("c") };
	const struct {
		const struct str *parts;
		int n;
		const char *wanted;
	} cases[] = {
		{ NULL, 0, "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14\x9a\xfb\xf4\xc8\x99\x6f\xb9\x24" },
		{ abc, 1, "\xc3\x49\x4c\xa1\xa2\xcf\x8e\xeb\x8a\x11\xde\xd3\x16\xfb\x55\xb8" },
		{ two, 2, "\x60\x1d\x54\x76\xe2\xcc\xfe\x2c\x87\xa2\xbb\xa7\xa3\x22\x65\x97" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char got[FINGERPRINT_SIZE];
		fingerprint(cases[i].parts, cases[i].n, got);
		assert_memory_equal(got, cases[i].wanted, FINGERPRINT_SIZE);
	}
}

/* The bytes of "abc" above. Stored, too: a change would part the events of a key. */
static void
test_number(void **state)
{
	(void)state;
	assert_true((uint64_t)fingerprint_number(STR("abc")) == UINT64_C(0xc3494ca1a2cf8eeb));
	assert_int_not_equal(fingerprint_number(STR("")), fingerprint_number(STR("\0")));
}

static void
test_differ(void **state)
{
	const struct {
		int n;
		struct str parts[3];
	} cases[] = {
		{ 0, { { 0 } } },
		{ 1, { STR("") } },
		{ 2, { STR(""), STR("") } },
		{ 1, { STR("abc") } },
		{ 2, { STR("ab"), STR("c") } },
		{ 2, { STR("a"), STR("bc") } },
		{ 2, { STR("abc"), STR("") } },
		{ 2, { STR(""), STR("abc") } },
		{ 3, { STR("a"), STR("b"), STR("c") } },
		{ 1, { STR("abc\0") } },
		/* A part that looks like a frame. */
		{ 1, { STR("ab\0\0\0\0\0\0\0\1c") } },
	};
	unsigned char got[ARRAY_LEN(cases)][FINGERPRINT_SIZE];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		fingerprint(cases[i].parts, cases[i].n, got[i]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(got[i], got[k], FINGERPRINT_SIZE);
	}
}

static void
test_repeatable(void **state)
{
	static char large[100000];
	struct str parts[] = { { large, sizeof(large) }, { NULL, 0 } };
	unsigned char one[FINGERPRINT_SIZE], two[FINGERPRINT_SIZE];
	(void)state;
	fingerprint(parts, 2, one);
	fingerprint(parts, 2, two);
	assert_memory_equal(one, two, FINGERPRINT_SIZE);
	large[sizeof(large) - 1] = 1;
	fingerprint(parts, 2, two);
	assert_memory_not_equal(one, two, FINGERPRINT_SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_differ),
		cmocka_unit_test(test_repeatable),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
