/* Unit tests of policy/classify: every status that means something, and every transport. */
#include "base/attr.h"

#include "policy/classify.h"
#include "unit.h"

static void
test_statuses(void **state)
{
	static const struct {
		int from;
		int to;
		enum outcome wanted;
	} ranges[] = {
		{ -1, 199, OUTCOME_RETRY }, /* no status, and informational ones that came last */
		{ 200, 299, OUTCOME_DELIVERED },
		{ 300, 409, OUTCOME_RETRY }, /* redirects are not followed */
		{ 410, 410, OUTCOME_GONE },
		{ 411, 428, OUTCOME_RETRY },
		{ 429, 429, OUTCOME_THROTTLE },
		{ 430, 501, OUTCOME_RETRY },
		{ 502, 504, OUTCOME_THROTTLE },
		{ 505, 1000, OUTCOME_RETRY },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		for (int status = ranges[i].from; status <= ranges[i].to; status++)
			if (classify(status, TRANSPORT_OK) != ranges[i].wanted)
				fail_msg("status %d", status);
}

static const struct {
	enum transport transport;
	const char *text;
	enum outcome wanted;
} transports[] = {
	{ TRANSPORT_TIMEOUT, "timeout", OUTCOME_RETRY },
	{ TRANSPORT_RESOLVE, "resolve", OUTCOME_RETRY },
	{ TRANSPORT_CONNECT, "connect", OUTCOME_RETRY },
	{ TRANSPORT_TLS, "tls", OUTCOME_RETRY },
	{ TRANSPORT_RESET, "reset", OUTCOME_RETRY },
	{ TRANSPORT_PROTOCOL, "protocol", OUTCOME_RETRY },
	{ TRANSPORT_BLOCKED, "blocked", OUTCOME_BLOCKED },
	{ TRANSPORT_ABORTED, "aborted", OUTCOME_RETRY },
};

static void
test_transports(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
		assert_int_equal(classify(0, transports[i].transport), transports[i].wanted);
		/* A status that came before the failure does not count. */
		assert_int_equal(classify(200, transports[i].transport), transports[i].wanted);
		assert_int_equal(classify(410, transports[i].transport), transports[i].wanted);
	}
}

static void
test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(transports); i++)
		assert_string_equal(transport_to_text(transports[i].transport), transports[i].text);
	assert_string_equal(transport_to_text(TRANSPORT_OK), "ok");
	assert_string_equal(outcome_to_text(OUTCOME_DELIVERED), "delivered");
	assert_string_equal(outcome_to_text(OUTCOME_RETRY), "retry");
	assert_string_equal(outcome_to_text(OUTCOME_THROTTLE), "throttle");
	assert_string_equal(outcome_to_text(OUTCOME_GONE), "gone");
	assert_string_equal(outcome_to_text(OUTCOME_BLOCKED), "blocked");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_transports),
		cmocka_unit_test(test_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
