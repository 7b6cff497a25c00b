/* http/parser: the first byte chooses between the head parser and the decoder of chunked bodies.
 * The verdict on the rest must not depend on how it is split: at once, in two pieces (at every
 * position of a small input, at some of a large one) and byte by byte. What is accepted must keep
 * the promises of the header. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "http/chars.h"
#include "http/parser.h"

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define FIELDS_MAX 20
#define BODY_MAX   1000
#define SPLITS     64 /* of one input, so that large ones do not take quadratic time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {
	.head_max = 1024,
	.line_max = 256,
	.headers_max = FIELDS_MAX,
	.body_max = BODY_MAX,
};

struct head_result {
	enum http_parse verdict;
	struct http_scan scan;
	struct http_head head;
};

/* One more call, over the first n bytes, in a block of exactly that size. */
static void
parse_more(struct head_result *r, struct str in, size_t n)
{
	struct http_header headers[FIELDS_MAX];
	if (r->verdict != HTTP_PARSE_MORE)
		return;
	char *exact = mem_dup(n ? in.p : "", n ? n : 1);
	r->verdict =
	    http_parse_head((struct str){ exact, n }, &limits, &r->scan, &r->head, headers);
	free(exact);
}

static void
same_head(const struct head_result *a, const struct head_result *b)
{
	CHECK(a->verdict == b->verdict);
	if (a->verdict == HTTP_PARSE_MORE)
		return;
	CHECK(a->head.method == b->head.method);
	if (a->verdict == HTTP_PARSE_REFUSE) {
		CHECK(a->head.status == b->head.status && a->head.reason == b->head.reason);
		return;
	}
	CHECK(a->head.head_bytes == b->head.head_bytes && a->head.nheaders == b->head.nheaders);
	CHECK(a->head.content_length == b->head.content_length);
	CHECK(a->head.chunked == b->head.chunked && a->head.keep_alive == b->head.keep_alive);
	CHECK(a->head.target.n == b->head.target.n && a->head.path.n == b->head.path.n);
}

static bool
inside(struct str s, struct str in)
{
	return s.n == 0 || (s.p >= in.p && s.p + s.n <= in.p + in.n);
}

static void
check_accepted(struct str in, const struct http_head *h, const struct http_header *headers)
{
	CHECK(h->head_bytes <= in.n && h->head_bytes <= limits.head_max);
	CHECK(memcmp(in.p + h->head_bytes - 4, "\r\n\r\n", 4) == 0);
	CHECK(memchr(in.p, 0, h->head_bytes) == NULL);
	CHECK(h->content_length >= -1 && h->content_length <= BODY_MAX);
	CHECK(!h->chunked || (h->content_length == -1 && h->minor == 1));
	CHECK(h->path.n > 0 && (h->path.p[0] == '/' || h->method == HTTP_OPTIONS));
	CHECK(h->nheaders <= FIELDS_MAX);
	for (int i = 0; i < h->nheaders; i++) {
		CHECK(headers[i].name.n > 0 && inside(headers[i].name, in));
		CHECK(inside(headers[i].value, in));
		for (size_t k = 0; k < headers[i].name.n; k++)
			CHECK(http_is_token((unsigned char)headers[i].name.p[k]));
		for (size_t k = 0; k < headers[i].value.n; k++)
			CHECK(http_is_value((unsigned char)headers[i].value.p[k]));
	}
}

static size_t
stride(size_t n)
{
	return n / SPLITS + 1;
}

static void
try_head(struct str in)
{
	struct http_header headers[FIELDS_MAX];
	struct head_result whole = { 0 }, bytes = { 0 };
	whole.verdict = http_parse_head(in, &limits, &whole.scan, &whole.head, headers);
	if (whole.verdict == HTTP_PARSE_OK)
		check_accepted(in, &whole.head, headers);
	if (whole.verdict == HTTP_PARSE_MORE)
		CHECK(in.n < limits.head_max);
	for (size_t at = 0; at < in.n; at += stride(in.n)) {
		struct head_result split = { 0 };
		parse_more(&split, in, at);
		parse_more(&split, in, in.n);
		same_head(&whole, &split);
	}
	for (size_t n = 0; n <= in.n && n <= limits.head_max; n++)
		parse_more(&bytes, in, n);
	same_head(&whole, &bytes);
}

struct body_result {
	enum http_parse verdict;
	struct http_chunked c;
	struct buf out;
	size_t used;
	int status;
	const char *reason;
};

static void
decode_more(struct body_result *r, const char *p, size_t n)
{
	size_t used;
	if (r->verdict != HTTP_PARSE_MORE)
		return;
	char *exact = mem_dup(n ? p : "", n ? n : 1);
	r->verdict = http_chunked_decode(
	    &r->c, (struct str){ exact, n }, &used, &r->out, &r->status, &r->reason);
	free(exact);
	CHECK(used <= n && (r->verdict != HTTP_PARSE_MORE || used == n));
	CHECK(r->out.len <= BODY_MAX && !r->out.failed);
	r->used += used;
}

static struct body_result
body_start(void)
{
	struct body_result r = { .verdict = HTTP_PARSE_MORE };
	http_chunked_init(&r.c);
	buf_init(&r.out, BODY_MAX);
	return r;
}

static void
same_body(const struct body_result *a, const struct body_result *b)
{
	CHECK(a->verdict == b->verdict && a->status == b->status && a->reason == b->reason);
	CHECK(a->used == b->used && a->out.len == b->out.len);
	CHECK(memcmp(a->out.data, b->out.data, a->out.len) == 0);
}

static void
try_body(struct str in)
{
	struct body_result whole = body_start(), bytes = body_start();
	decode_more(&whole, in.p, in.n);
	for (size_t at = 0; at < in.n; at += stride(in.n)) {
		struct body_result split = body_start();
		decode_more(&split, in.p, at);
		decode_more(&split, in.p + at, in.n - at);
		same_body(&whole, &split);
		buf_free(&split.out);
	}
	for (size_t at = 0; at < in.n; at++)
		decode_more(&bytes, in.p + at, 1);
	same_body(&whole, &bytes);
	buf_free(&whole.out);
	buf_free(&bytes.out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 64 * 1024)
		return 0;
	struct str in = { (const char *)data + 1, size - 1 };
	if (data[0] == 'C')
		try_body(in);
	else
		try_head(in);
	return 0;
}
