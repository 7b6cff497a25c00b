/* The resolver's memory: what goes in comes out, until its time is over or others need its place.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "http/name_cache.h"
#include "unit.h"

static struct resolver_answer
answer_of(const char *const *ips, int n)
{
	struct resolver_answer a = { .result = RESOLVED_OK, .n = n };
	for (int i = 0; i < n; i++) {
		bool v4 = !strchr(ips[i], ':');
		struct sockaddr_in *sin = (struct sockaddr_in *)&a.address[i];
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.address[i];
		a.address[i].ss_family = v4 ? AF_INET : AF_INET6;
		inet_pton(a.address[i].ss_family, ips[i],
		    v4 ? (void *)&sin->sin_addr : (void *)&sin6->sin6_addr);
	}
	return a;
}

static void
test_round_trip(void **state)
{
	static const char *const ips[] = { "1.1.1.1", "255.255.255.255", "2606:4700::1111", "::" };
	(void)state;
	struct name_cache *c = name_cache_new(10);
	struct resolver_answer in = answer_of(ips, 4), out;
	memset(&out, 0xff, sizeof(out));
	name_cache_put(c, "a.example", &in, 100);
	assert_true(name_cache_get(c, "a.example", 99, &out));
	assert_int_equal(out.result, RESOLVED_OK);
	assert_int_equal(out.n, 4);
	for (int i = 0; i < 4; i++)
		assert_memory_equal(&out.address[i], &in.address[i], sizeof(in.address[i]));
	assert_string_equal(out.detail, "");

	struct resolver_answer failed = { .result = RESOLVED_FAILED, .detail = "no such name" };
	name_cache_put(c, "a.example", &failed, 200); /* replaces */
	assert_int_equal(name_cache_count(c), 1);
	assert_true(name_cache_get(c, "a.example", 199, &out));
	assert_int_equal(out.result, RESOLVED_FAILED);
	assert_int_equal(out.n, 0);
	assert_string_equal(out.detail, "no such name");

	/* The longest detail, and the most addresses. */
	memset(failed.detail, 'x', sizeof(failed.detail) - 1);
	failed.n = RESOLVER_ADDRESSES_MAX;
	for (int i = 0; i < failed.n; i++)
		failed.address[i] = in.address[0];
	name_cache_put(c, "b.example", &failed, 200);
	assert_true(name_cache_get(c, "b.example", 0, &out));
	assert_string_equal(out.detail, failed.detail);
	assert_int_equal(out.n, RESOLVER_ADDRESSES_MAX);
	name_cache_free(c);
}

static void
test_time(void **state)
{
	(void)state;
	struct name_cache *c = name_cache_new(10);
	struct resolver_answer a = { .result = RESOLVED_BLOCKED }, out;
	name_cache_put(c, "a.example", &a, 100);
	assert_false(name_cache_get(c, "b.example", 0, &out));
	assert_true(name_cache_get(c, "a.example", 99, &out));
	assert_false(name_cache_get(c, "a.example", 100, &out));
	assert_int_equal(name_cache_count(c), 0);
	assert_false(name_cache_get(c, "a.example", 0, &out));
	name_cache_free(c);
}

static void
test_bound(void **state)
{
	(void)state;
	struct name_cache *c = name_cache_new(3);
	struct resolver_answer a = { .result = RESOLVED_BLOCKED }, out;
	char name[32];
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		name_cache_put(c, name, &a, 100);
	}
	assert_true(name_cache_get(c, "n0.example", 0, &out)); /* so n1 is the least recent */
	name_cache_put(c, "n3.example", &a, 100);
	assert_int_equal(name_cache_count(c), 3);
	assert_false(name_cache_get(c, "n1.example", 0, &out));
	assert_true(name_cache_get(c, "n0.example", 0, &out));
	assert_true(name_cache_get(c, "n2.example", 0, &out));
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "m%d.example", i);
		name_cache_put(c, name, &a, 100);
	}
	assert_int_equal(name_cache_count(c), 3);
	name_cache_drop(c, "m9999.example");
	name_cache_drop(c, "m9999.example");
	assert_int_equal(name_cache_count(c), 2);
	name_cache_clear(c);
	assert_int_equal(name_cache_count(c), 0);
	name_cache_free(c);
	name_cache_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
