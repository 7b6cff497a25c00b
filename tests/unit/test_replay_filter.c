/* The filter of a replay, read back from the row of its task. */
#include "api/replay_filter.h"
#include "unit.h"

#define TIMES "\"since\":\"2026-01-01T00:00:00Z\",\"until\":\"2026-01-02T00:00:00Z\""

static json_t *
filter_of(const char *text, int ntypes)
{
	json_t *filter = json_loads(text, 0, NULL);
	assert_non_null(filter);
	json_t *types = json_array();
	for (int i = 0; i < ntypes; i++)
		json_array_append_new(types, json_string("a.b"));
	json_object_set_new(filter, "eventTypes", types);
	return filter;
}

static void
test_types_are_bounded(void **state)
{
	char id[ID_TEXT_SIZE], text[256];
	struct replay_filter f;
	(void)state;
	snprintf(text, sizeof(text), "{\"endpointId\":\"%s\"," TIMES "}",
	    id_to_text(ID_ENDPOINT, 7, id));
	json_t *most = filter_of(text, LOG_TYPES_MAX), *more = filter_of(text, LOG_TYPES_MAX + 1);
	assert_int_equal(replay_filter_from_json(most, &f), 0);
	assert_int_equal(f.ntypes, LOG_TYPES_MAX);
	assert_int_equal(f.endpoint_id, 7);
	assert_int_equal(replay_filter_from_json(more, &f), -1);
	json_decref(most);
	json_decref(more);
}

/* What cannot be read selects nothing. */
static void
test_what_is_no_filter(void **state)
{
	static const char *const bad[] = { "{}", "{" TIMES "}",
		"{\"endpointId\":\"ep_none\"," TIMES "}", "{\"endpointId\":7," TIMES "}" };
	struct replay_filter f;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *filter = filter_of(bad[i], 1);
		assert_int_equal(replay_filter_from_json(filter, &f), -1);
		json_decref(filter);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_are_bounded),
		cmocka_unit_test(test_what_is_no_filter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
