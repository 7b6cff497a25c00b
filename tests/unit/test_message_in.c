/* What few events have: read from the body, or told what is wrong with it. */
#include "api/message_in.h"
#include "unit.h"

#define BODY(members) "{\"eventType\":\"t\",\"payload\":{}" members "}"

static const struct wall now = { INT64_C(1795000000) * USEC_PER_SEC };

/* The field that is blamed, or NULL. */
static const char *
take(const char *text, struct arena *a, struct message_in *ret)
{
	struct slice s;
	struct message_fault fault;
	struct err e;
	assert_int_equal(slice_object(str_of(text), &s, &e), 0);
	if (message_in_take(&s, a, now, ret, &fault))
		return fault.field;
	return ret->overdue ? ret->overdue->field : NULL;
}

static void
test_nothing_of_it(void **state)
{
	(void)state;
	static const char *const bodies[] = { BODY(""), BODY(",\"tags\":null"),
		BODY(",\"tags\":[]"), BODY(",\"deliverAt\":null,\"payloadRetentionHours\":null") };
	struct arena *a = arena_new();
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct message_in in;
		assert_null(take(bodies[i], a, &in));
		assert_null(in.event.extra);
	}
	arena_free(a);
}

static void
test_what_is_read(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct message_in in;
	assert_null(take(BODY(",\"tags\":[\"b\",\"a,b\",\"b\",\"\\u00e9\"]"), a, &in));
	assert_true(str_eq(in.event.extra->tags, STR("b\x1f"
						     "a,b\x1f\xc3\xa9")));
	assert_int_equal(in.event.extra->deliver_at.us, 0);
	/* 1795000000 is 2026-11-18T11:06:40Z. */
	assert_null(take(BODY(",\"deliverAt\":\"2026-11-18T13:06:40+01:00\""), a, &in));
	assert_int_equal(in.event.extra->deliver_at.us - now.us, 3600 * USEC_PER_SEC);
	assert_null(take(BODY(",\"payloadRetentionPeriod\":90"), a, &in));
	assert_int_equal(in.event.extra->forget_at.us - now.us, 90 * 86400 * USEC_PER_SEC);
	assert_null(take(BODY(",\"payloadRetentionHours\":1"), a, &in));
	assert_int_equal(in.event.extra->forget_at.us - now.us, 3600 * USEC_PER_SEC);
	arena_free(a);
}

/* What may be the repetition of an event that was accepted is read whole. */
static void
test_a_time_that_has_come(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		bool overdue; /* else it is refused, whatever was before */
	} cases[] = {
		{ BODY(",\"deliverAt\":\"2026-11-18T11:07:38.999Z\""), true },
		{ BODY(",\"deliverAt\":\"2026-11-18T11:06:40Z\""), true },
		{ BODY(",\"deliverAt\":\"1970-01-01T00:00:00Z\""), true },
		{ BODY(",\"deliverAt\":\"2026-11-19T11:06:40.001Z\""), false },
		{ BODY(",\"deliverAt\":\"2026-11-18T11:06:40Z\",\"tags\":{}"), false },
		{ BODY(",\"deliverAt\":\"2026-11-18T11:06:40Z\",\"application\":1"), false },
	};
	struct arena *a = arena_new();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message_in in;
		assert_non_null(take(cases[i].body, a, &in));
		if (!in.overdue != !cases[i].overdue)
			fail_msg("%s", cases[i].body);
	}
	arena_free(a);
}

static void
test_edges_of_the_time(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		const char *blamed;
	} cases[] = {
		{ BODY(",\"deliverAt\":\"2026-11-18T11:07:39Z\""), NULL },
		{ BODY(",\"deliverAt\":\"2026-11-18T11:07:38.999Z\""), "deliverAt" },
		{ BODY(",\"deliverAt\":\"2026-11-19T11:06:40Z\""), NULL },
		{ BODY(",\"deliverAt\":\"2026-11-19T11:06:40.001Z\""), "deliverAt" },
		{ BODY(",\"deliverAt\":\"0000-00-00T00:00:00Z\""), "deliverAt" },
		{ BODY(",\"deliverAt\":\"\""), "deliverAt" },
		{ BODY(",\"deliverAt\":[]"), "deliverAt" },
		{ BODY(",\"tags\":[\"a\\u001fb\"]"), "tags" },
		{ BODY(",\"tags\":[\"\\u007f\"]"), "tags" },
		{ BODY(",\"tags\":[null]"), "tags" },
		{ BODY(",\"tags\":{}"), "tags" },
		{ BODY(",\"payloadRetentionHours\":9223372036854775808"), "payloadRetentionHours" },
		{ BODY(",\"payloadRetentionHours\":1e2"), "payloadRetentionHours" },
		{ BODY(",\"payloadRetentionHours\":-1"), "payloadRetentionHours" },
		{ BODY(",\"payloadRetentionHours\":1,\"payloadRetentionPeriod\":1"),
		    "payloadRetentionHours" },
		{ BODY(",\"payloadRetentionHours\":1,\"deliverAt\":\"2026-11-18T12:06:40Z\""),
		    "deliverAt" },
		{ BODY(",\"payloadRetentionHours\":1,\"deliverAt\":\"2026-11-18T12:06:39Z\""),
		    NULL },
	};
	struct arena *a = arena_new();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct message_in in;
		const char *blamed = take(cases[i].body, a, &in);
		if (!blamed != !cases[i].blamed || (blamed && strcmp(blamed, cases[i].blamed) != 0))
			fail_msg("%s: %s", cases[i].body, blamed ? blamed : "-");
	}
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_of_it),
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_a_time_that_has_come),
		cmocka_unit_test(test_a_time_that_has_come),
		cmocka_unit_test(test_edges_of_the_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
