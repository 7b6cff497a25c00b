/* Unit tests of api/schemas: every keyword with a value of its kind and with others. */
#include "base/attr.h"

#include "api/schemas.h"
#include "unit.h"

static const char *
fault_of(const char *text)
{
	json_t *schema = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(schema);
	const char *fault = schema_fault(schema);
	json_decref(schema);
	return fault;
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
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (fault_of(good[i]))
			fail_msg("%s: %s", good[i], fault_of(good[i]));
}

static void
test_faults(void **state)
{
	static const struct {
		const char *schema, *fault;
	} bad[] = {
		{ "5", "a schema" },
		{ "[]", "a schema" },
		{ "null", "a schema" },
		{ "{\"type\": \"text\"}", "type" },
		{ "{\"type\": []}", "type" },
		{ "{\"type\": null}", "type" },
		{ "{\"required\": [1]}", "required" },
		{ "{\"properties\": []}", "a map of schemas" },
		{ "{\"properties\": {\"a\": {\"type\": 1}}}", "type" },
		{ "{\"definitions\": {\"a\": 1}}", "a schema" },
		{ "{\"items\": 1}", "a schema" },
		{ "{\"items\": [{}, 1]}", "a schema" },
		{ "{\"allOf\": []}", "a list of schemas" },
		{ "{\"anyOf\": {}}", "a list of schemas" },
		{ "{\"not\": \"x\"}", "a schema" },
		{ "{\"dependencies\": {\"a\": [1]}}", "a schema" },
		{ "{\"dependencies\": []}", "dependencies" },
		{ "{\"multipleOf\": 0}", "multipleOf" },
		{ "{\"minLength\": -1}", "minLength" },
		{ "{\"maxItems\": 1.5}", "maxItems" },
		{ "{\"pattern\": 1}", "pattern" },
		{ "{\"uniqueItems\": \"yes\"}", "uniqueItems" },
		{ "{\"enum\": {}}", "enum" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *fault = fault_of(bad[i].schema);
		if (!fault)
			fail_msg("%s passes", bad[i].schema);
		assert_string_equal(fault, bad[i].fault);
	}
}

/* { "not": { "not": … } }, as deep as jansson lets it be. */
static void
test_depth(void **state)
{
	json_t *schema = json_object();
	(void)state;
	for (int i = 0; i < 63; i++)
		schema = json_pack("{s:o}", "not", schema);
	assert_null(schema_fault(schema));
	for (int i = 0; i < 1000; i++)
		schema = json_pack("{s:o}", "not", schema);
	assert_string_equal(schema_fault(schema), "the depth");
	json_decref(schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schemas),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
