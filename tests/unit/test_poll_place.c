/* Unit tests of api/poll_place: what clients keep for us comes back as what it was, or not at all.
 */
#include "base/attr.h"

#include "api/poll_place.h"
#include "unit.h"

static void
test_places_come_back(void **state)
{
	static const struct poll_place places[] = { { 0, 0 }, { 1, 2 }, { 281474976711234, 1 },
		{ INT64_MAX, INT64_MAX } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char text[POLL_PLACE_SIZE];
		struct poll_place back;
		poll_place_to_text(places[i], text);
		assert_int_equal(poll_place_from_text(str_of(text), &back), 0);
		assert_true(back.pos == places[i].pos);
		assert_true(back.msg_id == places[i].msg_id);
	}
}

static void
test_what_is_no_place(void **state)
{
	static const char *const texts[] = { "", ".", "1", "1.", ".1", "1.2.", "1.2.3", "-1.2",
		"1.-2", "+1.2", " 1.2", "1.2 ", "1,2", "0x1.2", "9223372036854775808.1",
		"1.9223372036854775808", "1.2\n" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct poll_place p = { 7, 8 };
		assert_int_equal(poll_place_from_text(str_of(texts[i]), &p), -1);
		assert_true(p.pos == 7 && p.msg_id == 8);
	}
	struct poll_place p;
	assert_int_equal(poll_place_from_text((struct str){ "1.2\0", 4 }, &p), -1);
	assert_int_equal(poll_place_from_text((struct str){ NULL, 0 }, &p), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_come_back),
		cmocka_unit_test(test_what_is_no_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
