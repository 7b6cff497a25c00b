/* Unit tests of http/target: the forms of a request target, paths with two meanings, hosts. */
#include <string.h>

#include "base/attr.h"

#include "http/target.h"
#include "unit.h"

static const struct {
	enum http_method method;
	const char *raw;
	const char *path; /* NULL: refused */
	const char *query;
} targets[] = {
	{ HTTP_GET, "/", "/", "" },
	{ HTTP_GET, "/a/b", "/a/b", "" },
	{ HTTP_GET, "/a/b/", "/a/b/", "" },
	{ HTTP_GET, "/a?", "/a", "" },
	{ HTTP_GET, "/a?b=c&d=%zz//../[]|", "/a", "b=c&d=%zz//../[]|" },
	{ HTTP_GET, "/a%20b%2Fc", "/a%20b%2Fc", "" },
	{ HTTP_GET, "/a.b/..c/...", "/a.b/..c/...", "" },
	{ HTTP_GET, "http://h/a?b", "/a", "b" },
	{ HTTP_GET, "HTTPS://h:1/", "/", "" },
	{ HTTP_GET, "http://h", "/", "" },
	{ HTTP_GET, "http://[::1]:80/a", "/a", "" },
	{ HTTP_OPTIONS, "*", "*", "" },
	/* empty, dot and NUL segments, also encoded */
	{ HTTP_GET, "//", NULL, NULL },
	{ HTTP_GET, "//a", NULL, NULL },
	{ HTTP_GET, "/a//b", NULL, NULL },
	{ HTTP_GET, "/a//", NULL, NULL },
	{ HTTP_GET, "/.", NULL, NULL },
	{ HTTP_GET, "/..", NULL, NULL },
	{ HTTP_GET, "/a/./b", NULL, NULL },
	{ HTTP_GET, "/a/../b", NULL, NULL },
	{ HTTP_GET, "/a/%2e%2E/b", NULL, NULL },
	{ HTTP_GET, "/a/.%2e", NULL, NULL },
	{ HTTP_GET, "/a/%2e?b", NULL, NULL },
	{ HTTP_GET, "/a%00b", NULL, NULL },
	{ HTTP_GET, "/a%", NULL, NULL },
	{ HTTP_GET, "/a%4", NULL, NULL },
	{ HTTP_GET, "/a%4/b", NULL, NULL },
	{ HTTP_GET, "/a%g0", NULL, NULL },
	/* bytes */
	{ HTTP_GET, "/\xc3\xa4", NULL, NULL },
	{ HTTP_GET, "/a?\xc3\xa4", NULL, NULL },
	{ HTTP_GET, "/a#b", NULL, NULL },
	{ HTTP_GET, "/a?b#c", NULL, NULL },
	{ HTTP_GET, "/a b", NULL, NULL },
	{ HTTP_GET, "/a\x7f", NULL, NULL },
	/* forms */
	{ HTTP_GET, "", NULL, NULL },
	{ HTTP_GET, "a", NULL, NULL },
	{ HTTP_GET, "?a", NULL, NULL },
	{ HTTP_GET, "*", NULL, NULL },
	{ HTTP_OPTIONS, "**", NULL, NULL },
	{ HTTP_GET, "h:80", NULL, NULL },
	{ HTTP_GET, "ftp://h/", NULL, NULL },
	{ HTTP_GET, "http:/h/", NULL, NULL },
	{ HTTP_GET, "http://", NULL, NULL },
	{ HTTP_GET, "http:///a", NULL, NULL },
	{ HTTP_GET, "http://u@h/", NULL, NULL },
	{ HTTP_GET, "http://u:p@h/", NULL, NULL },
	{ HTTP_GET, "http://h?a", NULL, NULL },
	{ HTTP_GET, "http://h//a", NULL, NULL },
};

static void
test_targets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct http_target t;
		const char *reason =
		    http_target_parse(str_of(targets[i].raw), targets[i].method, &t);
		if (!targets[i].path != !!reason)
			fail_msg("\"%s\": %s", targets[i].raw, reason ? reason : "accepted");
		if (reason)
			continue;
		if (!str_eq(t.path, str_of(targets[i].path)) ||
		    !str_eq(t.query, str_of(targets[i].query)))
			fail_msg("\"%s\": split in the wrong place", targets[i].raw);
		assert_true(str_starts(t.target, t.path));
	}
}

static const struct {
	const char *host;
	bool valid;
} hosts[] = {
	{ "a", true },
	{ "a.test", true },
	{ "a.test.", true },
	{ "a_b", true },
	{ "A-1.test:80", true },
	{ "a:", true },
	{ "a:65535", true },
	{ "127.0.0.1:8071", true },
	{ "[::1]", true },
	{ "[::1]:8071", true },
	{ "[::ffff:1.2.3.4]", true },
	{ "a%41", true },
	{ "", false },
	{ ":80", false },
	{ "a:65536", false },
	{ "a:-0", false },
	{ "a:+1", false },
	{ "a:b", false },
	{ "a:1:2", false },
	{ "::1", false },
	{ "[]", false },
	{ "[::1", false },
	{ "[::1]a", false },
	{ "[::1%eth0]", false },
	{ "a b", false },
	{ "a/b", false },
	{ "a?b", false },
	{ "a#b", false },
	{ "a@b", false },
	{ "a\\b", false },
	{ "a%4", false },
	{ "a%g1", false },
	{ "a|b", false },
	{ "\xc3\xa4", false },
};

static void
test_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		if (http_host_valid(str_of(hosts[i].host)) != hosts[i].valid)
			fail_msg("\"%s\"", hosts[i].host);
	assert_false(http_host_valid(STR("a\0b")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_hosts),
	};
	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
