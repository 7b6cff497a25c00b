/* Unit tests of policy/schema: what documents are refused, what values are found wrong and where,
 * and that nothing goes on for long. (The official cases: tests/e2e/test_draft7.py.) */
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

#include "policy/schema.h"
#include "unit.h"

static json_t *
json_of(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(v);
	return v;
}

/* NULL when it is a schema, else why not (static). */
static const char *
fault_of(json_t *document)
{
	static struct err e;
	struct schema *s;
	if (schema_new(document, &s, &e))
		return e.text;
	schema_free(s);
	return NULL;
}

static void
test_schemas(void **state)
{
	static const char *const good[] = {
		"true",
		"false",
		"{}",
		"{\"unknown\": 5, \"x-mine\": [1]}",
		"{\"type\": \"object\"}",
		"{\"type\": [\"string\", \"null\"]}",
		"{\"required\": [], \"properties\": {\"a\": {}, \"b\": true}}",
		"{\"items\": {\"type\": \"integer\"}, \"minItems\": 0, \"uniqueItems\": true}",
		"{\"items\": [{}, false], \"additionalItems\": false}",
		"{\"items\": []}",
		"{\"allOf\": [{}], \"anyOf\": [true], \"oneOf\": [{\"not\": {}}]}",
		"{\"if\": {}, \"then\": {}, \"else\": {}}",
		"{\"dependencies\": {\"a\": [\"b\"], \"c\": {}}}",
		"{\"enum\": [1, null, \"x\"], \"const\": null, \"default\": 7, \"examples\": [1]}",
		"{\"multipleOf\": 0.01, \"minimum\": -1.5, \"exclusiveMaximum\": 3, \"maxLength\": 0}",
		"{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"$ref\": \"#/x\", \"x\": {}}",
		"{\"properties\": {\"type\": {\"type\": \"string\"}}}",
		"{\"properties\": {\"$ref\": {\"type\": \"string\"}}}",
		"{\"maxItems\": 2.0}",
		"{\"properties\": {\"a\": {\"$ref\": \"#\"}}}",
		"{\"$id\": \"https://x.example/a\", \"items\": {\"$ref\": \"https://x.example/a#\"}}",
		"{\"items\": {\"$ref\": \"#n\"}, \"definitions\": {\"a\": {\"$id\": \"#n\"}}}",
		"{\"pattern\": \"^[a-z]+$\", \"patternProperties\": {\"^x-\": true}}",
		"{\"enum\": [{\"$ref\": \"https://elsewhere.example/\"}]}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		json_t *document = json_of(good[i]);
		const char *fault = fault_of(document);
		if (fault)
			fail_msg("%s: %s", good[i], fault);
		json_decref(document);
	}
}

static void
test_faults(void **state)
{
	static const struct {
		const char *schema, *fault;
	} bad[] = {
		{ "5", "the schema: " },
		{ "[]", "the schema: " },
		{ "null", "the schema: " },
		{ "{\"type\": \"text\"}", "type: " },
		{ "{\"type\": []}", "type: " },
		{ "{\"type\": null}", "type: " },
		{ "{\"required\": [1]}", "required: " },
		{ "{\"properties\": []}", "properties: " },
		{ "{\"properties\": {\"a\": {\"type\": 1}}}", "properties/a/type: " },
		{ "{\"definitions\": {\"a\": 1}}", "definitions/a/the schema: " },
		{ "{\"items\": 1}", "items/the schema: " },
		{ "{\"items\": [{}, 1]}", "items/1/the schema: " },
		{ "{\"allOf\": []}", "allOf: " },
		{ "{\"allOf\": [{\"$ref\": \"#/definitions/b\"}]}",
		    "allOf/0/$ref: refers to nothing" },
		{ "{\"anyOf\": {}}", "anyOf: " },
		{ "{\"not\": \"x\"}", "not/the schema: " },
		{ "{\"dependencies\": {\"a\": [1]}}", "dependencies: " },
		{ "{\"dependencies\": []}", "dependencies: " },
		{ "{\"multipleOf\": 0}", "multipleOf: " },
		{ "{\"minLength\": -1}", "minLength: " },
		{ "{\"maxItems\": 1.5}", "maxItems: " },
		{ "{\"pattern\": 1}", "pattern: " },
		{ "{\"pattern\": \"(\"}", "pattern: no regular expression" },
		{ "{\"patternProperties\": {\"[\": {}}}", "patternProperties: no regular" },
		{ "{\"pattern\": \"((a{1,999}){1,999}){1,999}\"}",
		    "pattern: no regular expression" },
		{ "{\"uniqueItems\": \"yes\"}", "uniqueItems: " },
		{ "{\"enum\": {}}", "enum: " },
		{ "{\"$ref\": \"#/x\", \"type\": 1}", "type: " },
		{ "{\"$ref\": \"https://x.example/\"}", "$ref: must refer to a place in this" },
		{ "{\"$ref\": \"other.json\"}", "$ref: must refer to a place in this" },
		{ "{\"$ref\": \"#/%\"}", "$ref: refers to nothing" },
		{ "{\"$ref\": \"#/~2\"}", "$ref: refers to nothing" },
		{ "{\"$ref\": \"#name\"}", "$ref: refers to nothing" },
		{ "{\"$ref\": \"#/enum/01\", \"enum\": [{}, {}]}", "$ref: refers to nothing" },
		{ "{\"$ref\": \"#/x\", \"x\": 1}", "the schema: " },
		{ "{\"$ref\": \"#\"}", "$ref: leads back to itself" },
		{ "{\"allOf\": [{\"$ref\": \"#\"}]}", "$ref: leads back to itself" },
		{ "{\"not\": {\"if\": {\"$ref\": \"#\"}}}", "$ref: leads back to itself" },
		{ "{\"properties\": {\"a\": {\"$id\": \"https://x.example/\", \"items\": "
		  "{\"$ref\": \"#\"}}}}",
		    "properties/a/items/$ref: must refer" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *document = json_of(bad[i].schema);
		const char *fault = fault_of(document);
		if (!fault)
			fail_msg("%s passes", bad[i].schema);
		if (!strstr(fault, bad[i].fault))
			fail_msg("%s: %s", bad[i].schema, fault);
		json_decref(document);
	}
}

/* What a value is found to be wrong in, as "place: reason". */
static void
judge(const char *schema, const char *value, char *ret, size_t size)
{
	json_t *document = json_of(schema), *v = json_of(value);
	struct schema *s;
	struct schema_finding f;
	struct err e;
	int64_t steps = SCHEMA_STEPS_MAX;
	if (schema_new(document, &s, &e))
		fail_msg("%s: %s", schema, e.text);
	ret[0] = '\0';
	if (schema_judge(s, v, &steps, &f) != SCHEMA_VALID) {
		size_t n = 0;
		for (int i = 0; i < f.n; i++)
			n += (size_t)snprintf(ret + n, size - n, "/%s", f.loc[i]);
		assert_null(f.loc[f.n]);
		snprintf(ret + n, size - n, ": %s", f.reason);
	}
	schema_free(s);
	json_decref(document);
	json_decref(v);
}

static void
test_findings(void **state)
{
	static const struct {
		const char *schema, *value, *finding;
	} cases[] = {
		{ "{\"type\": \"integer\"}", "1.0", "" },
		{ "{\"type\": [\"integer\", \"null\"]}", "1.5",
		    ": must be of type integer or null (type)" },
		{ "{\"properties\": {\"a\": {\"items\": {\"minimum\": 2}}}}", "{\"a\": [2, 1]}",
		    "/a/[1]: must be at least 2 (minimum)" },
		{ "{\"required\": [\"a\", \"b\"]}", "{\"a\": 1}", "/b: is required (required)" },
		{ "{\"additionalProperties\": false, \"properties\": {\"a\": true}}",
		    "{\"a\": 1, \"c\": 1}", "/c: may not be there (false)" },
		{ "{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "1",
		    ": fits none of the 2 schemas (anyOf)" },
		{ "{\"not\": {\"properties\": {\"a\": {\"type\": \"null\"}}}}", "{}",
		    ": fits a schema that it may not fit (not)" },
		{ "{\"if\": {\"required\": [\"a\"]}, \"then\": {\"required\": [\"b\"]}}",
		    "{\"a\": 1}", "/b: is required (required)" },
		{ "{\"dependencies\": {\"a\": [\"b\"]}}", "{\"a\": 1}",
		    "/b: is required (dependencies)" },
		{ "{\"propertyNames\": {\"maxLength\": 1}}", "{\"ab\": 1}",
		    "/ab: may have 1 characters at most (maxLength)" },
		{ "{\"uniqueItems\": true}", "[1, 2, {\"a\": 1, \"b\": 2}, {\"b\": 2.0, \"a\": 1}]",
		    ": has two elements that are the same (uniqueItems)" },
		{ "{\"enum\": [1, \"a\"]}", "1.0", "" },
		{ "{\"minimum\": 9007199254740993}", "9007199254740992.0",
		    ": must be at least 9.0072e+15 (minimum)" },
		{ "{\"const\": 9007199254740993}", "9007199254740992",
		    ": is not the one value allowed (const)" },
		{ "{\"multipleOf\": 0.01}", "4.35", "" },
		{ "{\"format\": \"date-time\"}", "\"2024-02-30T00:00:00Z\"",
		    ": is no valid date-time (format)" },
		{ "{\"format\": \"uuid\"}", "\"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"", "" },
		{ "{\"format\": \"uuid\"}", "\"f81d4fae7dec11d0a76500a0c91e6bf6\"",
		    ": is no valid uuid (format)" },
		{ "{\"format\": \"no such\"}", "\"x\"", "" },
		/* A dollar is the end of the text, not of a line. */
		{ "{\"pattern\": \"^a$\"}", "\"a\\n\"", ": does not match the pattern (pattern)" },
		{ "{\"definitions\": {\"t\": {\"type\": \"object\", \"required\": [\"n\"], "
		  "\"properties\": {\"n\": {\"type\": \"array\", \"items\": {\"$ref\": "
		  "\"#/definitions/t\"}}}}}, \"$ref\": \"#/definitions/t\"}",
		    "{\"n\": [{\"n\": []}, {}]}", "/n/[1]/n: is required (required)" },
	};
	char finding[512];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		judge(cases[i].schema, cases[i].value, finding, sizeof(finding));
		if (strcmp(finding, cases[i].finding) != 0)
			fail_msg("%s of %s: \"%s\"", cases[i].schema, cases[i].value, finding);
	}
}

/* The outermost segments of a place that is deep. */
static void
test_deep_place(void **state)
{
	char value[4 * SCHEMA_LOC_MAX + 16] = "1", finding[512], expected[512] = "";
	size_t n = 0;
	(void)state;
	for (int i = 0; i < SCHEMA_LOC_MAX + 4; i++) {
		char inner[sizeof(value)];
		snprintf(inner, sizeof(inner), "[%s]", value);
		memcpy(value, inner, sizeof(value));
	}
	for (int i = 0; i < SCHEMA_LOC_MAX; i++)
		n += (size_t)snprintf(expected + n, sizeof(expected) - n, "/[0]");
	snprintf(expected + n, sizeof(expected) - n, ": must be of type array (type)");
	judge(
	    "{\"type\": \"array\", \"items\": {\"$ref\": \"#\"}}", value, finding, sizeof(finding));
	assert_string_equal(finding, expected);
}

/* ---- limits ---- */

/* {"not": {"not": …}}: a chain of schemas for one value. */
static void
test_height(void **state)
{
	json_t *document = json_object();
	(void)state;
	for (int i = 1; i < SCHEMA_HEIGHT_MAX; i++)
		document = json_pack("{s:o}", "not", document);
	assert_null(fault_of(document));
	document = json_pack("{s:o}", "not", document);
	assert_non_null(fault_of(document));
	for (int i = 0; i < 1000; i++)
		document = json_pack("{s:o}", "not", document);
	assert_non_null(fault_of(document));
	json_decref(document);
}

static void
test_many_parts(void **state)
{
	json_t *list = json_array(), *document = json_pack("{s:o}", "items", list);
	(void)state;
	for (int i = 0; i < SCHEMA_NODES_MAX; i++)
		json_array_append_new(list, json_object());
	assert_non_null(strstr(fault_of(document), "parts"));
	json_decref(document);
}

static enum schema_verdict
verdict_of(const char *schema, json_t *value, int64_t *steps)
{
	json_t *document = json_of(schema);
	struct schema *s;
	struct schema_finding f;
	struct err e;
	if (schema_new(document, &s, &e))
		fail_msg("%s: %s", schema, e.text);
	enum schema_verdict verdict = schema_judge(s, value, steps, &f);
	schema_free(s);
	json_decref(document);
	json_decref(value);
	return verdict;
}

static json_t *
letters(size_t n)
{
	char *text = malloc(n + 1);
	memset(text, 'a', n);
	text[n] = '\0';
	json_t *v = json_string(text);
	free(text);
	return v;
}

/* Expressions that take time which rises as a power of the text's length, and a value that fits
 * none of many alternatives of alternatives. */
static void
test_bombs(void **state)
{
	static const char *const expressions[] = { "^(a+)+$", "(a*)*b", "(a|aa)+$", "(.*)*x",
		"(a?){40}b", "a.*a.*a.*a.*b", "[a-z]*1", "^(([a-z])+.)+[A-Z]([a-z])+$",
		"(?=(a+)+$)b", "(?<!(a|b))b" };
	char schema[128];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
		int64_t steps = SCHEMA_STEPS_MAX;
		snprintf(schema, sizeof(schema), "{\"pattern\": \"%s\"}", expressions[i]);
		json_t *text = letters(i == 0 ? 60 : 100000);
		if (i == 0)
			json_string_set(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
		(void)verdict_of(schema, text, &steps);
		assert_true(steps >= 0);
	}
	int64_t steps = SCHEMA_STEPS_MAX;
	json_t *deep = json_integer(1);
	for (int i = 0; i < 60; i++)
		deep = json_pack("[o]", deep);
	assert_int_equal(
	    verdict_of("{\"anyOf\": [{\"type\": \"array\", \"items\": {\"$ref\": "
		       "\"#\"}}, {\"items\": {\"$ref\": \"#\"}, \"type\": \"array\"}]}",
		deep, &steps),
	    SCHEMA_BEYOND);
	assert_int_equal(steps, 0);
}

/* The nth is made by that function. */
static json_t *
list_of(size_t n, json_t *(*make)(size_t))
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, make(i));
	return list;
}

static json_t *
number(size_t i)
{
	return json_integer((json_int_t)i);
}

static json_t *
pair(size_t i)
{
	return json_pack("{s:[i], s:i}", "a", (int)i, "b", 1);
}

static json_t *
members(size_t n)
{
	char name[24];
	json_t *object = json_object();
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "m%zu", i);
		json_object_set_new(object, name, json_true());
	}
	return object;
}

/* A schema that looks at much of a value, each by another way to spend steps. What it takes is
 * enough, and one step less is not: without the budget it would be. */
static void
test_every_step_counts(void **state)
{
	const struct {
		const char *schema;
		json_t *value;
		int64_t least; /* that it takes */
	} cases[] = {
		{ "{\"items\": {\"type\": \"integer\"}}", list_of(1000, number), 2000 },
		{ "{\"anyOf\": [false, false, {\"items\": true}]}", list_of(1000, number), 1000 },
		{ "{\"contains\": {\"const\": -1}}", list_of(1000, number), 2000 },
		{ "{\"uniqueItems\": true}", list_of(1000, pair), 3000 },
		{ "{\"const\": [[1, 2], [3, 4]]}", json_pack("[[i,i],[i,i]]", 1, 2, 3, 4), 7 },
		{ "{\"enum\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}", json_integer(10), 10 },
		{ "{\"patternProperties\": {\"1$\": true}}", members(1000), 1500 },
		{ "{\"additionalProperties\": true}", members(1000), 1000 },
		{ "{\"propertyNames\": {\"maxLength\": 5}}", members(1000), 1500 },
		{ "{\"required\": [\"m0\", \"m1\", \"m2\", \"m3\", \"m4\", \"m5\"]}", members(9),
		    6 },
		{ "{\"properties\": {\"a\": true, \"b\": true, \"c\": true}}", members(9), 3 },
		{ "{\"dependencies\": {\"a\": [\"b\"], \"b\": [], \"c\": []}}", members(9), 3 },
		{ "{\"minLength\": 5}", letters(64000), 1000 },
		{ "{\"format\": \"email\"}", letters(64000), 1000 },
		{ "{\"pattern\": \"z\"}", letters(64000), 100 },
		{ "{\"pattern\": \"^(a|aa)+[bc]\"}", letters(18), 5000 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *v = cases[i].value;
		int64_t steps = SCHEMA_STEPS_MAX;
		enum schema_verdict verdict = verdict_of(cases[i].schema, json_incref(v), &steps);
		int64_t took = SCHEMA_STEPS_MAX - steps, enough = took + 1, scarce = took - 1;
		if (verdict == SCHEMA_BEYOND || took < cases[i].least)
			fail_msg("%s: verdict %d, %lld steps", cases[i].schema, verdict,
			    (long long)took);
		assert_int_equal(verdict_of(cases[i].schema, json_incref(v), &enough), verdict);
		if (verdict_of(cases[i].schema, json_incref(v), &scarce) != SCHEMA_BEYOND)
			fail_msg("%s: with a step too few", cases[i].schema);
		assert_int_equal(scarce, 0);
		json_decref(v);
	}
}

static void
test_deep_value(void **state)
{
	json_t *deep = json_array();
	int64_t steps = SCHEMA_STEPS_MAX;
	(void)state;
	for (int i = 0; i < SCHEMA_DEPTH_MAX; i++)
		deep = json_pack("[o]", deep);
	assert_int_equal(verdict_of("{\"items\": {\"$ref\": \"#\"}}", deep, &steps), SCHEMA_BEYOND);
}

/* 100 000 different elements are looked at once each, not once for each other. */
static void
test_many_elements(void **state)
{
	json_t *list = json_array();
	int64_t steps = SCHEMA_STEPS_MAX;
	(void)state;
	for (int i = 0; i < 100000; i++)
		json_array_append_new(list, json_integer(i));
	assert_int_equal(verdict_of("{\"uniqueItems\": true}", list, &steps), SCHEMA_VALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schemas),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_deep_place),
		cmocka_unit_test(test_height),
		cmocka_unit_test(test_many_parts),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_every_step_counts),
		cmocka_unit_test(test_deep_value),
		cmocka_unit_test(test_many_elements),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
