/* A strict HTTP/1.1 request-head parser (RFC 9112): a pure function over a byte buffer, so that it
 * can be fuzzed and run through a conformance table.
 *
 * Refused: bare LF or CR, obs-fold, blanks before the colon, empty or non-token names, control
 * characters and NUL in values, missing or repeated Host (1.1), repeated or list-valued or signed
 * Content-Length, Content-Length together with Transfer-Encoding, any Transfer-Encoding but exactly
 * one "chunked", HTTP versions other than 1.0 and 1.1, request targets with raw non-ASCII, control
 * characters or fragments, Transfer-Encoding in HTTP/1.0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "http/server.h"

enum http_parse {
	HTTP_PARSE_MORE,  /* the head is not complete yet */
	HTTP_PARSE_OK,
	HTTP_PARSE_REFUSE /* see status and reason */
};

struct http_head {
	enum http_method method;
	int minor; /* 0 or 1 */
	struct str target, path, query;
	int nheaders;
	bool keep_alive;
	bool chunked;
	bool expect_continue;
	int64_t content_length; /* -1 when absent */
	size_t head_bytes;      /* consumed, the empty line included */
	int status;             /* of a refusal: 400 405 411 414 417 431 501 505 */
	const char *reason;     /* static text */
};

/* Parses the head at the start of in. headers has room for limits->headers_max fields. Call again
 * with more bytes after HTTP_PARSE_MORE; *scan (0 at first) remembers how far it has looked. */
enum http_parse http_parse_head(struct str in, const struct http_limits *limits, size_t *scan,
    struct http_head *ret, struct http_header *headers);

/* Incremental decoder of a chunked body (RFC 9112, section 7.1): strict CRLF framing, hexadecimal
 * sizes without prefix or sign, extensions skipped and bounded, trailers parsed and dropped. */
struct http_chunked {
	int state;
	uint64_t left;    /* of the current chunk */
	size_t line;      /* bytes of the current framing line or trailer section */
	uint64_t total;   /* body bytes so far */
};
void http_chunked_init(struct http_chunked *c);
/* Consumes from in, appends body bytes to out. *ret_used is how much was consumed. HTTP_PARSE_OK at
 * the end of the body; HTTP_PARSE_REFUSE with *ret_status 400 or 413 (out's maximum). */
enum http_parse http_chunked_decode(struct http_chunked *c, struct str in, size_t *ret_used,
    struct buf *out, int *ret_status, const char **ret_reason);
