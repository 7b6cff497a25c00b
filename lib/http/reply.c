/* Answers: status line, framing and connection headers, and the JSON errors of the front itself. */
#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/jw.h"
#include "base/metric.h"

#include "http/server-internal.h"

/* Reason phrases, and for the refusals of the parser and the server the `code` of their JSON. */
static const struct {
	int status;
	const char *phrase;
	const char *code;
} statuses[] = {
	{ 200, "OK", NULL },
	{ 202, "Accepted", NULL },
	{ 201, "Created", NULL },
	{ 204, "No Content", NULL },
	{ 304, "Not Modified", NULL },
	{ 400, "Bad Request", "generic_error" },
	{ 401, "Unauthorized", NULL },
	{ 403, "Forbidden", NULL },
	{ 404, "Not Found", NULL },
	{ 405, "Method Not Allowed", "method_not_allowed" },
	{ 406, "Not Acceptable", NULL },
	{ 408, "Request Timeout", "request_timeout" },
	{ 409, "Conflict", NULL },
	{ 410, "Gone", NULL },
	{ 412, "Precondition Failed", NULL },
	{ 413, "Content Too Large", "payload_too_large" },
	{ 414, "URI Too Long", "uri_too_long" },
	{ 415, "Unsupported Media Type", NULL },
	{ 417, "Expectation Failed", "expectation_failed" },
	{ 422, "Unprocessable Content", NULL },
	{ 429, "Too Many Requests", NULL },
	{ 431, "Request Header Fields Too Large", "headers_too_large" },
	{ 500, "Internal Server Error", "server_error" },
	{ 501, "Not Implemented", "not_implemented" },
	{ 503, "Service Unavailable", "unavailable" },
	{ 504, "Gateway Timeout", NULL },
	{ 505, "HTTP Version Not Supported", "http_version_not_supported" },
};

static const char *
phrase_of(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].phrase;
	return "Unknown"; /* clients go by the number */
}

static const char *
code_of(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (statuses[i].status == status && statuses[i].code)
			return statuses[i].code;
	return "generic_error";
}

static void
count(int status)
{
	static const enum metric classes[] = { METRIC_HTTP_2XX, METRIC_HTTP_3XX, METRIC_HTTP_4XX,
		METRIC_HTTP_5XX };
	assert(status >= 200 && status <= 599);
	metric_add(classes[status / 100 - 2], 1);
}

static struct str
write_head(struct conn *c, int status, const char *type, size_t body_bytes, const char *extra)
{
	struct buf *b = &c->server->scratch;
	buf_clear(b);
	buf_adds(b, "HTTP/1.1 ");
	buf_add_i64(b, status);
	buf_addc(b, ' ');
	buf_adds(b, phrase_of(status));
	if (type) {
		buf_adds(b, "\r\nContent-Type: ");
		buf_adds(b, type);
	}
	if (status != 204 && status != 304) { /* RFC 9110, section 8.6 */
		buf_adds(b, "\r\nContent-Length: ");
		buf_add_i64(b, (int64_t)body_bytes);
	}
	if (c->closing)
		buf_adds(b, "\r\nConnection: close");
	else if (c->head.minor == 0)
		buf_adds(b, "\r\nConnection: keep-alive");
	buf_adds(b, "\r\n");
	buf_adds(b, extra);
	buf_adds(b, "\r\n");
	assert(!b->failed); /* a handler's header lines are short */
	return (struct str){ b->data, b->len };
}

static void
answer(struct conn *c, int status, const char *type, struct str body, const char *extra)
{
	count(status);
	if (!type)
		body = STR("");
	struct str head = write_head(c, status, type, body.n, extra);
	if (c->head.method == HTTP_HEAD)
		body = STR("");
	conn_answer(c, head, body);
}

void
http_reply(
    struct http_request *rq, int status, const char *type, struct str body, const char *extra)
{
	struct conn *c = (struct conn *)(void *)((char *)rq - offsetof(struct conn, rq));
	assert(c->state == CONN_HANDLE);
	struct http_server *s = c->server;
	if (!s) {
		conn_free(c);
		return;
	}
	s->pending--;
	c->closing = c->closing || s->draining || !c->head.keep_alive;
	answer(c, status, type, body, extra);
}

/* Headers that RFC 9110 asks of a status (sections 15.5.6 and 10.2.3). */
static const char *
extra_of(int status)
{
	if (status == 405)
		return "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
	return status == 503 ? "Retry-After: 1\r\n" : "";
}

void
conn_refuse(struct conn *c, int status, const char *reason)
{
	struct buf body;
	struct jw j;
	char extra[256];
	int n = snprintf(extra, sizeof(extra), "%s%s", c->server->of_refusals, extra_of(status));
	assert(n >= 0 && (size_t)n < sizeof(extra)); /* our own constants */
	buf_init(&body, 1024);
	jw_begin(&j, &body);
	jw_open_object(&j);
	jw_put_text(&j, "code", str_of(code_of(status)));
	jw_put_text(&j, "detail", str_of(reason));
	jw_close_object(&j);
	jw_end(&j);
	c->closing = true;
	answer(c, status, "application/json", (struct str){ body.data, body.len }, extra);
	buf_free(&body);
}
