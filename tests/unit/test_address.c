/* Unit tests of policy/address: every row of the registries with the addresses at its edges, the
 * forms that hide an IPv4 address, and the allow list. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "base/buf.h"

#include "policy/address.h"
#include "unit.h"

static struct sockaddr_storage
socket_address(const char *text)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
	if (inet_pton(AF_INET, text, &in->sin_addr) != 1) {
		ss.ss_family = AF_INET6;
		if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
			fail_msg("no address: %s", text);
	}
	in->sin_port = htons(443);
	return ss;
}

static bool
allowed(const struct address_policy *p, const char *text)
{
	const struct sockaddr_storage ss = socket_address(text);
	return address_allowed(p, (const struct sockaddr *)&ss);
}

struct edge {
	const char *first, *last;    /* of the block, both refused */
	const char *before, *behind; /* its neighbours, both allowed; NULL where they are not */
};

static void
check_edges(const struct edge *edges, size_t n)
{
	const struct address_policy none = { .n = 0 };
	for (size_t i = 0; i < n; i++) {
		if (allowed(&none, edges[i].first) || allowed(&none, edges[i].last))
			fail_msg("allowed: %s to %s", edges[i].first, edges[i].last);
		if (edges[i].before != NULL && !allowed(&none, edges[i].before))
			fail_msg("refused: %s", edges[i].before);
		if (edges[i].behind != NULL && !allowed(&none, edges[i].behind))
			fail_msg("refused: %s", edges[i].behind);
	}
}

/* IANA IPv4 special-purpose address registry, multicast, and platform addresses. */
static void
test_v4_rows(void **state)
{
	static const struct edge edges[] = {
		{ "0.0.0.0", "0.255.255.255", NULL, "1.0.0.0" },
		{ "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0" },
		{ "100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0" },
		{ "127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0" },
		{ "169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0" },
		{ "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0" },
		{ "192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0" },
		{ "192.0.0.8", "192.0.0.8", NULL, NULL },
		{ "192.0.0.9", "192.0.0.10", NULL, NULL },
		{ "192.0.0.170", "192.0.0.171", NULL, NULL },
		{ "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0" },
		{ "192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0" },
		{ "192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0" },
		{ "192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0" },
		{ "192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0" },
		{ "192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0" },
		{ "198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0" },
		{ "198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0" },
		{ "203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0" },
		{ "224.0.0.0", "239.255.255.255", "223.255.255.255", NULL },
		{ "240.0.0.0", "255.255.255.255", NULL, NULL },
		{ "168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17" },
		{ "192.80.8.124", "192.80.8.124", "192.80.8.123", "192.80.8.125" },
	};
	(void)state;
	check_edges(edges, ARRAY_LEN(edges));
}

/* IANA IPv6 special-purpose address registry, and what is outside 2000::/3. */
static void
test_v6_rows(void **state)
{
	static const struct edge edges[] = {
		{ "::", "::", NULL, NULL },
		{ "::1", "::1", NULL, NULL },
		{ "::2", "::ffff", NULL, NULL },
		{ "::ffff:0:0", "::ffff:0.255.255.255", NULL, "::ffff:1.0.0.0" },
		{ "64:ff9b::", "64:ff9b::ffff:ffff", NULL, NULL },
		{ "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "100::", "100::ffff:ffff:ffff:ffff", NULL, NULL },
		{ "100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "200::", "3ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "400::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2000::" },
		{ "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
		{ "2001:1::1", "2001:1::3", NULL, NULL },
		{ "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "2001:100::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2001:200::" },
		{ "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::" },
		{ "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::" },
		{ "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
		    "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::" },
		{ "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::" },
		{ "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
		{ "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
		{ "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, NULL },
	};
	(void)state;
	check_edges(edges, ARRAY_LEN(edges));
}

/* Addresses that others were found to let through, metadata services, and public ones. */
static void
test_known_addresses(void **state)
{
	static const char *const refused[] = {
		"169.254.169.254",
		"169.254.170.2",
		"169.254.170.23",
		"169.254.169.253",
		"169.254.169.123",
		"169.254.0.23",
		"169.254.42.42",
		"100.100.100.200",
		"192.0.0.192",
		"168.63.129.16",
		"192.80.8.124",
		"fd00:ec2::23",
		"fd00:ec2::254",
		"fd00:ec2::253",
		"fd20:ce::254",
		"fd00:c1::a9fe:a9fe",
		"fd00:42::42",
		"::ffff:169.254.169.254",
		"::ffff:127.0.0.1",
		"::ffff:0:127.0.0.1",
		"::127.0.0.1",
		"::8.8.8.8",
		"64:ff9b::a9fe:a9fe",
		"64:ff9b::7f00:1",
		"64:ff9b::808:808",
		"64:ff9b:1::808:808",
		"2002:a9fe:a9fe::1",
		"2002:808:808::1",
		"2001:0:7f00:1::8080:8080",
		"192.88.99.3",
		"233.252.0.16",
		"febf:ffff::1",
		"fd7a:115c:a1e0::1",
		"5f00::1",
		"100::1:2:3:4",
		"3fff::1",
		"0.0.0.0",
		"255.255.255.255",
	};
	static const char *const public[] = {
		"1.1.1.1",
		"8.8.8.8",
		"2001:4860:4860::8888",
		"2606:4700:4700::1111",
		"::ffff:8.8.8.8",
		"::ffff:808:808",
	};
	const struct address_policy none = { .n = 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		if (allowed(&none, refused[i]))
			fail_msg("allowed: %s", refused[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(public); i++) {
		if (!allowed(&none, public[i]))
			fail_msg("refused: %s", public[i]);
	}
}

static void
test_isatap(void **state)
{
	const struct address_policy none = { .n = 0 };
	(void)state;
	assert_false(allowed(&none, "2606:4700::5efe:127.0.0.1"));
	assert_false(allowed(&none, "2606:4700::200:5efe:10.0.0.1"));
	assert_false(allowed(&none, "2606:4700::200:5efe:8.8.8.8"));
	assert_true(allowed(&none, "2606:4700::100:5efe:8.8.8.8"));
	assert_true(allowed(&none, "2606:4700::5eff:8.8.8.8"));
	assert_true(allowed(&none, "2606:4700::1:5efe:8.8.8.8"));
}

static void
test_other_families(void **state)
{
	const struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/x" };
	const struct sockaddr_storage unset = { .ss_family = AF_UNSPEC };
	struct address_policy p;
	struct err e;
	(void)state;
	assert_int_equal(address_policy_parse(STR("0.0.0.0/0,::/0"), &p, &e), 0);
	assert_false(address_allowed(&p, (const struct sockaddr *)&un));
	assert_false(address_allowed(&p, (const struct sockaddr *)&unset));
}

static void
test_allow_list(void **state)
{
	static const struct {
		const char *list;
		const char *address;
		bool allowed;
	} cases[] = {
		{ "", "127.0.0.1", false },
		{ "  \t", "127.0.0.1", false },
		{ "127.0.0.0/8", "127.0.0.1", true },
		{ "127.0.0.0/8", "127.255.255.255", true },
		{ "127.0.0.0/8", "::ffff:127.0.0.1", true },
		{ "127.0.0.0/8", "::1", false },
		{ "127.0.0.0/8", "::127.0.0.1", false },
		{ "127.0.0.0/8", "64:ff9b::127.0.0.1", false },
		{ "127.0.0.0/8", "10.0.0.1", false },
		{ "127.0.0.0/8", "8.8.8.8", true },
		{ " 127.0.0.0/8 ,\t::1/128 ", "::1", true },
		{ "10.1.2.3", "10.1.2.3", true },
		{ "10.1.2.3", "10.1.2.2", false },
		{ "10.1.2.3/32", "10.1.2.4", false },
		{ "10.1.2.2/31", "10.1.2.3", true },
		{ "10.1.2.2/31", "10.1.2.4", false },
		{ "10.128.0.0/9", "10.128.0.0", true },
		{ "10.128.0.0/9", "10.127.255.255", false },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "::ffff:10.0.0.1", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "::1", true },
		{ "::/0", "fd00::1", true },
		{ "::/0", "127.0.0.1", false },
		{ "::/0", "::ffff:127.0.0.1", false },
		{ "::/80", "::ffff:127.0.0.1", false },
		{ "::ffff:10.0.0.0/104", "10.9.8.7", true },
		{ "::ffff:10.0.0.0/104", "11.0.0.1", true },
		{ "::ffff:10.0.0.0/104", "127.0.0.1", false },
		{ "fd00::/8", "fd12::1", true },
		{ "fd00::/8", "fc12::1", false },
		{ "FD00:0:0::/44", "fd00:0:f::", true },
		{ "fd00:0:0::/44", "fd00:0:10::", false },
		{ "64:ff9b::/96", "64:ff9b::808:808", true },
		{ "fe80::1", "fe80::1", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct address_policy p;
		struct err e = { 0 };
		if (address_policy_parse(str_of(cases[i].list), &p, &e) != 0)
			fail_msg("%s: %s", cases[i].list, e.text);
		if (allowed(&p, cases[i].address) != cases[i].allowed)
			fail_msg("'%s' and %s", cases[i].list, cases[i].address);
	}
}

static void
test_bad_lists(void **state)
{
	static const struct {
		const char *list;
		const char *reason;
	} cases[] = {
		{ ",", "range 1: an address" },
		{ "10.0.0.0/8,", "range 2: an address" },
		{ "10.0.0.0/8,,::1", "range 2: an address" },
		{ "/8", "an address" },
		{ "10.0.0.0/", "prefix length" },
		{ "10.0.0.0/33", "up to 32" },
		{ "10.0.0.0/-1", "prefix length" },
		{ "10.0.0.0/ 8", "prefix length" },
		{ "10.0.0.0/8x", "prefix length" },
		{ "10.0.0.0/8/8", "prefix length" },
		{ "10.0.0.0/99999999999999999999", "prefix length" },
		{ "::/129", "up to 128" },
		{ "10.0.0.1/8", "bits set" },
		{ "10.0.0.0/6", "bits set" },
		{ "0.0.0.1/0", "bits set" },
		{ "fd00::1/64", "bits set" },
		{ "::1/0", "bits set" },
		{ "10.0.0/8", "not an" },
		{ "10.0.0.0.0/8", "not an" },
		{ "010.0.0.0/8", "not an" },
		{ "0x0a.0.0.0/8", "not an" },
		{ "256.0.0.0", "not an" },
		{ "167772160", "not an" },
		{ "localhost", "not an" },
		{ "[::1]", "not an" },
		{ "fe80::1%lo", "not an" },
		{ "10.0.0.0 10.0.0.1", "not an" },
		{ "1:2:3:4:5:6:7:8:9", "not an" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", "not an" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct address_policy p = { .n = -7 };
		struct err e = { 0 };
		if (address_policy_parse(str_of(cases[i].list), &p, &e) != -1)
			fail_msg("accepted: %s", cases[i].list);
		assert_int_equal(p.n, -7); /* written only on success */
		assert_int_equal(e.kind, ERR_INVALID);
		if (strstr(e.text, cases[i].reason) == NULL)
			fail_msg("%s: %s", cases[i].list, e.text);
	}
	struct address_policy p;
	struct err e;
	assert_int_equal(address_policy_parse(STR("10.0.0.1\0.2"), &p, &e), -1);
}

static void
test_list_limit(void **state)
{
	(void)state;
	for (int n = ADDRESS_RANGES_MAX; n <= ADDRESS_RANGES_MAX + 1; n++) {
		struct buf b;
		struct address_policy p;
		struct err e;
		buf_init(&b, 1 << 16);
		for (int i = 0; i < n; i++)
			buf_addf(&b, "%s10.0.0.%d", i == 0 ? "" : ",", i);
		const int rc = address_policy_parse((struct str){ b.data, b.len }, &p, &e);
		assert_int_equal(rc, n <= ADDRESS_RANGES_MAX ? 0 : -1);
		if (rc == 0) {
			assert_int_equal(p.n, n);
			assert_true(allowed(&p, "10.0.0.63"));
			assert_false(allowed(&p, "10.0.0.64"));
		}
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4_rows),
		cmocka_unit_test(test_v6_rows),
		cmocka_unit_test(test_known_addresses),
		cmocka_unit_test(test_isatap),
		cmocka_unit_test(test_other_families),
		cmocka_unit_test(test_allow_list),
		cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_list_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
