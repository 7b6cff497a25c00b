/* Unit tests of policy/profile: what the providers publish for their own webhooks, templates, and
 * what is no template. */
#include <stdlib.h>

#include "base/attr.h"

#include "policy/profile.h"
#include "unit.h"

/* Renders with keys made of these texts; lines end with LF instead of NUL. The result is static. */
static const char *
render(const struct profile *p, const struct profile_event *event, const char *const texts[2])
{
	static char lines[4096];
	struct sign_key *keys[2];
	struct buf out;
	int n = 0;
	buf_init(&out, sizeof(lines) - 1);
	for (; n < 2 && texts[n]; n++) {
		struct sign_secret s;
		struct err e;
		assert_int_equal(sign_text_parse(str_of(texts[n]), &s, &e), 0);
		keys[n] = sign_key_new_text(&s, p->hash);
	}
	int nlines = profile_render(p, event, keys, n, &out), ends = 0;
	for (size_t i = 0; i < out.len; i++) {
		ends += out.data[i] == '\0';
		lines[i] = out.data[i];
		if (lines[i] == '\0')
			lines[i] = '\n';
	}
	lines[out.len] = '\0';
	assert_int_equal(nlines, ends);
	buf_free(&out);
	for (int i = 0; i < n; i++)
		sign_key_free(keys[i]);
	return lines;
}

static void
test_providers(void **state)
{
	static const struct {
		const char *profile, *keys[2], *timestamp, *body, *wanted;
	} cases[] = {
		{ "github", { "It's a Secret to Everybody" }, "1", "Hello, World!",
		    "X-Hub-Signature-256: sha256="
		    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\n"
		    "X-GitHub-Event: a.b\nX-GitHub-Delivery: msg_1\n" },
		{ "stripe", { "whsec_test_secret" }, "1700000000",
		    "{\"id\":\"evt_1\",\"object\":\"event\"}",
		    "Stripe-Signature: t=1700000000,v1="
		    "0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd\n" },
		{ "stripe", { "whsec_test_secret", "whsec_old_secret" }, "1700000000",
		    "{\"id\":\"evt_1\",\"object\":\"event\"}",
		    "Stripe-Signature: t=1700000000,v1="
		    "0c8670ed117751cc551a20e35839447075c42800ea3cf3e8a2fbda99cd1e6edd,v1="
		    "921476aa6febf6d11353fcee45246000c9edf7b3938ae2d09a2d6ea5cb98d9db\n" },
		{ "shopify", { "hush" }, "1", "{\"id\":820982911946154508}",
		    "X-Shopify-Hmac-Sha256: qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=\n"
		    "X-Shopify-Topic: a.b\nX-Shopify-Webhook-Id: msg_1\n" },
		{ "slack", { "8f742231b10e8888abcd99yyyzzz85a5" }, "1700000000", "{\"a\":1}",
		    "X-Slack-Signature: v0="
		    "bf94e249dbe1c9dd84cfb82d4aefad8e69862c80f2e9f48c95022d18ad6a4b84\n"
		    "X-Slack-Request-Timestamp: 1700000000\n" },
		/* One signature fits: the current key's. */
		{ "slack", { "8f742231b10e8888abcd99yyyzzz85a5", "old" }, "1700000000", "{\"a\":1}",
		    "X-Slack-Signature: v0="
		    "bf94e249dbe1c9dd84cfb82d4aefad8e69862c80f2e9f48c95022d18ad6a4b84\n"
		    "X-Slack-Request-Timestamp: 1700000000\n" },
		{ "slack", { NULL }, "5", "{}", "X-Slack-Request-Timestamp: 5\n" },
	};
	(void)state;
	assert_null(profile_find(STR("standard")));
	assert_null(profile_find(STR("")));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct profile_event event = { STR("msg_1"), str_of(cases[i].timestamp),
			STR("a.b"), str_of(cases[i].body) };
		const struct profile *p = profile_find(str_of(cases[i].profile));
		assert_non_null(p);
		assert_string_equal(render(p, &event, cases[i].keys), cases[i].wanted);
	}
}

/* Expected values: Python's hmac. */
static void
test_templates(void **state)
{
	static const struct {
		const char *json, *wanted;
	} cases[] = {
		{ "{\"header\":\"X-Acme\"}",
		    "X-Acme: 0eb6fdf4827b258ee3a559f26dc09df4e037567f2ae37a8e56a577c2c6415756\n" },
		{ "{\"header\":\"X-Acme\",\"algorithm\":\"sha1\",\"encoding\":\"base64\","
		  "\"content\":\"{id}.{timestamp}.{body}\",\"prefix\":\"sha1 \",\"idHeader\":\"X-Id\","
		  "\"timestampHeader\":\"X-Time\",\"typeHeader\":\"X-Type\",\"unknown\":1}",
		    "X-Acme: sha1 58bFf19qTsMycPzpFYlTgw3LZH8=\nX-Time: 1700000000\nX-Id: msg_1\n"
		    "X-Type: a.b\n" },
		{ "{\"header\":\"X-Acme\",\"algorithm\":\"sha512\",\"content\":\"<{body}|{type}>\","
		  "\"lead\":\"at={timestamp};\",\"prefix\":\"s=\",\"separator\":\";\","
		  "\"encoding\":null}",
		    "X-Acme: at=1700000000;s="
		    "976a606edaaaa4f8f050f9727427183cb62792fdd6aed7ba08e78f11ba6b9501"
		    "8bfd5b835e5bf7c7098cc73974bf2bcaf2dede080c66c6ffe7dd19158042aa36"
		    ";s="
		    "1876be53112c830d70005ade6775c1454047b2083aa32d1a5f77f8d19559eb9f"
		    "a377ce176c613c9529c18a1545918c02f217fc16c9fc8fb7b1ce2b9c96e11964"
		    "\n" },
	};
	const struct profile_event event = { STR("msg_1"), STR("1700000000"), STR("a.b"),
		STR("{\"a\":1}") };
	const char *const keys[2] = { "new", "old" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct profile p;
		struct err e;
		json_t *o = json_loads(cases[i].json, 0, NULL);
		assert_non_null(o);
		if (profile_parse(o, &p, &e))
			fail_msg("%s", e.text);
		assert_string_equal(render(&p, &event, keys), cases[i].wanted);
		json_decref(o);
	}
}

static void
test_no_templates(void **state)
{
	static const struct {
		const char *json, *member;
	} cases[] = {
		{ "{}", "header" },
		{ "{\"header\":null}", "header" },
		{ "{\"header\":1}", "header" },
		{ "{\"header\":\"\"}", "header" },
		{ "{\"header\":\"Host\"}", "header" },
		{ "{\"header\":\"webhook-signature\"}", "header" },
		{ "{\"header\":\"X: y\\r\\nZ\"}", "header" },
		{ "{\"header\":\"X\",\"algorithm\":\"md5\"}", "algorithm" },
		{ "{\"header\":\"X\",\"algorithm\":[]}", "algorithm" },
		{ "{\"header\":\"X\",\"encoding\":\"base32\"}", "encoding" },
		{ "{\"header\":\"X\",\"prefix\":\"a\\nb\"}", "prefix" },
		{ "{\"header\":\"X\",\"prefix\":\"\\u00e9\"}", "prefix" },
		{ "{\"header\":\"X\",\"separator\":\"\\u0007\"}", "separator" },
		{ "{\"header\":\"X\",\"content\":\"{timestamp}\"}", "content" },
		{ "{\"header\":\"X\",\"content\":\"{body}{body}\"}", "content" },
		{ "{\"header\":\"X\",\"content\":\"{body}{url}\"}", "content" },
		{ "{\"header\":\"X\",\"content\":\"{body}{\"}", "content" },
		{ "{\"header\":\"X\",\"content\":\"{body}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}"
		  "{id}\"}",
		    "content" },
		{ "{\"header\":\"X\",\"lead\":\"{body}\"}", "lead" },
		{ "{\"header\":\"X\",\"lead\":\"{\"}", "lead" },
		{ "{\"header\":\"X\",\"idHeader\":\"Content-Length\"}", "idHeader" },
		{ "{\"header\":\"X\",\"timestampHeader\":\"a b\"}", "timestampHeader" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct profile p;
		struct err e = { 0 };
		json_t *o = json_loads(cases[i].json, 0, NULL);
		assert_non_null(o);
		if (profile_parse(o, &p, &e) != -1)
			fail_msg("accepted: %s", cases[i].json);
		assert_int_equal(e.kind, ERR_INVALID);
		if (strncmp(e.text, cases[i].member, strlen(cases[i].member)) != 0)
			fail_msg("%s: %s", cases[i].json, e.text);
		json_decref(o);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_providers),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_no_templates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
