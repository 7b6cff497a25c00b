/* Unit tests of api/openapi_path: the words of a route, and what becomes of them. */
#include "api/openapi.h"
#include "unit.h"

static void
assert_text(struct str s, const char *wanted)
{
	if (!wanted)
		assert_null(s.p);
	else if (!str_eq(s, str_of(wanted)))
		fail_msg("\"%.*s\", not \"%s\"", STR_FMT(s), wanted);
}

static void
test_bodies(void **state)
{
	static const struct {
		const char *words;
		int n;
		struct {
			int status;
			const char *schema;
			bool optional;
			const char *media;
		} body[3];
	} cases[] = {
		{ "204", 1, { { 204, NULL, false, "application/json" } } },
		{ "ThingIn", 1, { { 0, "ThingIn", false, "application/json" } } },
		{ "ThingIn?", 1, { { 0, "ThingIn", true, "application/json" } } },
		{ " 200  ThingOut , 201 ThingOut text/plain", 2,
		    { { 200, "ThingOut", false, "application/json" },
			{ 201, "ThingOut", false, "text/plain" } } },
		{ "99 ThingOut", 1, { { 0, "99", false, "ThingOut" } } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str list = str_of(cases[i].words);
		struct openapi_body b;
		int n = 0;
		for (; openapi_next_body(&list, &b); n++) {
			assert_true(n < cases[i].n);
			assert_int_equal(b.status, cases[i].body[n].status);
			assert_text(b.schema, cases[i].body[n].schema);
			assert_int_equal(b.optional, cases[i].body[n].optional);
			assert_text(b.media, cases[i].body[n].media);
		}
		assert_int_equal(n, cases[i].n);
	}
	struct str none = { NULL, 0 };
	struct openapi_body b;
	assert_false(openapi_next_body(&none, &b));
}

static void
test_placeholders(void **state)
{
	const char *path = "/app/{app}/msg/{msg}/x", *broken = "/app/{app";
	struct str name;
	(void)state;
	assert_true(openapi_next_placeholder(&path, &name));
	assert_text(name, "app");
	assert_true(openapi_next_placeholder(&path, &name));
	assert_text(name, "msg");
	assert_false(openapi_next_placeholder(&path, &name));
	assert_false(openapi_next_placeholder(&broken, &name));
}

static void
test_tags(void **state)
{
	static const struct {
		const char *id, *tag;
	} cases[] = {
		{ "v1.endpoint.recover", "endpoint" },
		{ "v1.operational-webhook.endpoint.get", "operational-webhook" },
		{ "v1", "" },
		{ NULL, "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct route r = { .id = cases[i].id };
		assert_text(openapi_tag(&r), cases[i].tag);
	}
}

/* What the row says, and what follows from it without words. */
static void
test_an_operation(void **state)
{
	const struct route r = { .method = HTTP_POST,
		.path = "/app/{app}/thing",
		.access = ACCESS_APP,
		.id = "v1.thing.create",
		.summary = "Make a thing",
		.query = "limit",
		.in = "ThingIn?",
		.out = "201 ThingOut" };
	json_t *op = openapi_operation(&r);
	const char *in, *out, *parameter[3];
	int required = 1;
	(void)state;
	assert_int_equal(
	    json_unpack(op,
		"{s:{s:b,s:{s:{s:{s:s}}}},s:{s:{s:{s:{s:{s:s}}}}},s:[{s:s},{s:s},{s:s}!]}",
		"requestBody", "required", &required, "content", "application/json", "schema",
		"$ref", &in, "responses", "201", "content", "application/json", "schema", "$ref",
		&out, "parameters", "$ref", &parameter[0], "$ref", &parameter[1], "$ref",
		&parameter[2]),
	    0);
	assert_false(required);
	assert_string_equal(in, "#/components/schemas/ThingIn");
	assert_string_equal(out, "#/components/schemas/ThingOut");
	assert_string_equal(parameter[0], "#/components/parameters/path.app");
	assert_string_equal(parameter[1], "#/components/parameters/query.limit");
	assert_string_equal(parameter[2], "#/components/parameters/header.Idempotency-Key");
	const json_t *answers = json_object_get(op, "responses");
	static const char *const errors[] = { "400", "401", "403", "404", "409", "413", "414",
		"422", "503" };
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		assert_non_null(json_object_get(answers, errors[i]));
	assert_null(json_object_get(op, "security"));
	json_decref(op);
}

static void
test_an_open_operation(void **state)
{
	const struct route r = { .method = HTTP_GET, .path = "/thing", .out = "200 Thing" };
	json_t *op = openapi_operation(&r);
	(void)state;
	assert_int_equal(json_object_size(json_object_get(op, "responses")), 1);
	assert_true(json_is_array(json_object_get(op, "security")));
	assert_null(json_object_get(op, "parameters"));
	assert_null(json_object_get(op, "requestBody"));
	json_decref(op);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_placeholders),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_an_operation),
		cmocka_unit_test(test_an_open_operation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
