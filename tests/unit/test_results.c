/* Unit tests of posthorn-bench's reader of the answers to batches. */
#include "base/attr.h"

#include "results.h"
#include "unit.h"

/* A letter for each of n events: accepted, refused, none. */
static const char *
read_all(struct str body, int n)
{
	static char text[16];
	struct results r;
	assert_true(n < (int)sizeof(text));
	results_begin(&r, body);
	for (int i = 0; i < n; i++)
		text[i] = "arn"[results_next(&r)];
	text[n] = '\0';
	return text;
}

static void
test_results(void **state)
{
	(void)state;
	assert_string_equal(
	    read_all(
		STR("{\"accepted\":2,\"refused\":1,\"data\":[{\"status\":202,\"id\":\"msg_1\"},"
		    "{\"status\":422,\"detail\":[{\"loc\":[\"body\"]}]},{\"status\":202}]}"),
		3),
	    "ara");
	assert_string_equal(
	    read_all(STR("{\"data\":[{\"status\":503},{\"status\":409}]}"), 2), "rr");
}

static void
test_answers_that_do_not_say(void **state)
{
	(void)state;
	assert_string_equal(read_all(STR("{}"), 2), "nn");
	assert_string_equal(read_all(STR("{\"data\":{}}"), 2), "nn");
	assert_string_equal(read_all(STR("<html>"), 2), "nn");
	assert_string_equal(read_all((struct str){ NULL, 0 }, 2), "nn");
	assert_string_equal(read_all(STR("{\"data\":[{\"status\":202}]}"), 3), "ann");
	assert_string_equal(
	    read_all(STR("{\"data\":[{\"status\":\"202\"},{},{\"status\":2}]}"), 3), "nnn");
	assert_string_equal(read_all(STR("{\"data\":[1,{\"status\":202}]}"), 2), "nn");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_answers_that_do_not_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
