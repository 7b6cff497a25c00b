/* Unit tests of api/admit: which tokens are void, and what routes ask of those that are not. */
#include <stdio.h>

#include "base/attr.h"

#include "api/routes.h"
#include "rest/admit.h"
#include "unit.h"

#define NOW_S 1700000000

static const struct wall now = { INT64_C(1700000000) * USEC_PER_SEC };

static void
test_void(void **state)
{
	const struct {
		const char *name;
		struct cat_void rule;
		const char *session;
		int64_t version, issued_s;
		bool is_void;
	} cases[] = {
		{ "made before", { STR(""), 5, NOW_S, { 0 } }, "", 4, NOW_S, true },
		{ "made after, in the same second", { STR(""), 5, NOW_S, { 0 } }, "", 5, NOW_S,
		    false },
		{ "made before, by a clock ahead", { STR(""), 5, NOW_S, { 0 } }, "", 4, NOW_S + 900,
		    true },
		{ "made after, by a clock behind", { STR(""), 5, NOW_S, { 0 } }, "", 5, NOW_S - 900,
		    false },
		{ "of a session, made before", { STR(""), 5, NOW_S, { 0 } }, "s", 4, NOW_S, true },
		{ "from now on", { STR(""), 5, NOW_S, { NOW_S * USEC_PER_SEC } }, "", 4, NOW_S,
		    true },
		{ "from a moment on", { STR(""), 5, NOW_S, { NOW_S * USEC_PER_SEC + 1 } }, "", 4,
		    NOW_S, false },
		{ "its session", { STR("ss"), 5, NOW_S, { 0 } }, "s", 4, NOW_S, true },
		{ "its session, made after", { STR("ss"), 5, NOW_S, { 0 } }, "s", 5, NOW_S, false },
		{ "another session", { STR("ss"), 5, NOW_S, { 0 } }, "st", 4, NOW_S, false },
		{ "no session", { STR("s"), 5, NOW_S, { 0 } }, "", 4, NOW_S, false },
		{ "its print, whatever its version", { STR("tcafe"), 5, NOW_S, { 0 } }, "", 9,
		    NOW_S, true },
		{ "another print", { STR("tcaff"), 5, NOW_S, { 0 } }, "", 4, NOW_S, false },
		{ "a session that is called as the print", { STR("tcafe"), 5, NOW_S, { 0 } },
		    "cafe", 9, NOW_S, true },
		{ "a print that is called as the session", { STR("scafe"), 5, NOW_S, { 0 } }, "", 4,
		    NOW_S, false },
		{ "no version, an earlier second", { STR(""), 5, NOW_S, { 0 } }, "", 0, NOW_S - 1,
		    true },
		{ "no version, the same second", { STR(""), 5, NOW_S, { 0 } }, "", 0, NOW_S, true },
		{ "no version, a later second", { STR(""), 5, NOW_S, { 0 } }, "", 0, NOW_S + 1,
		    false },
		{ "no version, no second", { STR(""), 5, NOW_S, { 0 } }, "", 0, INT64_MIN, true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct cat_void rules[] = { { STR("sother"), INT64_MAX, INT64_MAX, { 0 } },
			cases[i].rule };
		const struct cat_app app = { .nvoids = 2, .voids = rules };
		struct token t = {
			.version = cases[i].version, .issued_s = cases[i].issued_s, .print = "cafe"
		};
		snprintf(t.session, sizeof(t.session), "%s", cases[i].session);
		if (admit_is_void(&app, &t, now) != cases[i].is_void)
			fail_msg("%s", cases[i].name);
	}
}

/* What may change something is never let through by what only reads. */
static void
test_needs(void **state)
{
	const unsigned reads = TOKEN_MAY_VIEW | TOKEN_MAY_VIEW_SECRET;
	(void)state;
	for (int i = 0; i < routes_count; i++) {
		const struct route *r = &routes[i];
		unsigned needs = admit_needs(r);
		if (r->access != ACCESS_APP)
			continue;
		if (needs == 0 || (needs & ~(unsigned)TOKEN_MAY_EVERYTHING))
			fail_msg("%s asks for nothing that there is", r->path);
		if (r->method != HTTP_GET && (needs & reads))
			fail_msg("%s changes something, and asks for what reads", r->path);
		if (strstr(r->path, "/secret") && (needs & TOKEN_MAY_VIEW))
			fail_msg("%s shows a key to everybody", r->path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_void),
		cmocka_unit_test(test_needs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
