#include "base/attr.h"

#include "store/dead_letter.h"
#include "unit.h"

static const struct {
	enum dead_reason reason;
	const char *text;
} reasons[] = {
	{ DEAD_EXHAUSTED, "exhausted" },
	{ DEAD_GONE, "gone" },
	{ DEAD_DISABLED, "disabled" },
	{ DEAD_DELETED, "deleted" },
	{ DEAD_BLOCKED, "blocked" },
	{ DEAD_EXPIRED, "expired" },
	{ DEAD_PAYLOAD, "payload" },
};

static void
test_reasons_have_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		enum dead_reason back;
		assert_string_equal(dead_reason_to_text(reasons[i].reason), reasons[i].text);
		assert_int_equal(dead_reason_from_text(str_of(reasons[i].text), &back), 0);
		assert_int_equal(back, reasons[i].reason);
	}
}

static void
test_what_is_no_reason(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "Gone", "gon", "gonee", "unknown", "1" };
	enum dead_reason reason = DEAD_BLOCKED;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(dead_reason_from_text(str_of(bad[i]), &reason), -1);
	assert_int_equal(reason, DEAD_BLOCKED);
	assert_string_equal(dead_reason_to_text((enum dead_reason)0), "unknown");
	assert_string_equal(dead_reason_to_text((enum dead_reason)(DEAD_PAYLOAD + 1)), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons_have_names),
		cmocka_unit_test(test_what_is_no_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
