/* Unit tests of http/parser: a conformance table of hostile and of good heads. Every row is parsed
 * at once, byte by byte, and split in two at every position; the verdict must be the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

#include "http/parser.h"
#include "unit.h"

#define FIELDS_MAX 100

struct parsed {
	enum http_parse verdict;
	struct http_head head;
	struct http_header headers[FIELDS_MAX];
};

static struct http_limits
default_limits(void)
{
	struct http_limits limits;
	http_limits_default(&limits);
	return limits;
}

/* Each stage sees a block of exactly its size, so that ASan sees a read past the end. */
static enum http_parse
parse_prefix(struct str in, size_t n, const struct http_limits *limits, struct http_scan *scan,
    struct parsed *ret)
{
	char *exact = mem_dup(in.p, n ? n : 1);
	ret->verdict =
	    http_parse_head((struct str){ exact, n }, limits, scan, &ret->head, ret->headers);
	free(exact);
	return ret->verdict;
}

static void
parse_whole(struct str in, const struct http_limits *limits, struct parsed *ret)
{
	struct http_scan scan = { 0 };
	ret->verdict = http_parse_head(in, limits, &scan, &ret->head, ret->headers);
}

static void
assert_same(const char *name, const struct parsed *a, const struct parsed *b)
{
	if (a->verdict != b->verdict)
		fail_msg("%s: split: verdict %d, not %d", name, (int)b->verdict, (int)a->verdict);
	if (a->verdict == HTTP_PARSE_REFUSE &&
	    (a->head.status != b->head.status || strcmp(a->head.reason, b->head.reason) != 0))
		fail_msg("%s: split: %d %s", name, b->head.status, b->head.reason);
	if (a->verdict == HTTP_PARSE_OK &&
	    (a->head.head_bytes != b->head.head_bytes || a->head.nheaders != b->head.nheaders ||
		a->head.content_length != b->head.content_length ||
		a->head.target.n != b->head.target.n))
		fail_msg("%s: split: another request", name);
}

static void
check_splits(const char *name, struct str in, const struct http_limits *limits)
{
	static struct parsed whole, split;
	parse_whole(in, limits, &whole);
	for (size_t at = 0; at < in.n; at++) {
		struct http_scan scan = { 0 };
		if (parse_prefix(in, at, limits, &scan, &split) == HTTP_PARSE_MORE)
			parse_prefix(in, in.n, limits, &scan, &split);
		assert_same(name, &whole, &split);
	}
	struct http_scan scan = { 0 };
	size_t n = 0;
	while (n <= in.n && parse_prefix(in, n, limits, &scan, &split) == HTTP_PARSE_MORE)
		n++;
	assert_same(name, &whole, &split);
}

/* --- what is refused --- */

#define ROW(status, bytes)                                                                         \
	{                                                                                          \
#bytes, STR_INIT(bytes), status                                                    \
	}
#define GET_ROW(status, fields)  ROW(status, "GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n")
#define POST_ROW(status, fields) ROW(status, "POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n")

static const struct refusal {
	const char *name;
	struct str bytes;
	int status; /* 0: not complete, and waiting for more is right */
} refusals[] = {
	/* the request line */
	ROW(400, "GET /\r\n"), /* HTTP/0.9 */
	ROW(400, "GET\r\n"),
	ROW(400, "GET \r\n"),
	ROW(400, "GET  HTTP/1.1\r\n"),
	ROW(400, " GET / HTTP/1.1\r\n"),
	ROW(400, "GET  / HTTP/1.1\r\n"),
	ROW(400, "GET /  HTTP/1.1\r\n"),
	ROW(400, "GET / HTTP/1.1 \r\n"),
	ROW(400, "GET\t/ HTTP/1.1\r\n"),
	ROW(400, "GET /\tHTTP/1.1\r\n"),
	ROW(400, "GET / a HTTP/1.1\r\n"),
	ROW(400, "GET / http/1.1\r\n"),
	ROW(400, "GET / HTTP/1\r\n"),
	ROW(400, "GET / HTTP/1.10\r\n"),
	ROW(400, "GET / HTTP/11\r\n"),
	ROW(400, "GET / HTTP/a.b\r\n"),
	ROW(400, "GET / HTTPS/1.1\r\n"),
	ROW(505, "GET / HTTP/1.2\r\n"),
	ROW(505, "GET / HTTP/0.9\r\n"),
	ROW(505, "GET / HTTP/2.0\r\n"),
	ROW(505, "GET / HTTP/9.1\r\n"),
	ROW(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	ROW(501, "get / HTTP/1.1\r\n"),
	ROW(501, "Post / HTTP/1.1\r\n"),
	ROW(501, "BREW /pot HTTP/1.1\r\n"),
	ROW(501, "GETS / HTTP/1.1\r\n"),
	ROW(405, "CONNECT a.test:443 HTTP/1.1\r\n"),
	ROW(405, "TRACE / HTTP/1.1\r\n"),
	ROW(400, "G(T / HTTP/1.1\r\n"),
	ROW(400, "G\0T / HTTP/1.1\r\n"),
	ROW(400, "\0"),
	ROW(400, "\x16\x03\x01\x02"), /* TLS on this port */
	ROW(400, "\x80\x2e\x01"),
	ROW(400, "\nGET / HTTP/1.1\r\n"),
	ROW(400, "\r\n\r\nGET / HTTP/1.1\r\n"), /* one empty line is skipped, not two */
	ROW(400, "\rGET / HTTP/1.1\r\n"),
	ROW(400, "{\"a\":1}"),
	/* line ends */
	ROW(400, "GET / HTTP/1.1\n"),
	ROW(400, "GET / HTTP/1.1\nHost: a\n\n"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
	ROW(400, "GET / HTTP/1.1\r\n\n"),
	ROW(400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
	ROW(400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
	GET_ROW(400, "X: a\rb"),
	GET_ROW(400, "X: a\r"),
	/* fields */
	GET_ROW(400, "X-Foo : bar"),
	GET_ROW(400, "X-Foo\t: bar"),
	GET_ROW(400, "Content-Length : 3"),
	GET_ROW(400, "Transfer-Encoding : chunked"),
	GET_ROW(400, "X: a\r\n b"),
	GET_ROW(400, "X: a\r\n\tb"),
	ROW(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
	GET_ROW(400, ": value"),
	GET_ROW(400, "no colon"),
	GET_ROW(400, "nocolon"),
	GET_ROW(400, "X(Y): a"),
	GET_ROW(400, "X\0Y: a"),
	GET_ROW(400, "X\xc3\xa4: a"),
	GET_ROW(400, "X: a\0b"),
	GET_ROW(400, "X: a\x01"),
	GET_ROW(400, "X: a\x7f"),
	GET_ROW(400, "X: \x1b[31m"),
	/* Host */
	ROW(400, "GET / HTTP/1.1\r\n\r\n"),
	ROW(400, "GET / HTTP/1.1\r\nX: a\r\n\r\n"),
	GET_ROW(400, "Host: a"),
	GET_ROW(400, "host: b"),
	ROW(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
	ROW(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
	ROW(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
	ROW(400, "GET http://b/ HTTP/1.1\r\n\r\n"),
	/* the body's length */
	POST_ROW(400, "Content-Length: 3\r\nContent-Length: 4"),
	POST_ROW(400, "Content-Length: 3\r\nContent-Length: 3"),
	POST_ROW(400, "Content-Length: 3, 3"),
	POST_ROW(400, "Content-Length: 3,"),
	POST_ROW(400, "Content-Length: +3"),
	POST_ROW(400, "Content-Length: -1"),
	POST_ROW(400, "Content-Length: -0"),
	POST_ROW(400, "Content-Length: 0x3"),
	POST_ROW(400, "Content-Length: 3 3"),
	POST_ROW(400, "Content-Length: 3.0"),
	POST_ROW(400, "Content-Length: 1e1"),
	POST_ROW(400, "Content-Length: \"3\""),
	POST_ROW(400, "Content-Length:"),
	POST_ROW(400, "Content-Length: \xd9\xa3"), /* an Arabic digit */
	POST_ROW(413, "Content-Length: 99999999999999999999"),
	POST_ROW(413, "Content-Length: 9223372036854775808"),
	POST_ROW(413, "Content-Length: 18446744073709551619"), /* 2^64 + 3 */
	POST_ROW(413, "Content-Length: 2097153"),
	POST_ROW(400, "Content-Length: 3\r\nTransfer-Encoding: chunked"),
	POST_ROW(400, "Transfer-Encoding: chunked\r\nContent-Length: 3"),
	POST_ROW(400, "Transfer-Encoding: chunked\r\nContent-Length: 99999999999999999999"),
	POST_ROW(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
	POST_ROW(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
	POST_ROW(501, "Transfer-Encoding: gzip, chunked"),
	POST_ROW(400, "Transfer-Encoding: chunked, gzip"),
	POST_ROW(400, "Transfer-Encoding: chunked, chunked"),
	POST_ROW(400, "Transfer-Encoding: chunked, identity"),
	POST_ROW(400, "Transfer-Encoding: chunked,"),
	POST_ROW(400, "Transfer-Encoding: identity"),
	POST_ROW(400, "Transfer-Encoding: gzip"),
	POST_ROW(400, "Transfer-Encoding: xchunked"),
	POST_ROW(400, "Transfer-Encoding: chunkedx"),
	POST_ROW(400, "Transfer-Encoding: chunked;q=1"),
	POST_ROW(400, "Transfer-Encoding: \"chunked\""),
	POST_ROW(400, "Transfer-Encoding: \x0b"
		      "chunked"),
	POST_ROW(400, "Transfer-Encoding:"),
	ROW(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
	POST_ROW(417, "Expect: 200-ok"),
	POST_ROW(417, "Expect: 100-continue, 200-ok"),
	/* incomplete */
	ROW(0, ""),
	ROW(0, "\r"),
	ROW(0, "\r\n"),
	ROW(0, "G"),
	ROW(0, "GET / HTTP/1.1"),
	ROW(0, "GET / HTTP/1.1\r"),
	ROW(0, "GET / HTTP/1.1\r\nHost: a\r\n"),
	ROW(0, "GET / HTTP/1.1\r\nHost: a\r\n\r"),
};

static void
test_refusals(void **state)
{
	(void)state;
	static struct parsed p;
	struct http_limits limits = default_limits();
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct refusal *row = &refusals[i];
		parse_whole(row->bytes, &limits, &p);
		if (row->status == 0 ? p.verdict != HTTP_PARSE_MORE
				     : p.verdict != HTTP_PARSE_REFUSE)
			fail_msg("%s: verdict %d", row->name, (int)p.verdict);
		if (row->status && p.head.status != row->status)
			fail_msg("%s: %d %s", row->name, p.head.status, p.head.reason);
		check_splits(row->name, row->bytes, &limits);
	}
}

/* --- what is accepted --- */

static const struct acceptance {
	const char *name;
	struct str bytes;
	enum http_method method;
	const char *target;
	int nheaders;
	int64_t content_length;
	bool keep_alive, chunked, expect;
} acceptances[] = {
#define HEAD(bytes) #bytes, STR_INIT(bytes)
	{ HEAD("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_GET, "/", 1, -1, true, false, false },
	{ HEAD("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_GET, "/", 1, -1, true, false, false },
	{ HEAD("GET /a?b=c HTTP/1.1\r\nhOST:a:80\r\n\r\n"), HTTP_GET, "/a?b=c", 1, -1, true, false,
	    false },
	{ HEAD("HEAD / HTTP/1.0\r\n\r\n"), HTTP_HEAD, "/", 0, -1, false, false, false },
	{ HEAD("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), HTTP_GET, "/", 1, -1, true,
	    false, false },
	{ HEAD("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), HTTP_GET, "/", 1, -1,
	    false, false, false },
	{ HEAD("GET / HTTP/1.1\r\nHost: a\r\nConnection: x ,\tClose\r\n\r\n"), HTTP_GET, "/", 2, -1,
	    false, false, false },
	{ HEAD("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n"), HTTP_GET,
	    "/", 3, -1, false, false, false },
	{ HEAD("GET / HTTP/1.1\r\nHost: a\r\nConnection: not-close\r\n\r\n"), HTTP_GET, "/", 2, -1,
	    true, false, false },
	{ HEAD("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"), HTTP_PUT, "/", 2, 3,
	    true, false, false },
	{ HEAD("PATCH / HTTP/1.1\r\nHost: a\r\ncontent-length:\t 007 \r\n\r\n"), HTTP_PATCH, "/", 2,
	    7, true, false, false },
	{ HEAD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2097152\r\n\r\n"), HTTP_POST, "/", 2,
	    2097152, true, false, false },
	{ HEAD("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_POST, "/", 1, -1, true, false, false },
	{ HEAD("DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), HTTP_DELETE, "/", 2, 0,
	    true, false, false },
	{ HEAD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"), HTTP_POST, "/",
	    2, -1, true, true, false },
	{ HEAD("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
	    HTTP_POST, "/", 3, 1, true, false, true },
	{ HEAD("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"), HTTP_POST,
	    "/", 2, 1, false, false, false },
	{ HEAD("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_OPTIONS, "*", 1, -1, true, false,
	    false },
	/* The authority of an absolute-form target overrides Host (RFC 9112, section 3.2.2). */
	{ HEAD("GET http://b.test:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP_GET, "/x?y", 1, -1,
	    true, false, false },
	{ HEAD("GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX: \xc3\xa4 \t b\r\n\r\n"), HTTP_GET, "/",
	    3, -1, true, false, false },
#undef HEAD
};

static void
test_acceptances(void **state)
{
	(void)state;
	static struct parsed p;
	struct http_limits limits = default_limits();
	for (size_t i = 0; i < ARRAY_LEN(acceptances); i++) {
		const struct acceptance *row = &acceptances[i];
		parse_whole(row->bytes, &limits, &p);
		if (p.verdict != HTTP_PARSE_OK)
			fail_msg("%s: %d %s", row->name, (int)p.verdict,
			    p.verdict == HTTP_PARSE_REFUSE ? p.head.reason : "more");
		if (p.head.method != row->method || !str_eq(p.head.target, str_of(row->target)) ||
		    p.head.nheaders != row->nheaders ||
		    p.head.content_length != row->content_length ||
		    p.head.keep_alive != row->keep_alive || p.head.chunked != row->chunked ||
		    p.head.expect_continue != row->expect)
			fail_msg("%s: parsed as something else", row->name);
		check_splits(row->name, row->bytes, &limits);
	}
}

static void
test_slices(void **state)
{
	(void)state;
	static struct parsed p;
	struct http_limits limits = default_limits();
	struct str in = STR("GET /a/b?c=d?e HTTP/1.1\r\nHost: h\r\nX-A: \t one  two \r\nX-B:\r\n"
			    "\r\nGET /next");
	parse_whole(in, &limits, &p);
	assert_int_equal(p.verdict, HTTP_PARSE_OK);
	assert_true(str_eq(p.head.path, STR("/a/b")));
	assert_true(str_eq(p.head.query, STR("c=d?e")));
	assert_true(str_eq(p.headers[1].name, STR("X-A")));
	assert_true(str_eq(p.headers[1].value, STR("one  two")));
	assert_true(str_eq(p.headers[2].value, STR("")));
	assert_int_equal(p.head.head_bytes, in.n - strlen("GET /next"));
}

/* --- limits --- */

/* "GET /aaa… HTTP/1.1" with a line of n bytes, and n_fields fields of `bytes` bytes with CRLF. */
static struct buf
make_head(size_t line, int n_fields, size_t bytes)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_adds(&b, "GET /");
	while (b.len < line - strlen(" HTTP/1.1"))
		buf_addc(&b, 'a');
	buf_adds(&b, " HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < n_fields; i++) {
		size_t end = b.len + bytes - 2;
		buf_adds(&b, "X:");
		while (b.len < end)
			buf_addc(&b, 'x');
		buf_adds(&b, "\r\n");
	}
	buf_adds(&b, "\r\n");
	return b;
}

static void
test_limits(void **state)
{
	(void)state;
	static const struct {
		size_t line;
		int n_fields;
		size_t bytes;
		int status; /* 0: accepted */
	} rows[] = {
		{ 100, 0, 0, 0 },
		{ 101, 0, 0, 414 },
		{ 5000, 0, 0, 414 },
		{ 20, 9, 5, 0 },
		{ 20, 10, 5, 431 },
		{ 20, 1, 400 - 22 - 9 - 2, 0 }, /* 400 bytes altogether */
		{ 20, 1, 400 - 22 - 9 - 1, 431 },
		{ 20, 1, 20000, 431 },
		{ 20, 3000, 5, 431 },
	};
	static struct parsed p;
	struct http_limits limits = default_limits();
	limits.line_max = 100;
	limits.head_max = 400;
	limits.headers_max = 10;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[32];
		struct buf b = make_head(rows[i].line, rows[i].n_fields, rows[i].bytes);
		struct str in = { b.data, b.len };
		snprintf(name, sizeof(name), "row %zu", i);
		parse_whole(in, &limits, &p);
		int status = p.verdict == HTTP_PARSE_REFUSE ? p.head.status : 0;
		if (status != rows[i].status || p.verdict == HTTP_PARSE_MORE)
			fail_msg("%s: %d, not %d", name, status, rows[i].status);
		if (in.n > 600)
			in.n = 600;
		check_splits(name, in, &limits);
		buf_free(&b);
	}
}

/* An endless line is refused at the limit, not read on for its end. */
static void
test_endless(void **state)
{
	(void)state;
	static struct parsed p;
	static char bytes[64 * 1024];
	struct http_limits limits = default_limits();
	memset(bytes, 'A', sizeof(bytes));
	struct http_scan scan = { 0 };
	struct str in = { bytes, limits.line_max + 1 };
	assert_int_equal(http_parse_head(in, &limits, &scan, &p.head, p.headers), HTTP_PARSE_MORE);
	in.n++;
	assert_int_equal(
	    http_parse_head(in, &limits, &scan, &p.head, p.headers), HTTP_PARSE_REFUSE);
	assert_int_equal(p.head.status, 414);
	static const char line[] = "GET / HTTP/1.1\r\nX:";
	memcpy(bytes, line, sizeof(line) - 1);
	parse_whole((struct str){ bytes, sizeof(bytes) }, &limits, &p);
	assert_int_equal(p.verdict, HTTP_PARSE_REFUSE);
	assert_int_equal(p.head.status, 431);
}

/* Every byte value, in each place of a head: exactly the allowed ones pass. */
static void
test_every_byte(void **state)
{
	(void)state;
	static const char tchar[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static struct parsed p;
	struct http_limits limits = default_limits();
	char head[] = "GET /?x HTTP/1.1\r\nHost: a\r\nX-n: v?v\r\n\r\n";
	char *places[] = { strchr(head, 'x'), strstr(head, "-n") + 1, strstr(head, "v?") + 1 };
	for (int place = 0; place < 3; place++)
		for (int c = 0; c < 256; c++) {
			bool token = c && strchr(tchar, c);
			bool allowed[] = { c > 0x20 && c < 0x7f && c != '#', token || c == ':',
				c == '\t' || (c >= 0x20 && c != 0x7f) };
			char saved = *places[place];
			*places[place] = (char)c;
			parse_whole((struct str){ head, sizeof(head) - 1 }, &limits, &p);
			if ((p.verdict == HTTP_PARSE_OK) != allowed[place])
				fail_msg("byte %d at place %d", c, place);
			*places[place] = saved;
		}
}

static void
test_methods(void **state)
{
	(void)state;
	static struct parsed p;
	struct http_limits limits = default_limits();
	for (int m = HTTP_GET; m <= HTTP_OPTIONS; m++) {
		char head[64];
		int n = snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: a\r\n\r\n",
		    http_method_to_text((enum http_method)m));
		parse_whole((struct str){ head, (size_t)n }, &limits, &p);
		assert_int_equal(p.verdict, HTTP_PARSE_OK);
		assert_int_equal(p.head.method, m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_acceptances),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_methods),
	};
	return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
