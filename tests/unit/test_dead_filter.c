/* Filters of dead letters as JSON: what a task stores is what it reads again. */
#include "api/dead_filter.h"
#include "unit.h"

static const struct wall now = { INT64_C(1795000000) * USEC_PER_SEC + 123456 };

static json_t *
parse(const char *text)
{
	json_t *object = json_loads(text, 0, NULL);
	assert_non_null(object);
	return object;
}

static void
test_empty_means_everything_until_now(void **state)
{
	(void)state;
	struct dead_filter f;
	const char *field;
	json_t *object = parse("{\"appId\": null, \"unknown\": 1}");
	assert_int_equal(dead_filter_from_json(object, now, &f, &field), 0);
	assert_false(ref_is_given(&f.app) || ref_is_given(&f.endpoint));
	assert_int_equal(f.ntypes + f.reason, 0);
	assert_int_equal(f.class, -1);
	assert_int_equal(f.above, -1);
	assert_true(f.below > id_floor(now)); /* this very millisecond is meant too */
	json_decref(object);
}

/* Filters as dead_filter_put writes them. */
static const char *const written[] = {
	"{\"before\":\"2026-11-18T17:46:40.124000Z\"}",
	"{\"appId\":\"app_00000000001\",\"endpointId\":\"ep_00000000002\","
	"\"before\":\"2026-11-18T17:46:40.124000Z\"}",
	"{\"appId\":\"customer-1\",\"endpointId\":\"main\",\"eventTypes\":[\"a\",\"b.c\"],"
	"\"reason\":\"gone\",\"statusCodeClass\":500,\"before\":\"2026-01-02T03:04:05.678000Z\","
	"\"after\":\"2026-01-01T00:00:00.001000Z\"}",
	"{\"statusCodeClass\":0,\"before\":\"2026-01-02T03:04:05.678000Z\"}",
};

static void
test_written_and_read_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(written); i++) {
		struct dead_filter f;
		struct buf out;
		struct jw j;
		const char *field;
		json_t *object = parse(written[i]);
		assert_int_equal(dead_filter_from_json(object, now, &f, &field), 0);
		buf_init(&out, 4096);
		jw_begin(&j, &out);
		dead_filter_put(&j, &f);
		jw_end(&j);
		assert_string_equal(out.data, written[i]);
		buf_free(&out);
		json_decref(object);
	}
}

static const struct {
	const char *text, *field;
} wrong[] = {
	{ "{\"appId\": 5}", "appId" },
	{ "{\"endpointId\": [\"ep_00000000002\"]}", "endpointId" },
	{ "{\"endpointId\": \"ep_nonsense\"}", "endpointId" },
	{ "{\"endpoint_id\": \"\"}", "endpoint_id" },
	{ "{\"eventTypes\": \"a\"}", "eventTypes" },
	{ "{\"eventTypes\": [\"a\", 1]}", "eventTypes" },
	{ "{\"eventTypes\": [\"has space\"]}", "eventTypes" },
	{ "{\"reason\": \"bad luck\"}", "reason" },
	{ "{\"reason\": 1}", "reason" },
	{ "{\"statusCodeClass\": 404}", "statusCodeClass" },
	{ "{\"statusCodeClass\": -100}", "statusCodeClass" },
	{ "{\"statusCodeClass\": 600}", "statusCodeClass" },
	{ "{\"statusCodeClass\": 500.0}", "statusCodeClass" },
	{ "{\"before\": \"yesterday\"}", "before" },
	{ "{\"after\": 1767225600}", "after" },
};

static void
test_what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct dead_filter f;
		const char *field;
		json_t *object = parse(wrong[i].text);
		assert_int_equal(dead_filter_from_json(object, now, &f, &field), -1);
		assert_string_equal(field, wrong[i].field);
		json_decref(object);
	}
}

static void
test_more_types_than_there_is_room_for(void **state)
{
	(void)state;
	struct dead_filter f;
	const char *field;
	json_t *object = json_object(), *types = json_array();
	for (int i = 0; i <= LOG_TYPES_MAX; i++)
		json_array_append_new(types, json_string("t"));
	json_object_set_new(object, "eventTypes", types);
	assert_int_equal(dead_filter_from_json(object, now, &f, &field), -1);
	json_array_remove(types, 0);
	assert_int_equal(dead_filter_from_json(object, now, &f, &field), 0);
	assert_int_equal(f.ntypes, LOG_TYPES_MAX);
	json_decref(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_means_everything_until_now),
		cmocka_unit_test(test_written_and_read_again),
		cmocka_unit_test(test_what_is_wrong_is_named),
		cmocka_unit_test(test_more_types_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
