/* Unit tests of base/log: both formats, levels, and that no value can break out of its line. */
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/utf8.h"

#include "unit.h"

static int ends[2]; /* of datagrams: one write, one line */
static char line[70000];

static int
set_up(void **state)
{
	(void)state;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends))
		return -1;
	log_set_fd(ends[0]);
	log_set_level(LOG_LEVEL_INFO);
	log_set_json(false);
	log_set_tag("");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_set_fd(STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* The one line that was written, without its time; "" when there was none. */
static const char *
written(void)
{
	ssize_t n = read(ends[1], line, sizeof(line) - 1);
	if (n < 0)
		return "";
	line[n] = '\0';
	assert_int_equal(line[n - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + n - 1);
	assert_true(utf8_valid(line, (size_t)n));
	line[n - 1] = '\0';
	const char *level = strstr(line, "level");
	assert_non_null(level);
	return level;
}

static void
test_logfmt(void **state)
{
	const bool up = true;
	(void)state;
	LOG_INFO(WORKER_START, KV("worker", 3), KV("pid", INT64_C(-5)), KV("up", up),
	    KV("load", 0.5), KV("name", "a b"), KV("bare", "x-1"), KV("slice", STR("y=z")));
	assert_string_equal(written(), "level=info event=worker.start worker=3 pid=-5 up=true "
				       "load=0.500 name=\"a b\" bare=x-1 slice=\"y=z\"");
	assert_memory_equal(line, "time=20", 7);
	assert_string_equal(written(), ""); /* one write a line */
}

static void
test_json(void **state)
{
	const bool up = false;
	(void)state;
	log_set_json(true);
	LOG_WARN(PG_LOST, KV("worker", 3), KV("up", up), KV("load", 0.25), KV("text", "a \"b\""),
	    KV("slice", STR("c")));
	assert_string_equal(written(), "level\":\"warn\",\"event\":\"pg.lost\",\"worker\":3,"
				       "\"up\":false,\"load\":0.250,\"text\":\"a \\\"b\\\"\","
				       "\"slice\":\"c\"}");
	assert_memory_equal(line, "{\"time\":\"20", 11);
}

static void
test_tag(void **state)
{
	(void)state;
	log_set_tag("worker-0");
	LOG_ERROR(FATAL, KV("n", 1));
	assert_string_equal(written(), "level=error event=fatal process=worker-0 n=1");
	log_set_json(true);
	LOG_ERROR(FATAL, KV("n", 1));
	assert_string_equal(
	    written(), "level\":\"error\",\"event\":\"fatal\",\"process\":\"worker-0\",\"n\":1}");
	log_set_tag("a tag that is much longer than the room that there is for it");
	LOG_ERROR(FATAL, KV("n", 1));
	assert_true(strlen(written()) > 0);
}

static void
test_levels(void **state)
{
	static const struct {
		const char *text;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "warn", LOG_LEVEL_WARN },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		enum log_level level;
		assert_int_equal(log_level_from_text(levels[i].text, &level), 0);
		assert_int_equal(level, levels[i].level);
		log_set_level(level);
		LOG_ERROR(FATAL, KV("n", 1));
		assert_string_not_equal(written(), "");
		LOG_WARN(FATAL, KV("n", 1));
		assert_int_equal(written()[0] != '\0', i >= 1);
		LOG_INFO(FATAL, KV("n", 1));
		assert_int_equal(written()[0] != '\0', i >= 2);
		LOG_DEBUG(FATAL, KV("n", 1));
		assert_int_equal(written()[0] != '\0', i >= 3);
	}
	enum log_level level = LOG_LEVEL_DEBUG;
	assert_int_equal(log_level_from_text("INFO", &level), -1);
	assert_int_equal(log_level_from_text("", &level), -1);
	assert_int_equal(log_level_from_text("infos", &level), -1);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
}

/* Arguments of a line that is not written are not evaluated. */
static void
test_disabled_costs_nothing(void **state)
{
	int calls = 0;
	(void)state;
	LOG_DEBUG(FATAL, KV("n", ++calls));
	assert_int_equal(calls, 0);
}

static void
test_hostile_values(void **state)
{
	const struct {
		struct str value;
		const char *logfmt;
	} cases[] = {
		{ STR(""), "\"\"" },
		{ { NULL, 0 }, "\"\"" },
		{ STR("\n"), "\"\\n\"" },
		{ STR("x\nlevel=error event=forged"), "\"x\\nlevel=error event=forged\"" },
		{ STR("a=b"), "\"a=b\"" },
		{ STR("\""), "\"\\\"\"" },
		{ STR("\\"), "\"\\\\\"" },
		{ STR("\0"), "\"\\u0000\"" },
		{ STR("\x1b[31m"), "\"\\u001b[31m\"" },
		{ STR("\x7f"), "\"\\u007f\"" },
		{ STR("\xff"), "\"\xef\xbf\xbd\"" },
		{ STR("Zo\xc3\xab"), "\"Zo\xc3\xab\"" },
		{ STR("\xc2\x9b"), "\"\xc2\x9b\"" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		log_set_json(false);
		LOG_INFO(FATAL, KV("v", cases[i].value));
		assert_string_equal(
		    written() + strlen("level=info event=fatal v="), cases[i].logfmt);
		log_set_json(true);
		LOG_INFO(FATAL, KV("v", cases[i].value));
		const char *json = strstr(written(), "\"v\":") + 4;
		assert_memory_equal(json, cases[i].logfmt, strlen(cases[i].logfmt));
		assert_string_equal(json + strlen(cases[i].logfmt), "}");
	}
	const char *none = NULL;
	log_set_json(false);
	LOG_INFO(FATAL, KV("v", none));
	assert_string_equal(written(), "level=info event=fatal v=\"\"");
}

/* JSON knows no NaN and no infinity: whatever stands for them must not break the line. */
static void
test_odd_doubles(void **state)
{
	const double odd[] = { (double)NAN, HUGE_VAL, -HUGE_VAL };
	(void)state;
	log_set_json(true);
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		LOG_INFO(FATAL, KV("v", odd[i]), KV("w", 1));
		assert_string_equal(strstr(written(), "\"v\":"), "\"v\":null,\"w\":1}");
	}
	LOG_INFO(FATAL, KV("v", 1e300));
	assert_true(strlen(written()) > 300);
}

static void
test_cut(void **state)
{
	static char long_text[5000];
	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	LOG_INFO(FATAL, KV("v", long_text));
	assert_int_equal(strlen(written()), strlen("level=info event=fatal v=") + 512);
	/* A character that the cut would halve becomes U+FFFD or is left out, but never half. */
	memcpy(long_text + 511, "\xc3\xab", 2);
	LOG_INFO(FATAL, KV("v", long_text));
	assert_true(strlen(written()) < 600);

	/* A line over the limit is dropped in favour of its name. Each value grows sixfold. */
	memset(long_text, 1, sizeof(long_text) - 1);
	LOG_INFO(FATAL, KV("a", long_text), KV("b", long_text), KV("c", long_text));
	const char *got = written();
	assert_memory_equal(got, "level=info event=fatal", 22);
	assert_true(strstr(got, "cut=true"));
	log_set_json(true);
	LOG_INFO(FATAL, KV("a", long_text), KV("b", long_text), KV("c", long_text));
	written();
	assert_int_equal(line[0], '{'); /* still JSON */
	assert_int_equal(line[strlen(line) - 1], '}');
	assert_non_null(strstr(line, "\"event\":\"fatal\""));
}

/* Names of events are stable, unique and plain. */
static void
test_event_names(void **state)
{
	static const char *const names[] = {
#define X(name, text, help) text,
#include "base/log_events.def"
#undef X
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(
		    strspn(names[i], "abcdefghijklmnopqrstuvwxyz._"), strlen(names[i]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_logfmt, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_json, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tag, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_levels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_disabled_costs_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_odd_doubles, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
		cmocka_unit_test(test_event_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
