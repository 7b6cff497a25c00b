/* Unit tests of policy/yaml_json: values as the core schema reads them, and what is refused. */
#include <string.h>

#include "base/attr.h"

#include "policy/yaml_json.h"
#include "unit.h"

static void
test_values(void **state)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{ "{}", "{}" },
		{ "a: 1\nb: [x, 'y', \"z\\n\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\\n\"]}" },
		{ "- null\n- ~\n-\n- Null\n- 'null'\n", "[null,null,null,null,\"null\"]" },
		{ "[true, False, \"true\", yes]", "[true,false,\"true\",\"yes\"]" },
		{ "[+1, -2, 3.5, .5, 1e3, 2., 007, 0x1f, 1_000, .inf, '1']",
		    "[1,-2,3.5,0.5,1000.0,2.0,\"007\",\"0x1f\",\"1_000\",\".inf\",\"1\"]" },
		{ "a: 1\na: 2\n", "{\"a\":2}" },
		{ "1: one\n? two\n: 2\n", "{\"1\":\"one\",\"two\":2}" },
		{ "a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}" },
		{ "%YAML 1.1\n---\n!!str 1\n", "\"1\"" },
		{ "just a text", "\"just a text\"" },
		{ "# nothing\n--- {a: &x 1}\n...\n", "{\"a\":1}" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *got;
		struct err e;
		if (yaml_parse(str_of(cases[i].yaml), &got, &e))
			fail_msg("%s: %s", cases[i].yaml, e.text);
		json_t *want = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
		assert_non_null(want);
		if (!json_equal(got, want))
			fail_msg("%s: %s", cases[i].yaml, json_dumps(got, JSON_ENCODE_ANY));
		json_decref(got);
		json_decref(want);
	}
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *yaml, *reason;
	} cases[] = {
		{ "", "there is no document" },
		{ "# nothing\n", "there is no document" },
		{ "a: [1\n", "is no YAML" },
		{ "a: 1\n b: 2\n", "line 2: is no YAML" },
		{ "a: &x [1]\nb: *x\n", "line 2: aliases are not taken" },
		{ "a: &x [*x]\n", "aliases are not taken" },
		{ "*x: 1\n", "aliases are not taken" },
		{ "? [a]\n: 1\n", "a key is no text" },
		{ "a: !thing 1\n", "has a tag" },
		{ "a\n---\nb\n", "a second document" },
		{ "a: \"\\xed\\xa0\"\n\xff", "is no YAML" },
		{ "\"a\\0b\": 1", "a NUL stands in a key" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *got;
		struct err e;
		if (yaml_parse(str_of(cases[i].yaml), &got, &e) == 0)
			fail_msg("%s passes", cases[i].yaml);
		assert_int_equal(e.kind, ERR_INVALID);
		if (!strstr(e.text, cases[i].reason))
			fail_msg("%s: %s", cases[i].yaml, e.text);
	}
}

static void
test_depth(void **state)
{
	char text[2 * (YAML_DEPTH_MAX + 1)];
	json_t *got;
	struct err e;
	(void)state;
	memset(text, '[', sizeof(text) / 2);
	memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
	assert_int_equal(yaml_parse((struct str){ text + 1, sizeof(text) - 2 }, &got, &e), 0);
	json_decref(got);
	assert_int_equal(yaml_parse((struct str){ text, sizeof(text) }, &got, &e), -1);
	assert_non_null(strstr(e.text, "nested too deep"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
