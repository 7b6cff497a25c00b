/* Unit tests of the decoder of chunked bodies: what is accepted, what is refused and with which
 * status, the same in one piece, byte by byte and split in two at every position. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/mem.h"

#include "http/parser.h"
#include "unit.h"

#define BODY_MAX 64

struct decoder {
	struct http_chunked c;
	struct buf out;
	size_t used;
	enum http_parse verdict;
	int status;
	const char *reason;
};

static void
start(struct decoder *d)
{
	*d = (struct decoder){ .verdict = HTTP_PARSE_MORE };
	http_chunked_init(&d->c);
	buf_init(&d->out, BODY_MAX);
}

/* The next n bytes, from a block of exactly that size. */
static void
feed(struct decoder *d, const char *p, size_t n)
{
	if (d->verdict != HTTP_PARSE_MORE)
		return;
	size_t used;
	char *exact = mem_dup(p, n ? n : 1);
	d->verdict = http_chunked_decode(
	    &d->c, (struct str){ exact, n }, &used, &d->out, &d->status, &d->reason);
	free(exact);
	assert_true(used <= n);
	if (d->verdict == HTTP_PARSE_MORE)
		assert_int_equal(used, n);
	d->used += used;
}

static void
assert_same(const char *name, const struct decoder *a, const struct decoder *b)
{
	if (a->verdict != b->verdict || a->used != b->used || a->status != b->status ||
	    a->out.len != b->out.len || memcmp(a->out.data, b->out.data, a->out.len) != 0)
		fail_msg("%s: another result in pieces", name);
}

#define ROW(status, bytes, body)                                                                   \
	{                                                                                          \
#bytes, STR_INIT(bytes), status, body                                              \
	}

static const struct row {
	const char *name;
	struct str bytes;
	int status; /* 0: accepted; -1: incomplete */
	const char *body;
} rows[] = {
	ROW(0, "0\r\n\r\n", ""),
	ROW(0, "3\r\nabc\r\n0\r\n\r\n", "abc"),
	ROW(0, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"),
	ROW(0, "003\r\na\r\n\r\n00\r\n\r\n", "a\r\n"),
	ROW(0, "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
	ROW(0, "0000000000000001\r\na\r\n0\r\n\r\n", "a"),
	ROW(0, "1;name=value\r\na\r\n0;x=\"y z\"\r\n\r\n", "a"),
	ROW(0, "1;\r\na\r\n0\r\n\r\n", "a"),
	ROW(0, "1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", "a"),
	ROW(0, "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", "a"),
	ROW(-1, "", ""),
	ROW(-1, "3", ""),
	ROW(-1, "3\r\nab", "ab"),
	ROW(-1, "3\r\nabc\r\n0\r\n", "abc"),
	ROW(-1, "3\r\nabc\r\n0\r\n\r", "abc"),
	/* sizes */
	ROW(400, "\r\n", ""),
	ROW(400, "0x1\r\na\r\n0\r\n\r\n", ""),
	ROW(400, "+1\r\na\r\n0\r\n\r\n", ""),
	ROW(400, "-1\r\na\r\n0\r\n\r\n", ""),
	ROW(400, " 1\r\na\r\n0\r\n\r\n", ""),
	ROW(400, "1 \r\na\r\n0\r\n\r\n", ""),
	ROW(400, "1\t\r\na\r\n0\r\n\r\n", ""),
	ROW(400, "1 ;x\r\na\r\n0\r\n\r\n", ""),
	ROW(400, ";x\r\n", ""),
	ROW(400, "g\r\n", ""),
	ROW(400, "1g\r\n", ""),
	ROW(400, "1\0\r\n", ""),
	ROW(400, "10000000000000000\r\n", ""), /* 2^64 */
	ROW(400, "10000000000000001\r\na\r\n", ""),
	ROW(400, "00000000000000001\r\na\r\n", ""),
	ROW(413, "ffffffffffffffff\r\n", ""),
	ROW(413, "8000000000000000\r\n", ""),
	ROW(413, "41\r\n", ""),
	/* framing */
	ROW(400, "1\na\r\n0\r\n\r\n", ""),
	ROW(400, "1\ra\r\n0\r\n\r\n", ""),
	ROW(400, "1\r\na\n0\r\n\r\n", "a"),
	ROW(400, "1\r\na0\r\n\r\n", "a"),
	ROW(400, "1\r\nab\r\n0\r\n\r\n", "a"),
	ROW(400, "1\r\na\r0\r\n\r\n", "a"),
	ROW(400, "0\n\r\n", ""),
	ROW(400, "0\r\n\n", ""),
	ROW(400, "0\r\n\rX", ""),
	ROW(400, "1;x\ny\r\na\r\n", ""),
	ROW(400, "1;x\0y\r\na\r\n", ""),
	ROW(400, "1;x\ry\r\na\r\n", ""),
	/* trailers */
	ROW(400, "0\r\nX y: z\r\n\r\n", ""),
	ROW(400, "0\r\nX : z\r\n\r\n", ""),
	ROW(400, "0\r\n: z\r\n\r\n", ""),
	ROW(400, "0\r\nnocolon\r\n\r\n", ""),
	ROW(400, "0\r\nX: a\n\r\n", ""),
	ROW(400, "0\r\nX: a\r\n b\r\n\r\n", ""),
	ROW(400, "0\r\nX: a\0\r\n\r\n", ""),
	ROW(400, "0\r\nX: a\rb\r\n\r\n", ""),
};

static void
check_pieces(const struct row *row, const struct decoder *whole)
{
	struct decoder d;
	for (size_t at = 0; at <= row->bytes.n; at++) {
		start(&d);
		feed(&d, row->bytes.p, at);
		feed(&d, row->bytes.p + at, row->bytes.n - at);
		assert_same(row->name, whole, &d);
		buf_free(&d.out);
	}
	start(&d);
	for (size_t at = 0; at < row->bytes.n; at++)
		feed(&d, row->bytes.p + at, 1);
	assert_same(row->name, whole, &d);
	buf_free(&d.out);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct decoder d;
		start(&d);
		feed(&d, rows[i].bytes.p, rows[i].bytes.n);
		int status = d.verdict == HTTP_PARSE_OK     ? 0
			     : d.verdict == HTTP_PARSE_MORE ? -1
							    : d.status;
		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].name, status);
		if (strcmp(d.out.data, rows[i].body) != 0)
			fail_msg("%s: body \"%s\"", rows[i].name, d.out.data);
		if (status > 0 && !d.reason)
			fail_msg("%s: no reason", rows[i].name);
		check_pieces(&rows[i], &d);
		buf_free(&d.out);
	}
}

/* What follows the body is not consumed: it is the next request. */
static void
test_stops_at_the_end(void **state)
{
	(void)state;
	struct decoder d;
	start(&d);
	feed(&d, "1\r\na\r\n0\r\n\r\nGET", 14);
	assert_int_equal(d.verdict, HTTP_PARSE_OK);
	assert_int_equal(d.used, 11);
	buf_free(&d.out);
}

static void
test_body_maximum(void **state)
{
	(void)state;
	static const struct {
		int chunks; /* of 16 bytes */
		enum http_parse verdict;
	} cases[] = { { 4, HTTP_PARSE_MORE }, { 5, HTTP_PARSE_REFUSE } };
	for (int i = 0; i < 2; i++) {
		struct decoder d;
		start(&d);
		for (int n = 0; n < cases[i].chunks; n++)
			feed(&d, "10\r\n0123456789abcdef\r\n", 22);
		assert_int_equal(d.verdict, cases[i].verdict);
		assert_int_equal(d.status, cases[i].verdict == HTTP_PARSE_REFUSE ? 413 : 0);
		assert_int_equal(d.out.len, BODY_MAX);
		buf_free(&d.out);
	}
}

/* Extensions and trailers share one budget, so that no body costs many times its size. */
static void
test_extra_is_bounded(void **state)
{
	(void)state;
	static const char *const pieces[] = { "0;x", "0\r\nX:" };
	for (int i = 0; i < 2; i++) {
		struct decoder d;
		size_t n = 0;
		start(&d);
		feed(&d, pieces[i], strlen(pieces[i]));
		while (d.verdict == HTTP_PARSE_MORE && n++ < 2 * HTTP_CHUNK_EXTRA_MAX)
			feed(&d, "x", 1);
		assert_int_equal(d.verdict, HTTP_PARSE_REFUSE);
		assert_int_equal(d.status, 400);
		assert_in_range(n, HTTP_CHUNK_EXTRA_MAX - 4, HTTP_CHUNK_EXTRA_MAX);
		buf_free(&d.out);
	}
	struct decoder d;
	size_t chunks = 0;
	start(&d);
	d.out.max = 1 << 20;
	while (d.verdict == HTTP_PARSE_MORE && chunks++ < HTTP_CHUNK_EXTRA_MAX)
		feed(&d, "1;extension\r\na\r\n", 16);
	assert_int_equal(d.verdict, HTTP_PARSE_REFUSE);
	buf_free(&d.out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_stops_at_the_end),
		cmocka_unit_test(test_body_maximum),
		cmocka_unit_test(test_extra_is_bounded),
	};
	return cmocka_run_group_tests_name("chunked", tests, NULL, NULL);
}
