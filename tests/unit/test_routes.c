/* Unit tests of api/routes: the table has no row that cannot be reached, and paths find their rows.
 */
#include "base/attr.h"
#include "base/buf.h"

#include "api/routes.h"
#include "unit.h"

static struct arena *arena;

static struct route_match
find(enum http_method method, const char *path)
{
	struct route_match m;
	struct err e;
	assert_int_equal(route_find(method, str_of(path), arena, &m, &e), 0);
	return m;
}

/* The pattern with a value in the place of each {name}. */
static void
fill(struct buf *out, const char *pattern)
{
	buf_clear(out);
	for (const char *p = pattern; *p; p++) {
		if (*p != '{') {
			buf_addc(out, *p);
			continue;
		}
		buf_adds(out, "value-0");
		p = strchr(p, '}');
	}
}

static void
test_every_row_is_reached(void **state)
{
	struct buf path;
	(void)state;
	buf_init(&path, 1024);
	for (int i = 0; i < routes_count; i++) {
		fill(&path, routes[i].path);
		struct route_match m = find(routes[i].method, path.data);
		if (m.route != &routes[i])
			fail_msg("%s is hidden by another row", routes[i].path);
		buf_addc(&path, '/');
		assert_ptr_equal(find(routes[i].method, path.data).route, &routes[i]);
	}
	buf_free(&path);
}

/* Handlers behind ACCESS_APP take the application from the first placeholder. */
static void
test_access_by_application_names_one_first(void **state)
{
	(void)state;
	for (int i = 0; i < routes_count; i++) {
		const char *brace = strchr(routes[i].path, '{');
		if (routes[i].access == ACCESS_APP)
			assert_true(brace && strncmp(brace, "{app}", 5) == 0);
		assert_non_null(routes[i].handle);
	}
}

static void
test_params(void **state)
{
	(void)state;
	struct route_match m = find(HTTP_GET, "/app/a%2Fb/endpoint/%65p_1");
	assert_non_null(m.route);
	assert_int_equal(m.nparams, 2);
	assert_true(str_eq(m.params[0], STR("a/b")));
	assert_true(str_eq(m.params[1], STR("ep_1")));
	assert_ptr_equal(find(HTTP_HEAD, "/app/x").route, find(HTTP_GET, "/app/x").route);
}

static void
test_badly_encoded_params(void **state)
{
	struct route_match m;
	struct err e;
	(void)state;
	assert_int_equal(route_find(HTTP_GET, STR("/app/%zz"), arena, &m, &e), -1);
	assert_int_equal(e.kind, ERR_BAD_REQUEST);
	assert_int_equal(route_find(HTTP_GET, STR("/app/%00"), arena, &m, &e), -1);
}

static void
test_what_is_not_there(void **state)
{
	static const char *const paths[] = { "", "/", "//", "/nothing", "/app//endpoint",
		"/app/x//", "/app/x/y", "/App", "app", "/app/x/endpoint/y/secret/rotate/z", "/ap",
		"/appx" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct route_match m = find(HTTP_GET, paths[i]);
		assert_null(m.route);
		assert_string_equal(m.allow, "");
		assert_false(m.not_offered);
	}
}

static void
test_methods(void **state)
{
	(void)state;
	struct route_match m = find(HTTP_DELETE, "/app");
	assert_null(m.route);
	assert_string_equal(m.allow, "POST, GET, HEAD");
	assert_string_equal(find(HTTP_POST, "/health").allow, "GET, HEAD");
}

static void
test_families_not_offered(void **state)
{
	static const char *const paths[] = { "/stream", "/stream/s/sink", "/connector/",
		"/app/a/integration", "/app/a/integration/b/key",
		"/app/a/destination/b/transformation", "/auth/stream-logout" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_true(find(HTTP_POST, paths[i]).not_offered);
	assert_false(find(HTTP_GET, "/streams").not_offered);
}

/* Where there is a route, another method is not allowed (405), rather than not offered (501). */
static void
test_what_is_offered_is_in_no_such_family(void **state)
{
	struct buf path;
	(void)state;
	buf_init(&path, 1024);
	for (int i = 0; i < routes_count; i++) {
		fill(&path, routes[i].path);
		for (int method = HTTP_GET; method <= HTTP_DELETE; method++) {
			struct route_match m = find((enum http_method)method, path.data);
			if (!m.route && m.not_offered && routes[i].handle != call_not_offered)
				fail_msg("%s is in a family that is not offered", routes[i].path);
		}
	}
	buf_free(&path);
}

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_is_reached),
		cmocka_unit_test(test_access_by_application_names_one_first),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_badly_encoded_params),
		cmocka_unit_test(test_what_is_not_there),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_families_not_offered),
		cmocka_unit_test(test_what_is_offered_is_in_no_such_family),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
