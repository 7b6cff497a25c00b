/* Unit tests of policy/challenge: answers that prove, and all those that do not. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

#include "policy/challenge.h"
#include "unit.h"

#define TEXT "Zq8-_w0123456789abcdefghijklmnopqrstuvwxyzA"

static void
test_slack(void **state)
{
	static const struct {
		const char *body;
		bool answers;
	} cases[] = {
		{ TEXT, true },
		{ " \t\r\n" TEXT "\r\n ", true },
		{ "challenge=" TEXT, true },
		{ "challenge=" TEXT "\n", true },
		{ "{\"challenge\":\"" TEXT "\"}", true },
		{ "{ \"ok\": [1, {}], \"challenge\" : \"\\u005aq8-_w0123456789abcdefghijklmnopqrst"
		  "uvwxyzA\" }\n",
		    true },
		{ "", false },
		{ " ", false },
		{ "{", false },
		{ "{}", false },
		{ "null", false },
		{ "challenge=", false },
		{ "challenge= " TEXT, false },
		{ "Challenge=" TEXT, false },
		{ "challenge=" TEXT "&more=1", false },
		{ TEXT "x", false },
		{ "x" TEXT, false },
		{ TEXT TEXT, false },
		{ "zq8-_w0123456789abcdefghijklmnopqrstuvwxyzA", false },
		{ "\"" TEXT "\"", false },
		{ "[\"" TEXT "\"]", false },
		{ "{\"challenge\":[\"" TEXT "\"]}", false },
		{ "{\"challenge\":null}", false },
		{ "{\"challenge\":\"" TEXT "x\"}", false },
		{ "{\"Challenge\":\"" TEXT "\"}", false },
		{ "{\"type\":\"url_verification\",\"challenge\":\"" TEXT "\"", false },
		{ "{\"challenge\":\"" TEXT "\"} trailing", false },
		{ "ok", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* A block of exactly that size: reading past it is found. */
		size_t n = strlen(cases[i].body);
		char *exact = mem_dup(cases[i].body, n ? n : 1);
		if (challenge_slack_answered((struct str){ exact, n }, STR(TEXT)) !=
		    cases[i].answers)
			fail_msg("row %zu", i);
		free(exact);
	}
	assert_false(challenge_slack_answered((struct str){ NULL, 0 }, STR(TEXT)));
	assert_false(challenge_slack_answered((struct str){ TEXT "\0", sizeof(TEXT) }, STR(TEXT)));
}

/* The parser of JSON has a bound of its own in depth. */
static void
test_slack_deep(void **state)
{
	char body[16384];
	(void)state;
	memset(body, '[', sizeof(body));
	memcpy(body, "{\"challenge\":", 13);
	assert_false(challenge_slack_answered((struct str){ body, sizeof(body) }, STR(TEXT)));
}

static void
test_cloudevents(void **state)
{
	static const struct {
		int status;
		const char *origin, *rate;
		int allowed; /* a second; -1: refused */
	} cases[] = {
		{ 200, "*", NULL, 0 },
		{ 204, "events.example.com", NULL, 0 },
		{ 200, "Events.EXAMPLE.com", "*", 0 },
		{ 405, "*", NULL, 0 },
		{ 404, "*", NULL, 0 },
		{ 200, "*", "60", 1 },
		{ 200, "*", "119", 1 },
		{ 200, "*", "6000", 100 },
		{ 200, "*", "3932100", 65535 },
		{ 200, "*", "3932160", 0 },
		{ 200, "*", "2147483647", 0 },
		{ 200, NULL, NULL, -1 },
		{ 200, NULL, "100", -1 },
		{ 200, "", NULL, -1 },
		{ 200, "example.com", NULL, -1 },
		{ 200, "events.example.com.", NULL, -1 },
		{ 200, "events.example.com, other.example.com", NULL, -1 },
		{ 200, "*, *", NULL, -1 },
		{ 200, "**", NULL, -1 },
		{ 301, "*", NULL, -1 },
		{ 500, "*", NULL, -1 },
		{ 999, "*", NULL, -1 },
		{ 200, "*", "", -1 },
		{ 200, "*", "59", -1 },
		{ 200, "*", "0", -1 },
		{ 200, "*", "-1", -1 },
		{ 200, "*", "1e3", -1 },
		{ 200, "*", "2147483648", -1 },
		{ 200, "*", "99999999999999999999999999", -1 },
		{ 200, "*", "120/m", -1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct challenge_consent c = { cases[i].status, str_of(cases[i].origin),
			str_of(cases[i].rate) };
		int rate = -2;
		const char *why =
		    challenge_cloudevents_refused(&c, STR("events.example.com"), &rate);
		if (!!why != (cases[i].allowed < 0) || (!why && rate != cases[i].allowed))
			fail_msg("row %zu: %s, %d", i, why ? why : "allowed", rate);
	}
}

static void
test_kinds(void **state)
{
	(void)state;
	assert_int_equal(challenge_kind_parse(STR("slack")), CHALLENGE_SLACK);
	assert_int_equal(challenge_kind_parse(STR("cloudevents")), CHALLENGE_CLOUDEVENTS);
	assert_int_equal(challenge_kind_parse(STR("Slack")), CHALLENGE_NONE);
	assert_int_equal(challenge_kind_parse((struct str){ NULL, 0 }), CHALLENGE_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slack),
		cmocka_unit_test(test_slack_deep),
		cmocka_unit_test(test_cloudevents),
		cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
