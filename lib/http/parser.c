/* The request head: request line and fields (RFC 9112, sections 2, 3, 5 and 6).
 *
 * Two passes. The first looks for line ends, from where it stopped the last time, and refuses what
 * can be refused early: a first byte that starts no method (TLS on the wrong port), a line end
 * without CR, a request line that is wrong or too long, a head that is too large. The second runs
 * once, over the complete head. A verdict so depends on the bytes alone, not on how they arrived.
 *
 * Invariants: nothing is copied, every slice points into the caller's bytes; nothing that decides
 * where the body ends (Content-Length, Transfer-Encoding, the version) is ever guessed. */
#include "http/parser.h"

#include <string.h>

#include "base/attr.h"

#include "http/chars.h"
#include "http/target.h"

/* In the order of enum http_method. */
static const struct str methods[] = {
	STR_INIT("GET"),
	STR_INIT("HEAD"),
	STR_INIT("POST"),
	STR_INIT("PUT"),
	STR_INIT("PATCH"),
	STR_INIT("DELETE"),
	STR_INIT("OPTIONS"),
};

const char *
http_method_to_text(enum http_method m)
{
	return methods[m].p;
}

static bool
refuse(struct http_head *h, int status, const char *reason)
{
	h->status = status;
	h->reason = reason;
	return false;
}

/* --- the request line --- */

static bool
parse_version(struct str v, struct http_head *h)
{
	if (v.n != 8 || memcmp(v.p, "HTTP/", 5) != 0 || v.p[5] < '0' || v.p[5] > '9' ||
	    v.p[6] != '.' || v.p[7] < '0' || v.p[7] > '9')
		return refuse(h, 400, "the request line does not end in an HTTP version");
	if (v.p[5] != '1' || v.p[7] > '1')
		return refuse(h, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	h->minor = v.p[7] - '0';
	return true;
}

/* Methods are case-sensitive (RFC 9110, section 9.1), so "get" is an unknown one. */
static bool
parse_method(struct str m, struct http_head *h)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq(m, methods[i])) {
			h->method = (enum http_method)i;
			return true;
		}
	if (str_eq(m, STR("CONNECT")) || str_eq(m, STR("TRACE")))
		return refuse(h, 405, "method not allowed");
	return refuse(h, 501, "unknown method");
}

static bool
parse_request_line(struct str line, struct http_head *h)
{
	size_t n = 0;
	while (n < line.n && http_is_token((unsigned char)line.p[n]))
		n++;
	if (n == line.n || line.p[n] != ' ')
		return refuse(h, 400, "the request line does not start with a method and a space");
	const char *last = memrchr(line.p, ' ', line.n);
	if (last == line.p + n) /* HTTP/0.9 */
		return refuse(h, 400, "the request line has no HTTP version");
	struct str version = { last + 1, (size_t)(line.p + line.n - (last + 1)) };
	struct str target = { line.p + n + 1, (size_t)(last - (line.p + n + 1)) };
	if (!parse_version(version, h) || !parse_method((struct str){ line.p, n }, h))
		return false;
	struct http_target parts;
	const char *reason = http_target_parse(target, h->method, &parts);
	if (reason)
		return refuse(h, 400, reason);
	h->target = parts.target;
	h->path = parts.path;
	h->query = parts.query;
	return true;
}

/* --- fields that decide about framing and the connection --- */

struct seen {
	bool host, length, coding; /* the field was there */
	bool close, keep_alive;    /* options of Connection */
};

static bool
see_host(struct seen *seen, struct str value, struct http_head *h)
{
	if (seen->host)
		return refuse(h, 400, "more than one Host");
	if (!http_host_valid(value))
		return refuse(h, 400, "invalid Host");
	seen->host = true;
	return true;
}

static bool
see_content_length(struct seen *seen, struct str value, struct http_head *h)
{
	if (seen->length)
		return refuse(h, 400, "more than one Content-Length");
	seen->length = true;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			return refuse(h, 400, "Content-Length is not a number");
	if (value.n == 0)
		return refuse(h, 400, "Content-Length is empty");
	/* Beyond 63 bits it is still a number, only a very large one. */
	if (str_to_i64(value, 0, INT64_MAX, &h->content_length))
		h->content_length = INT64_MAX;
	return true;
}

/* RFC 9112, section 6.1: with another last coding the end of the body is unknown (400); codings
 * below "chunked" are possible, only not here (501). */
static bool
see_transfer_encoding(struct seen *seen, struct str value, struct http_head *h)
{
	if (seen->coding)
		return refuse(h, 400, "more than one Transfer-Encoding");
	seen->coding = true;
	h->chunked = true;
	if (str_eq_nocase(value, STR("chunked")))
		return true;
	struct str rest = value, coding = { NULL, 0 };
	int chunked = 0;
	while (str_split(&rest, ',', &coding))
		chunked += str_eq_nocase(str_trim(coding), STR("chunked"));
	if (chunked == 1 && str_eq_nocase(str_trim(coding), STR("chunked")))
		return refuse(h, 501, "Transfer-Encoding other than chunked");
	return refuse(h, 400, "Transfer-Encoding is not chunked");
}

static bool
see_connection(struct seen *seen, struct str value, struct http_head *h)
{
	(void)h;
	struct str option;
	while (str_split(&value, ',', &option)) {
		option = str_trim(option);
		seen->close = seen->close || str_eq_nocase(option, STR("close"));
		seen->keep_alive = seen->keep_alive || str_eq_nocase(option, STR("keep-alive"));
	}
	return true;
}

static bool
see_expect(struct seen *seen, struct str value, struct http_head *h)
{
	(void)seen;
	if (!str_eq_nocase(value, STR("100-continue")))
		return refuse(h, 417, "unknown expectation");
	/* An expectation of HTTP/1.0 is ignored (RFC 9110, section 10.1.1). */
	h->expect_continue = h->minor == 1;
	return true;
}

static const struct {
	struct str name;
	bool (*see)(struct seen *seen, struct str value, struct http_head *h);
} known_fields[] = {
	{ STR_INIT("Host"), see_host },
	{ STR_INIT("Content-Length"), see_content_length },
	{ STR_INIT("Transfer-Encoding"), see_transfer_encoding },
	{ STR_INIT("Connection"), see_connection },
	{ STR_INIT("Expect"), see_expect },
};

/* What only the fields together can tell. */
static bool
judge(const struct seen *seen, const struct http_limits *limits, struct http_head *h)
{
	if (h->minor == 1 && !seen->host)
		return refuse(h, 400, "Host is missing");
	if (seen->coding && seen->length)
		return refuse(h, 400, "both Content-Length and Transfer-Encoding");
	if (seen->coding && h->minor == 0)
		return refuse(h, 400, "Transfer-Encoding in HTTP/1.0");
	if (h->content_length > 0 && (uint64_t)h->content_length > limits->body_max)
		return refuse(h, 413, "the body is larger than allowed");
	h->keep_alive = !seen->close && (h->minor == 1 || seen->keep_alive);
	return true;
}

/* --- fields --- */

/* One field line without its CRLF. */
static bool
parse_field(struct str line, struct http_header *ret, struct http_head *h)
{
	size_t n = 0;
	while (n < line.n && http_is_token((unsigned char)line.p[n]))
		n++;
	if (n == 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return refuse(h, 400, "a field is continued on a second line");
	if (n == 0 || n == line.n || line.p[n] != ':')
		return refuse(h, 400, "invalid field name");
	ret->name = (struct str){ line.p, n };
	struct str value = { line.p + n + 1, line.n - n - 1 };
	bool valid = true;
	for (size_t i = 0; i < value.n; i++)
		valid &= http_is_value((unsigned char)value.p[i]);
	if (!valid)
		return refuse(h, 400, "control character in a field value");
	ret->value = str_trim(value);
	return true;
}

/* All field lines, each with its CRLF (the first pass has made sure of that). */
static bool
parse_fields(struct str rest, const struct http_limits *limits, struct http_head *h,
    struct http_header *headers)
{
	struct seen seen = { 0 };
	while (rest.n) {
		if (h->nheaders == limits->headers_max)
			return refuse(h, 431, "too many fields");
		const char *lf = memchr(rest.p, '\n', rest.n);
		size_t n = (size_t)(lf + 1 - rest.p);
		struct http_header *field = &headers[h->nheaders];
		if (!parse_field((struct str){ rest.p, n - 2 }, field, h))
			return false;
		for (size_t i = 0; i < ARRAY_LEN(known_fields); i++)
			if (field->name.n == known_fields[i].name.n &&
			    str_eq_nocase(field->name, known_fields[i].name) &&
			    !known_fields[i].see(&seen, field->value, h))
				return false;
		h->nheaders++;
		rest.p += n;
		rest.n -= n;
	}
	return judge(&seen, limits, h);
}

/* --- the first pass --- */

/* Moves *scan behind the line it is in. The line's end must lie within the first `window` bytes. */
static enum http_parse
next_line(struct str in, size_t window, struct http_scan *scan, int too_long, struct http_head *h)
{
	size_t n = in.n < window ? in.n : window;
	const char *lf = scan->seen < n ? memchr(in.p + scan->seen, '\n', n - scan->seen) : NULL;
	if (!lf) {
		scan->seen = n;
		if (n < window)
			return HTTP_PARSE_MORE;
		refuse(h, too_long,
		    too_long == 414 ? "the request line is too long" : "the head is too large");
		return HTTP_PARSE_REFUSE;
	}
	if (lf == in.p + scan->start || lf[-1] != '\r') {
		refuse(h, 400, "a line ends without CR");
		return HTTP_PARSE_REFUSE;
	}
	scan->seen = (size_t)(lf + 1 - in.p);
	return HTTP_PARSE_OK;
}

/* The request line, judged when its end is there. Clients of old send an empty line behind a body,
 * so one in front is skipped (RFC 9112, section 2.2). */
static enum http_parse
first_line(
    struct str in, const struct http_limits *limits, struct http_scan *scan, struct http_head *h)
{
	if (scan->start == 0 && in.n && in.p[0] == '\r') {
		if (in.n < 2)
			return HTTP_PARSE_MORE;
		if (in.p[1] == '\n')
			scan->start = scan->seen = 2;
	}
	if (in.n == scan->start)
		return HTTP_PARSE_MORE;
	if (!http_is_token((unsigned char)in.p[scan->start])) {
		refuse(h, 400, "this is no HTTP request");
		return HTTP_PARSE_REFUSE;
	}
	size_t window = scan->start + limits->line_max + 2;
	if (window > limits->head_max)
		window = limits->head_max;
	size_t start = scan->start;
	enum http_parse r = next_line(in, window, scan, 414, h);
	if (r != HTTP_PARSE_OK)
		return r;
	if (!parse_request_line((struct str){ in.p + start, scan->seen - 2 - start }, h))
		return HTTP_PARSE_REFUSE;
	scan->start = scan->line = scan->seen;
	return HTTP_PARSE_OK;
}

/* The empty line that ends the head. */
static enum http_parse
last_line(
    struct str in, const struct http_limits *limits, struct http_scan *scan, struct http_head *h)
{
	for (;;) {
		enum http_parse r = next_line(in, limits->head_max, scan, 431, h);
		if (r != HTTP_PARSE_OK || scan->seen - scan->start == 2)
			return r;
		scan->start = scan->seen;
	}
}

/* Restores what an earlier call learnt from the request line. */
static void
repeat_first_line(struct str in, const struct http_scan *scan, struct http_head *h)
{
	size_t start = in.p[0] == '\r' ? 2 : 0;
	parse_request_line((struct str){ in.p + start, scan->line - 2 - start }, h);
}

enum http_parse
http_parse_head(struct str in, const struct http_limits *limits, struct http_scan *scan,
    struct http_head *ret, struct http_header *headers)
{
	*ret = (struct http_head){ .content_length = -1 };
	bool again = scan->line != 0;
	enum http_parse r = again ? HTTP_PARSE_OK : first_line(in, limits, scan, ret);
	if (r == HTTP_PARSE_OK)
		r = last_line(in, limits, scan, ret);
	if (again && r != HTTP_PARSE_MORE)
		repeat_first_line(in, scan, ret);
	if (r != HTTP_PARSE_OK)
		return r;
	struct str fields = { in.p + scan->line, scan->start - scan->line };
	if (!parse_fields(fields, limits, ret, headers))
		return HTTP_PARSE_REFUSE;
	ret->head_bytes = scan->seen;
	return HTTP_PARSE_OK;
}
