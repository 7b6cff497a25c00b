/* Unit tests of pg/sqlstate: which errors pass, which connections are left, and what libpq says
 * about connections that could not be made. */
#include "base/attr.h"

#include "pg/sqlstate.h"
#include "unit.h"

static void
test_meanings(void **state)
{
	static const struct {
		const char *code;
		enum err_kind kind;
		bool leave, words;
	} cases[] = {
		{ "23505", ERR_CONFLICT, false, false },
		{ "25006", ERR_UNAVAILABLE, true, true },
		{ "53100", ERR_UNAVAILABLE, false, true },
		{ "53300", ERR_UNAVAILABLE, false, true },
		{ "53400", ERR_UNAVAILABLE, false, true },
		{ "55P03", ERR_UNAVAILABLE, false, true },
		{ "57014", ERR_UNAVAILABLE, false, true },
		{ "57P01", ERR_UNAVAILABLE, false, true },
		{ "57P03", ERR_UNAVAILABLE, false, true },
		{ "40P01", ERR_UNAVAILABLE, false, false },
		{ "08006", ERR_UNAVAILABLE, false, false },
		{ "58030", ERR_UNAVAILABLE, false, true },
		{ "55000", ERR_INTERNAL, false, false },
		{ "22P05", ERR_INTERNAL, false, false },
		{ "42601", ERR_INTERNAL, false, false },
		{ "", ERR_INTERNAL, false, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct sqlstate *got = sqlstate_find(cases[i].code);
		if (got->kind != cases[i].kind || got->leave != cases[i].leave ||
		    (got->words != NULL) != cases[i].words)
			fail_msg("%s", cases[i].code);
	}
}

static void
test_codes_in_texts(void **state)
{
	static const struct {
		const char *text, *code;
	} cases[] = {
		{ "connection to server at \"h\", port 1 failed: FATAL:  57P03: the database system is "
		  "starting up\nLOCATION:  ProcessStartupPacket, postmaster.c:2390\n",
		    "57P03" },
		{ "FATAL:  53300: sorry, too many clients already", "53300" },
		{ "connection to server at \"a\" failed: Connection refused\n"
		  "connection to server at \"b\" failed: FATAL:  28P01: no\n",
		    "28P01" },
		{ "a: FATAL:  57P03: x\nb: FATAL:  53300: y\n", "53300" },
		{ "connection to server at \"::1\", port 1 failed: session is read-only\n",
		    "25006" },
		{ "connection to server on socket \"/x\" failed: No such file or directory", "" },
		{ "FATAL:  5330: four", "" },
		{ "FATAL:  533000: six", "" },
		{ "FATAL:  53300", "" },
		{ "LOCATION:  abcde: small letters", "" },
		{ ":  ", "" },
		{ "", "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char code[SQLSTATE_SIZE];
		sqlstate_of_text(cases[i].text, code);
		assert_string_equal(code, cases[i].code);
	}
}

static void
test_poolers(void **state)
{
	(void)state;
	assert_true(sqlstate_unprepared("26000"));
	assert_true(sqlstate_unprepared("42P05"));
	assert_true(sqlstate_unprepared("08P01"));
	assert_false(sqlstate_unprepared("42P01"));
	assert_false(sqlstate_unprepared(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meanings),
		cmocka_unit_test(test_codes_in_texts),
		cmocka_unit_test(test_poolers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
