#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"

#include "unit.h"

#ifdef POSTHORN_FAULTS

static int
set(const char *text, struct err *e)
{
	faults_done();
	setenv("POSTHORN_FAULT", text, 1);
	return faults_init(e);
}

static void
set_well(const char *text)
{
	struct err e = { 0 };
	if (set(text, &e))
		fail_msg("%s: %s", text, e.text);
}

static void
test_nothing_is_asked(void **state)
{
	(void)state;
	struct err e;
	faults_done();
	unsetenv("POSTHORN_FAULT");
	assert_int_equal(faults_init(&e), 0);
	assert_null(fault_points);
	assert_false(fault_hit(FAULT_APPEND_SUBMIT));
}

static void
test_error_comes_once(void **state)
{
	(void)state;
	set_well("APPEND_SUBMIT:error:3");
	assert_false(fault_hit(FAULT_APPEND_SUBMIT));
	assert_false(fault_hit(FAULT_APPEND_ANSWER));
	assert_false(fault_hit(FAULT_APPEND_SUBMIT));
	assert_true(fault_hit(FAULT_APPEND_SUBMIT));
	assert_false(fault_hit(FAULT_APPEND_SUBMIT));
	assert_string_equal(fault_code(), "");
}

static void
test_error_comes_again(void **state)
{
	(void)state;
	set_well(" PG_TRANSACTION:error=40001:2+, BEAT_SUBMIT:delay=1ms");
	for (int i = 1; i <= 6; i++)
		assert_int_equal(fault_hit(FAULT_PG_TRANSACTION), i % 2 == 0);
	assert_string_equal(fault_code(), "40001");
	assert_false(fault_hit(FAULT_BEAT_SUBMIT));
}

/* The count is of all processes, and what killed one does not kill the next. */
static void
test_crash_is_shared(void **state)
{
	(void)state;
	set_well("BEAT_ANSWER:crash:2");
	assert_false(fault_hit(FAULT_BEAT_ANSWER));
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0)
			_exit(fault_hit(FAULT_BEAT_ANSWER));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WIFSIGNALED(status), i == 0);
	}
}

static void
test_mistakes_are_told(void **state)
{
	(void)state;
	static const char *const mistakes[] = { "", "x", "APPEND", "APPEND_SUBMIT",
		"APPEND_SUBMIT:", "APPEND_SUBMIT:wrong", "APPEND_SUBMIT:crash=1",
		"APPEND_SUBMIT:error=12345678", "APPEND_SUBMIT:delay", "APPEND_SUBMIT:delay=ms",
		"APPEND_SUBMIT:delay=200", "APPEND_SUBMIT:delay=0ms", "APPEND_SUBMIT:crash:0",
		"APPEND_SUBMIT:crash:-1", "APPEND_SUBMIT:crash:1:2", "APPEND_SUBMIT:crash:+",
		"NONE:crash", "APPEND_SUBMIT:crash," };
	for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
		struct err e;
		if (set(mistakes[i], &e) == 0)
			fail_msg("'%s' was taken", mistakes[i]);
		assert_int_equal(e.kind, ERR_CONFIG);
	}
}

#else

static void
test_nothing_is_asked(void **state)
{
	(void)state;
	assert_false(fault_hit(FAULT_APPEND_SUBMIT));
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_asked),
#ifdef POSTHORN_FAULTS
		cmocka_unit_test(test_error_comes_once),
		cmocka_unit_test(test_error_comes_again),
		cmocka_unit_test(test_crash_is_shared),
		cmocka_unit_test(test_mistakes_are_told),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
