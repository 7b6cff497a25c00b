/* Unit tests of policy/name: the grammars at their edges, and both lists of header names. */
#include <ctype.h>

#include "base/attr.h"

#include "policy/name.h"
#include "unit.h"

static char filler[8192]; /* of 'a' */

static struct str
repeated(size_t n)
{
	memset(filler, 'a', sizeof(filler));
	return (struct str){ filler, n };
}

static void
test_names(void **state)
{
	const struct {
		struct str s;
		bool name;
		bool channel;
	} cases[] = {
		{ STR(""), false, false },
		{ { NULL, 0 }, false, false },
		{ STR("a"), true, true },
		{ STR("user.created"), true, true },
		{ STR("AZaz09-_."), true, true },
		{ STR("project:1+eu"), false, true },
		{ STR("a b"), false, false },
		{ STR("a/b"), false, false },
		{ STR("a\0"), false, false },
		{ STR("\0"), false, false },
		{ STR("a\n"), false, false },
		{ STR("caf\xc3\xa9"), false, false },
		{ STR("a\xff"), false, false },
		{ STR("a\x7f"), false, false },
		{ STR("a,b"), false, false },
		{ STR("a%20"), false, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (name_valid(cases[i].s) != cases[i].name ||
		    name_channel_valid(cases[i].s) != cases[i].channel)
			fail_msg("%.*s", STR_FMT(cases[i].s));
	}
	assert_true(name_valid(repeated(256)));
	assert_false(name_valid(repeated(257)));
	assert_true(name_channel_valid(repeated(128)));
	assert_false(name_channel_valid(repeated(129)));
}

/* Each of the 256 bytes on its own, against a plain statement of the set. */
static void
test_every_byte(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		struct str s = { &byte, 1 };
		bool alnum = c < 128 && isalnum(c);
		assert_int_equal(name_valid(s), alnum || (c && strchr("-_.", c)));
		assert_int_equal(name_channel_valid(s), alnum || (c && strchr("-_.:+", c)));
		/* RFC 9110, section 5.6.2: visible, and no delimiter. */
		bool token = c > 32 && c < 127 && !strchr("\"(),/:;<=>?@[\\]{}", c);
		assert_int_equal(name_header_refused(s) == NULL, token);
		bool value = c > 32 && c < 127;
		assert_int_equal(name_header_value_valid(s), value);
	}
}

static void
test_uids(void **state)
{
	const struct {
		enum id_kind kind;
		struct str s;
		bool wanted;
	} cases[] = {
		{ ID_APP, STR("customer-1"), true },
		{ ID_APP, STR("app_1"), false },
		{ ID_APP, STR("app_"), false },
		{ ID_APP, STR("app"), true },
		{ ID_APP, STR("App_1"), true },
		{ ID_APP, STR("ep_1"), true }, /* another kind's prefix cannot be mistaken */
		{ ID_ENDPOINT, STR("ep_1"), false },
		{ ID_ENDPOINT, STR("app_1"), true },
		{ ID_MESSAGE, STR("msg_1"), false },
		{ ID_MESSAGE, STR("invoice.paid.17"), true },
		{ ID_MESSAGE, STR(""), false },
		{ ID_MESSAGE, STR("a b"), false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (name_uid_valid(cases[i].kind, cases[i].s) != cases[i].wanted)
			fail_msg("%.*s", STR_FMT(cases[i].s));
}

static void
test_headers_refused(void **state)
{
	static const char *const cases[] = {
		/* The public Svix API. */
		"user-agent",
		"keep-alive",
		"proxy-authorization",
		"proxy-connection",
		"proxy-anything",
		"te",
		"trailers",
		"transfer-encoding",
		"upgrade",
		"age",
		"cache-control",
		"clear-site-data",
		"expires",
		"pragma",
		"warning",
		"content-length",
		"content-type",
		"content-encoding",
		"content-language",
		"content-location",
		"x-amz-date",
		"x-amzn-trace-id",
		"x-google",
		"x-google-anything",
		"x-goog-iam",
		"x-gfe",
		"x-azure-ref",
		"x-fd-healthprobe",
		"x-svix-id",
		"svix-id",
		"svix-signature",
		/* The transport, the signature, and what metadata services ask for. */
		"host",
		"connection",
		"expect",
		"trailer",
		"webhook-id",
		"webhook-signature",
		"webhook-anything",
		"metadata",
		"metadata-flavor",
		"x-aws-ec2-metadata-token",
		"x-aws-ec2-metadata-token-ttl-seconds",
		"x-google-metadata-request",
		"http2-settings",
		/* No names at all. */
		"",
		" ",
		"a b",
		"a:",
		":path",
		"a\tb",
		"x\r\ny",
		"caf\xc3\xa9",
		"(a)",
		"a\"",
		" host",
		"host ",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char upper[64] = "";
		for (size_t k = 0; cases[i][k]; k++)
			upper[k] = (char)toupper((unsigned char)cases[i][k]);
		if (!name_header_refused(str_of(cases[i])) || !name_header_refused(str_of(upper)))
			fail_msg("allowed: %s", cases[i]);
	}
	assert_non_null(name_header_refused(STR("x\0y")));
	assert_non_null(name_header_refused((struct str){ NULL, 0 }));
	assert_null(name_header_refused(repeated(256)));
	assert_non_null(name_header_refused(repeated(257)));
}

static void
test_headers_allowed(void **state)
{
	const char *const cases[] = { "authorization", "Authorization", "x-api-key", "x", "accept",
		"x-request-id", "traceparent", "X-Custom_Header.1", "hosts", "hos", "proxy", "tea",
		"x-goo", "x-amz", "webhook", "svix", "metadata-x", "ages", "user-agent2",
		"!#$%&'*+.^`|~" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (name_header_refused(str_of(cases[i])))
			fail_msg("%s %s", cases[i], name_header_refused(str_of(cases[i])));
}

static void
test_values(void **state)
{
	const struct {
		struct str value;
		bool wanted;
	} cases[] = {
		{ STR("a"), true },
		{ STR("Bearer abc.def"), true },
		{ STR("a \t b"), true },
		{ STR("\"quoted, list\"; x=1"), true },
		{ STR(""), false },
		{ STR(" "), false },
		{ STR(" a"), false },
		{ STR("a "), false },
		{ STR("\ta"), false },
		{ STR("a\t"), false },
		{ STR("a\r\nHost: evil"), false },
		{ STR("a\nb"), false },
		{ STR("a\rb"), false },
		{ STR("a\0b"), false },
		{ STR("a\x7f"), false },
		{ STR("caf\xc3\xa9"), false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (name_header_value_valid(cases[i].value) != cases[i].wanted)
			fail_msg("%.*s", STR_FMT(cases[i].value));
	assert_true(name_header_value_valid(repeated(4096)));
	assert_false(name_header_value_valid(repeated(4097)));
}

static void
test_sensitive(void **state)
{
	const char *const yes[] = { "x-auth-token", "x-api-key", "www-authenticate",
		"authorization", "proxy-authenticate", "proxy-authorization", "Authorization",
		"X-API-Key" };
	static const char *const no[] = { "", "x-custom", "authorization2", "x-api", "x-api-keys" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(name_header_sensitive(str_of(yes[i])));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(name_header_sensitive(str_of(no[i])));
	assert_false(name_header_sensitive(STR("x-api-ke\0")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_uids),
		cmocka_unit_test(test_headers_refused),
		cmocka_unit_test(test_headers_allowed),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_sensitive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
