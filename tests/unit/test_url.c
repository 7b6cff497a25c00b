/* Unit tests of policy/url: canonical forms, refusals with their reasons, hostile spellings. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#include "policy/url.h"
#include "unit.h"

static const struct url_policy strict = { .https_only = false, .internal_names = false };
static const struct url_policy development = { .https_only = false, .internal_names = true };

/* The canonical form, which must also be what the canonical form parses to. */
static struct url
parsed(const char *text, const struct url_policy *p)
{
	struct url u, again;
	struct err e = { 0 };
	if (url_parse(str_of(text), p, &u, &e) != 0)
		fail_msg("%s: refused: %s", text, e.text);
	if (url_parse(str_of(u.text), p, &again, &e) != 0)
		fail_msg("%s: canonical %s refused: %s", text, u.text, e.text);
	assert_string_equal(u.text, again.text);
	assert_string_equal(u.host, again.host);
	assert_int_equal(u.port, again.port);
	assert_int_equal(u.literal, again.literal);
	return u;
}

static void
assert_refused(struct str text, const struct url_policy *p, const char *reason)
{
	struct url u = { .port = -7 };
	struct err e = { 0 };
	if (url_parse(text, p, &u, &e) != -1)
		fail_msg("accepted: %.*s as %s", STR_FMT(text), u.text);
	assert_int_equal(e.kind, ERR_INVALID);
	assert_int_equal(u.port, -7); /* written only on success */
	if (strstr(e.text, reason) == NULL)
		fail_msg("%.*s: %s", STR_FMT(text), e.text);
}

static void
test_canonical(void **state)
{
	static const struct {
		const char *text;
		const char *canonical;
		const char *host;
		int port;
	} cases[] = {
		{ "https://example.com", "https://example.com/", "example.com", 443 },
		{ "http://example.com", "http://example.com/", "example.com", 80 },
		{ "HTTPS://Example.COM/Path?Q=R", "https://example.com/Path?Q=R", "example.com",
		    443 },
		{ "https://example.com:443/", "https://example.com/", "example.com", 443 },
		{ "https://example.com:0443/", "https://example.com/", "example.com", 443 },
		{ "https://example.com:80/", "https://example.com:80/", "example.com", 80 },
		{ "http://example.com:443/", "http://example.com:443/", "example.com", 443 },
		{ "https://example.com:/", "https://example.com/", "example.com", 443 },
		{ "https://example.com:65535", "https://example.com:65535/", "example.com", 65535 },
		{ "https://example.com?a=b", "https://example.com/?a=b", "example.com", 443 },
		{ "https://example.com./x", "https://example.com/x", "example.com", 443 },
		{ "https://a.b/c/../d/./e", "https://a.b/d/e", "a.b", 443 },
		{ "https://a.b/../../x?y=/../z", "https://a.b/x?y=/../z", "a.b", 443 },
		{ "https://a.b//c", "https://a.b//c", "a.b", 443 },
		{ "https://a.b/%2F%2f%zz", "https://a.b/%2F%2f%zz", "a.b", 443 },
		{ "https://a.b/?a[]=1&b={c}|d", "https://a.b/?a[]=1&b=%7Bc%7D%7Cd", "a.b", 443 },
		{ "https://a.b/@c:d;e,f", "https://a.b/@c:d;e,f", "a.b", 443 },
		{ "https://a.b/\xc3\xa9?\xe2\x82\xac", "https://a.b/%C3%A9?%E2%82%AC", "a.b", 443 },
		{ "https://ex%61mple.%63om/", "https://example.com/", "example.com", 443 },
		{ "https://my_app.a-b--c.com/", "https://my_app.a-b--c.com/", "my_app.a-b--c.com",
		    443 },
		{ "https://r3---sn.a.com/", "https://r3---sn.a.com/", "r3---sn.a.com", 443 },
		{ "https://b\xc3\xbc"
		  "cher.de/",
		    "https://xn--bcher-kva.de/", "xn--bcher-kva.de", 443 },
		{ "https://B%C3%9Ccher.de/", "https://xn--bcher-kva.de/", "xn--bcher-kva.de", 443 },
		{ "https://XN--bcher-KVA.de/", "https://xn--bcher-kva.de/", "xn--bcher-kva.de",
		    443 },
		{ "https://fa\xc3\x9f.de/", "https://xn--fa-hia.de/", "xn--fa-hia.de", 443 },
		{ "https://a\xe3\x80\x82"
		  "com/",
		    "https://a.com/", "a.com", 443 },
		{ "https://\xe2\x91\xa0.com/", "https://1.com/", "1.com", 443 },
		{ "https://a\xc2\xad"
		  "b.com/",
		    "https://ab.com/", "ab.com", 443 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct url u = parsed(cases[i].text, &strict);
		assert_string_equal(u.text, cases[i].canonical);
		assert_string_equal(u.host, cases[i].host);
		assert_int_equal(u.port, cases[i].port);
		assert_int_equal(u.https, cases[i].canonical[4] == 's');
		assert_false(u.literal);
	}
}

/* Every way that is known to write an address comes out as that address. */
static void
test_literals(void **state)
{
	static const struct {
		const char *host;
		const char *canonical;
	} cases[] = {
		{ "8.8.8.8", "8.8.8.8" },
		{ "127.0.0.1.", "127.0.0.1" },
		{ "127.1", "127.0.0.1" },
		{ "127.0.1", "127.0.0.1" },
		{ "2130706433", "127.0.0.1" },
		{ "0x7f000001", "127.0.0.1" },
		{ "0X7F000001", "127.0.0.1" },
		{ "0177.0.0.1", "127.0.0.1" },
		{ "017700000001", "127.0.0.1" },
		{ "0x7f.0.0.1", "127.0.0.1" },
		{ "0x7f.1", "127.0.0.1" },
		{ "%31%32%37.0.0.1", "127.0.0.1" },
		{ "%30x7%66.1", "127.0.0.1" },
		{ "127%2e0%2E0.1", "127.0.0.1" },
		{ "0", "0.0.0.0" },
		{ "4294967295", "255.255.255.255" },
		{ "169.254.43518", "169.254.169.254" },
		{ "0xa9fea9fe", "169.254.169.254" },
		/* fullwidth digits, full stops of other scripts, circled digits */
		{ "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1", "127.0.0.1" },
		{ "127\xe3\x80\x82"
		  "0\xef\xbc\x8e"
		  "0\xef\xbd\xa1"
		  "1",
		    "127.0.0.1" },
		{ "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.\xe2\x91\xa0", "127.0.0.1" },
		{ "%EF%BC%91%EF%BC%92%EF%BC%97.1", "127.0.0.1" },
		{ "\xef\xbc\x90\xef\xbd\x98\xef\xbc\x97\xef\xbd\x86.1", "127.0.0.1" },
		{ "[::1]", "[::1]" },
		{ "[0:0:0::0:1]", "[::1]" },
		{ "[2001:DB8::A]", "[2001:db8::a]" },
		{ "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]" },
		{ "[::ffff:7f00:1]", "[::ffff:127.0.0.1]" },
		{ "[64:ff9b::7f00:1]", "[64:ff9b::7f00:1]" },
		{ "[::127.0.0.1]", "[::127.0.0.1]" },
		{ "[2606:4700:0000:0000:0000:0000:0000:1111]", "[2606:4700::1111]" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[128], wanted[128];
		snprintf(text, sizeof(text), "http://%s:8080/x", cases[i].host);
		snprintf(wanted, sizeof(wanted), "http://%s:8080/x", cases[i].canonical);
		const struct url u = parsed(text, &strict);
		assert_string_equal(u.text, wanted);
		assert_true(u.literal);
		assert_int_equal(u.port, 8080);
		const bool bracketed = cases[i].canonical[0] == '[';
		const size_t n = strlen(cases[i].canonical) - (bracketed ? 2 : 0);
		assert_int_equal(strlen(u.host), n);
		assert_memory_equal(u.host, cases[i].canonical + (bracketed ? 1 : 0), n);
	}
}

struct refusal {
	struct str text;
	const char *reason; /* a part of it */
};

/* No policy makes these good. */
static void
check_refusals(const struct refusal *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_refused(cases[i].text, &strict, cases[i].reason);
		assert_refused(cases[i].text, &development, cases[i].reason);
	}
}

static void
test_refuses_structure(void **state)
{
	const struct refusal cases[] = {
		{ STR(""), "must start with" },
		{ STR("example.com"), "must start with" },
		{ STR("//example.com/"), "must start with" },
		{ STR("https:"), "must start with" },
		{ STR("https:/example.com/"), "must start with" },
		{ STR("https:example.com"), "must start with" },
		{ STR("ftp://example.com/"), "must start with" },
		{ STR("file:///etc/passwd"), "must start with" },
		{ STR("gopher://example.com/"), "must start with" },
		{ STR("javascript:alert(1)"), "must start with" },
		{ STR("httpss://example.com/"), "must start with" },
		{ STR("https://"), "no host" },
		{ STR("https:///"), "no host" },
		{ STR("https:///example.com/"), "no host" },
		{ STR("https://?x"), "no host" },
		{ STR("https://:443/"), "no host" },
		{ STR("https://[]/"), "no host" },
		{ STR("https://user@example.com/"), "user information" },
		{ STR("https://user:pw@127.0.0.1/"), "user information" },
		{ STR("https://@example.com/"), "user information" },
		{ STR("https://example.com@127.0.0.1/"), "user information" },
		{ STR("https://127.0.0.1#@example.com/"), "fragment" },
		{ STR("https://example.com/#"), "fragment" },
		{ STR("https://127.0.0.1\\@example.com/"), "backslash" },
		{ STR("https:\\\\example.com/"), "backslash" },
		{ STR("https://example.com/a\\b"), "backslash" },
		{ STR(" https://example.com/"), "blank" },
		{ STR("https://example.com/ "), "blank" },
		{ STR("https://exam ple.com/"), "blank" },
		{ STR("https://example.com/\t"), "blank" },
		{ STR("https://example.com/\r\nHost: x"), "blank" },
		{ STR("https://example.com\0.evil.com/"), "blank" },
		{ STR("https://example.com/\x7f"), "blank" },
	};
	(void)state;
	check_refusals(cases, ARRAY_LEN(cases));
}

static void
test_refuses_hosts(void **state)
{
	const struct refusal cases[] = {
		{ STR("https://127.0.0.1%40example.com/"), "not a domain name" },
		{ STR("https://example.com/\xff"), "UTF-8" },
		{ STR("https://\xc0\xaf.com/"), "UTF-8" },
		{ STR("https://%ff.com/"), "not a domain name" },
		{ STR("https://example%00.com/"), "malformed" },
		{ STR("https://example%2.com/"), "malformed" },
		{ STR("https://example.com%/"), "malformed" },
		{ STR("https://example.com%4/"), "malformed" },
		{ STR("https://%2531.com/"), "not a domain name" },
		{ STR("https://a%2fb.com/"), "not a domain name" },
		{ STR("https://a%20b.com/"), "not a domain name" },
		{ STR("https://a.com%3a80/"), "not a domain name" },
		{ STR("https://%5b::1%5d/"), "port" },
		{ STR("https://a..b.com/"), "not a domain name" },
		{ STR("https://.a.com/"), "not a domain name" },
		{ STR("https://a.com../"), "not a domain name" },
		{ STR("https://./"), "not a domain name" },
		{ STR("https://*.a.com/"), "not a domain name" },
		{ STR("https://a,b.com/"), "not a domain name" },
		{ STR("https://a!b.com/"), "not a domain name" },
		/* IDNA: a/c in one character, fullwidth brackets, joiner alone, nothing left */
		{ STR("https://x\xe2\x84\x80.com/"), "not a domain name" },
		{ STR("https://\xef\xbc\xbb::1\xef\xbc\xbd/"), "port" },
		{ STR("https://\xef\xbc\xbb\xef\xbc\xbd.com/"), "not a domain name" },
		{ STR("https://\xe2\x80\x8d.com/"), "not a domain name" },
		{ STR("https://\xc2\xad/"), "not a domain name" },
		{ STR("https://-\xc3\xa4.com/"), "not a domain name" },
		{ STR("https://xn--\xc3\xa4.com/"), "not a domain name" },
		{ STR("https://[::1/"), "IPv6" },
		{ STR("https://::1]/"), "no host" },
		{ STR("https://::1/"), "no host" },
		{ STR("https://[::1]x/"), "IPv6" },
		{ STR("https://[::1]]/"), "IPv6" },
		{ STR("https://[127.0.0.1]/"), "IPv6" },
		{ STR("https://[fe80::1%25lo]/"), "IPv6" },
		{ STR("https://[fe80::1%lo]/"), "IPv6" },
		{ STR("https://[%3a%3a1]/"), "IPv6" },
		{ STR("https://[v1.x]/"), "IPv6" },
		{ STR("https://[1:2:3:4:5:6:7:8:9]/"), "IPv6" },
		{ STR("https://[::1]:80:80/"), "port" },
		{ STR("https://a.com:80:80/"), "port" },
		{ STR("https://a.com:0/"), "port is not" },
		{ STR("https://a.com:65536/"), "port is not" },
		{ STR("https://a.com:99999999999999999999/"), "port is not" },
		{ STR("https://a.com:-1/"), "port is not" },
		{ STR("https://a.com:+80/"), "port is not" },
		{ STR("https://a.com:80a/"), "port is not" },
		{ STR("https://a.com:%38%30/"), "port is not" },
		{ STR("https://a.com:0x50/"), "port is not" },
		{ STR("https://127.0.0.256/"), "malformed IPv4" },
		{ STR("https://4294967296/"), "malformed IPv4" },
		{ STR("https://1.2.3.4.5/"), "malformed IPv4" },
		{ STR("https://0x100000000/"), "malformed IPv4" },
		{ STR("https://08.0.0.1/"), "malformed IPv4" },
		{ STR("https://1.2.3.08/"), "malformed IPv4" },
		{ STR("https://a.0x7f/"), "malformed IPv4" },
		{ STR("https://a.0x/"), "malformed IPv4" },
		{ STR("https://example.1/"), "malformed IPv4" },
		{ STR("https://1.2.3.4\xef\xbc\x90\xef\xbc\x90/"), "malformed IPv4" },
	};
	(void)state;
	check_refusals(cases, ARRAY_LEN(cases));
}

static void
test_internal_names(void **state)
{
	static const char *const internal[] = {
		"localhost", "LOCALHOST", "localhost.", "db", "metadata", "instance-data",
		"loc%61lhost", "a.localhost", "printer.local", "svc.cluster.local",
		"localhost.localdomain", "metadata.google.internal", "METADATA.google.internal.",
		"www.intranet", "nas.lan", "x.corp", "x.home", "router.home.arpa",
		"1.0.0.127.in-addr.arpa", "hidden.onion", "kubernetes.default.svc", "a.test",
		"a.invalid", "a.example",
		"a.\xef\xbd\x8c\xef\xbd\x8f\xef\xbd\x83\xef\xbd\x81\xef\xbd\x8c", /* fullwidth */
	};
	static const char *const outside[] = {
		"example.com",
		"localhost.com",
		"local.net",
		"notlocal.dev",
		"xlocal.io",
		"internal.io",
		"lan.party",
		"corp.com",
		"a.homes",
		"test.de",
		"mylocal.localx",
	};
	char text[128];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(internal); i++) {
		snprintf(text, sizeof(text), "https://%s/", internal[i]);
		assert_refused(str_of(text), &strict, "internal name");
		assert_false(parsed(text, &development).literal);
	}
	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		snprintf(text, sizeof(text), "https://%s/", outside[i]);
		assert_string_equal(parsed(text, &strict).host, outside[i]);
	}
}

static void
test_ports(void **state)
{
	static const int bad[] = { 1, 7, 22, 25, 53, 110, 143, 389, 512, 515, 530, 548, 587, 636,
		989, 995, 1719, 1723, 2049, 2375, 2376, 2377, 2378, 2379, 2380, 3659, 4045, 4190,
		5060, 5061, 5432, 6000, 6379, 6443, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
		9200, 10080, 10250, 11211 };
	static const int good[] = { 80, 81, 443, 1024, 2374, 2381, 3000, 6664, 6670, 8000, 8080,
		8443, 10081, 49152, 65535 };
	char text[64];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof(text), "https://a.com:%d/", bad[i]);
		assert_refused(str_of(text), &strict, "is not allowed");
		snprintf(text, sizeof(text), "http://127.0.0.1:0%d/", bad[i]);
		assert_refused(str_of(text), &development, "is not allowed");
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		snprintf(text, sizeof(text), "https://a.com:%d/", good[i]);
		assert_int_equal(parsed(text, &strict).port, good[i]);
	}
}

static void
test_https_only(void **state)
{
	const struct url_policy p = { .https_only = true };
	(void)state;
	assert_true(parsed("https://a.com/", &p).https);
	assert_refused(STR("http://a.com/"), &p, "https://");
	assert_refused(STR("HTTP://a.com:443/"), &p, "https://");
}

/* "https://a.com/" and n times a text. */
static struct str
long_url(struct buf *b, const char *text, int n)
{
	buf_clear(b);
	buf_adds(b, "https://a.com/");
	for (int i = 0; i < n; i++)
		buf_adds(b, text);
	return (struct str){ b->data, b->len };
}

static void
test_lengths(void **state)
{
	struct buf b;
	struct url u;
	struct err e;
	const int room = URL_MAX - (int)strlen("https://a.com/");
	(void)state;
	buf_init(&b, 4 << 20);
	assert_int_equal(url_parse(long_url(&b, "x", room), &strict, &u, &e), 0);
	assert_int_equal(strlen(u.text), URL_MAX);
	assert_refused(long_url(&b, "x", room + 1), &strict, "longer than");
	assert_refused(long_url(&b, "x", 1 << 20), &strict, "longer than");
	/* what grows by encoding is measured behind it */
	assert_int_equal(url_parse(long_url(&b, "{", room / 3), &strict, &u, &e), 0);
	assert_refused(long_url(&b, "{", room / 3 + 1), &strict, "longer than");
	/* also by the one slash that the canonical form adds */
	const struct str full = long_url(&b, "x", room);
	b.data[strlen("https://a.com")] = '?';
	assert_refused(full, &strict, "longer than");

	/* labels of 63, names of 253 */
	buf_clear(&b);
	buf_adds(&b, "https://");
	for (int i = 0; i < 250; i++)
		buf_addc(&b, i % 63 == 62 ? '.' : 'x');
	buf_adds(&b, ".de/");
	assert_int_equal(url_parse((struct str){ b.data, b.len }, &strict, &u, &e), 0);
	assert_int_equal(strlen(u.host), 253);
	b.data[b.len - 1] = 'x';
	assert_refused((struct str){ b.data, b.len }, &strict, "too long");
	buf_clear(&b);
	buf_adds(&b, "https://");
	for (int i = 0; i < 64; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, ".de/");
	assert_refused((struct str){ b.data, b.len }, &strict, "not a domain name");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_refuses_structure),
		cmocka_unit_test(test_refuses_hosts),
		cmocka_unit_test(test_internal_names),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_https_only),
		cmocka_unit_test(test_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
