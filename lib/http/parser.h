/* A strict HTTP/1.1 request-head parser (RFC 9112): a pure function over a byte buffer, so that it
 * can be fuzzed and run through a conformance table.
 *
 * Refused: bare LF or CR, obs-fold, blanks before the colon, empty or non-token names, control
 * characters and NUL in values, missing, repeated or malformed Host (1.1), repeated or list-valued
 * or signed Content-Length, Content-Length together with Transfer-Encoding, any Transfer-Encoding
 * but exactly one "chunked", HTTP versions other than 1.0 and 1.1, Transfer-Encoding in HTTP/1.0,
 * request targets with raw non-ASCII, control characters or fragments, and paths with empty or dot
 * segments, NUL or half a percent escape. One empty line before a request is skipped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#include "http/server.h"

enum http_parse {
	HTTP_PARSE_MORE, /* not complete yet */
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
	int64_t content_length; /* -1 when absent; never more than limits->body_max */
	size_t head_bytes;      /* consumed, the empty line included; 0 unless HTTP_PARSE_OK */
	int status;             /* of a refusal: 400 405 413 414 417 431 501 505 */
	const char *reason;     /* of a refusal: static text */
};

/* How far an incomplete head has been looked at; all zero at first. */
struct http_scan {
	size_t seen;  /* bytes without a line end behind `start` */
	size_t start; /* of the current line */
	size_t line;  /* behind the request line, which has been judged; 0: not yet */
};

/* Parses the head at the start of in. headers has room for limits->headers_max fields. Call again
 * with the same and more bytes after HTTP_PARSE_MORE; the verdict depends on the bytes alone, not
 * on how they were split. The request line is judged as soon as it is complete. Of *ret only
 * status, reason and method mean something after HTTP_PARSE_REFUSE, nothing after HTTP_PARSE_MORE.
 */
enum http_parse http_parse_head(struct str in, const struct http_limits *limits,
    struct http_scan *scan, struct http_head *ret, struct http_header *headers);

/* Incremental decoder of a chunked body (RFC 9112, section 7.1): strict CRLF framing, hexadecimal
 * sizes of at most 16 digits without prefix or sign; extensions are skipped, trailers checked and
 * dropped, and both together bounded (HTTP_CHUNK_EXTRA_MAX bytes a body). */
#define HTTP_CHUNK_EXTRA_MAX 8192

struct http_chunked {
	int state;
	int digits;    /* of the size being read */
	uint64_t left; /* of the current chunk */
	size_t extra;  /* bytes of extensions and trailers so far */
};
void http_chunked_init(struct http_chunked *c);

/* Consumes from in, appends body bytes to out. *ret_used is how much was consumed: everything after
 * HTTP_PARSE_MORE, up to the end of the body after HTTP_PARSE_OK. HTTP_PARSE_REFUSE comes with
 * *ret_status 400 or 413 (out's maximum). Not called again after either of the latter two. */
enum http_parse http_chunked_decode(struct http_chunked *c, struct str in, size_t *ret_used,
    struct buf *out, int *ret_status, const char **ret_reason);
