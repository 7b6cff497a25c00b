/* Unit tests of base/metric: rows that are shared between processes, sums, and the text format. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/metric.h"

#include "unit.h"

static struct buf page;

/* The value of a line that begins with name (labels included); fails when there is none. */
static const char *
rendered(const char *name)
{
	static char value[64];
	char start[256];
	snprintf(start, sizeof(start), "\n%s ", name);
	buf_clear(&page);
	buf_addc(&page, '\n');
	metric_render(&page);
	assert_false(page.failed);
	const char *at = strstr(page.data, start);
	if (!at)
		fail_msg("no %s", name);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + strlen(start), "\n"),
	    at + strlen(start));
	return value;
}

/* Without a page each process counts on its own. Runs first. */
static void
test_private(void **state)
{
	(void)state;
	assert_int_equal(metric_workers(), 1);
	metric_add(METRIC_ACCEPTED, 3);
	assert_int_equal(metric_sum(METRIC_ACCEPTED), 3);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 0), 3);
}

static void
in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
count_as_worker_1(void)
{
	metric_row_set(1);
	metric_add(METRIC_ACCEPTED, 10);
	metric_set(METRIC_LANES, 7);
	metric_set(METRIC_LAG, 2500000);
	metric_observe(METRIC_H_ACCEPT, 150);
}

static void
test_shared(void **state)
{
	(void)state;
	metric_page_init(3);
	assert_int_equal(metric_workers(), 3);
	metric_row_set(0);
	assert_int_equal(metric_sum(METRIC_ACCEPTED), 0); /* the private row is gone */
	metric_add(METRIC_ACCEPTED, 5);
	metric_set(METRIC_LANES, 2);
	metric_set(METRIC_LAG, 1000000);
	in_child(count_as_worker_1);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 0), 5);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 1), 10);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 2), 0);
	assert_int_equal(metric_sum(METRIC_ACCEPTED), 15);
	assert_int_equal(metric_sum(METRIC_LANES), 9);     /* a gauge adds up */
	assert_int_equal(metric_sum(METRIC_LAG), 2500000); /* of this one the largest counts */
	assert_string_equal(rendered("posthorn_events_accepted_total"), "15");
	assert_string_equal(rendered("posthorn_lanes"), "9");
	assert_string_equal(rendered("posthorn_lag_seconds"), "2.500000");
}

/* Of these every worker's is shown, and no sum. */
static void
test_each(void **state)
{
	(void)state;
	metric_page_init(2);
	metric_row_set(0);
	metric_add(METRIC_HTTP_CONNECTIONS, 3);
	metric_set(METRIC_BUSY, 250000);
	assert_string_equal(rendered("posthorn_http_connections{worker=\"0\"}"), "3");
	assert_string_equal(rendered("posthorn_http_connections{worker=\"1\"}"), "0");
	assert_string_equal(rendered("posthorn_worker_busy_ratio{worker=\"0\"}"), "0.250000");
	assert_null(strstr(page.data, "\nposthorn_http_connections "));
	assert_int_equal(metric_sum(METRIC_HTTP_CONNECTIONS), 3);
}

/* What the supervisor does to the row of a worker that it stops, or that has died. */
static void
test_row_of_another(void **state)
{
	(void)state;
	metric_page_init(2);
	in_child(count_as_worker_1);
	metric_row_set(0);
	metric_set(METRIC_LANES, 1);
	metric_put(METRIC_LANES, 1, 6);
	assert_int_equal(metric_get(METRIC_LANES, 1), 6);
	metric_row_clear(1);
	assert_int_equal(metric_get(METRIC_LANES, 1), 0);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 1), 10);
	assert_int_equal(metric_own(METRIC_LANES), 1);
}

/* A worker that takes up the row of a dead one keeps its counters, not its gauges. */
static void
test_row_taken_up(void **state)
{
	(void)state;
	metric_page_init(2);
	in_child(count_as_worker_1);
	metric_row_set(1);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 1), 10);
	assert_int_equal(metric_get(METRIC_LANES, 1), 0);
	assert_int_equal(metric_get(METRIC_LAG, 1), 0);
	assert_string_equal(rendered("posthorn_accept_seconds_count"), "1");
	metric_add(METRIC_ACCEPTED, 1);
	metric_add(METRIC_LANES, 4);
	metric_add(METRIC_LANES, -1);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 1), 11);
	assert_int_equal(metric_get(METRIC_LANES, 1), 3);
	assert_int_equal(metric_get(METRIC_ACCEPTED, 0), 0);
}

static void
test_histogram(void **state)
{
	static const struct {
		const char *bucket;
		const char *wanted;
	} cases[] = {
		{ "posthorn_accept_seconds_bucket{le=\"0.0001\"}", "3" }, /* bounds are inclusive */
		{ "posthorn_accept_seconds_bucket{le=\"0.00025\"}", "4" },
		{ "posthorn_accept_seconds_bucket{le=\"0.0005\"}", "4" },
		{ "posthorn_accept_seconds_bucket{le=\"30\"}", "4" },
		{ "posthorn_accept_seconds_bucket{le=\"60\"}", "5" },
		{ "posthorn_accept_seconds_bucket{le=\"+Inf\"}", "6" },
		{ "posthorn_accept_seconds_count", "6" },
		{ "posthorn_accept_seconds_sum", "120.000302" },
		{ "posthorn_append_seconds_count", "0" },
		{ "posthorn_append_seconds_sum", "0.000000" },
	};
	static const int64_t observed_us[] = { 0, 100, 100, 101, 60000000, 60000001 };
	(void)state;
	metric_page_init(2);
	for (size_t i = 0; i < ARRAY_LEN(observed_us); i++) {
		metric_row_set((int)i % 2);
		metric_observe(METRIC_H_ACCEPT, observed_us[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(rendered(cases[i].bucket), cases[i].wanted);
}

static bool
seen_before(const char *type_line)
{
	char line[256];
	snprintf(line, sizeof(line), "\n%.*s\n", (int)strcspn(type_line, "\n"), type_line);
	const char *first = strstr(page.data, line);
	assert_non_null(first);
	return strstr(first + 1, line) != NULL;
}

/* The format as Prometheus reads it: # HELP and # TYPE once for each name and before its rows. */
static void
test_format(void **state)
{
	char current[128] = "";
	int families = 0;
	(void)state;
	metric_page_init(METRIC_WORKERS_MAX);
	buf_clear(&page);
	buf_addc(&page, '\n');
	metric_render(&page);
	assert_false(page.failed);
	assert_int_equal(page.data[page.len - 1], '\n');
	for (const char *line = page.data + 1; *line; line = strchr(line, '\n') + 1) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			size_t n = strcspn(line + 7, " \n");
			snprintf(current, sizeof(current), "%.*s", (int)n, line + 7);
			assert_int_equal(line[7 + n], ' ');
			assert_true(line[8 + n] != '\n'); /* there is help */
			families++;
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			assert_memory_equal(line + 7, current, strlen(current));
			assert_false(seen_before(line));
			bool total = strstr(current, "_total") != NULL;
			bool counter = strncmp(line + 7 + strlen(current), " counter\n", 9) == 0;
			assert_int_equal(total, counter);
		} else {
			assert_memory_equal(line, current, strlen(current));
			assert_memory_equal(current, "posthorn_", 9);
			assert_non_null(strchr(line, ' '));
		}
	}
	assert_true(families > 20);
}

/* No two rows of the table are the same series. */
static void
test_table(void **state)
{
	static const char *const series[] = {
#define COUNTER(name, text, labels, help)    text "{" labels "}",
#define GAUGE(name, text, labels, help)      text "{" labels "}",
#define GAUGE_MAX(name, text, labels, help)  text "{" labels "}",
#define GAUGE_EACH(name, text, labels, help) text "{" labels "}",
#include "base/metrics.def"
	};
	(void)state;
	assert_int_equal(ARRAY_LEN(series), METRIC_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(series); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(series[i], series[k]);
}

static int
set_up(void **state)
{
	(void)state;
	buf_init(&page, 1 << 20);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_free(&page);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_row_of_another),
		cmocka_unit_test(test_row_taken_up),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
