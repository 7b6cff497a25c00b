/* The API's front: a strict HTTP/1.1 server (RFC 9112) on the loop.
 *
 * A request reaches the handler once it has been read whole: head parsed and judged, body complete
 * (Content-Length or chunked). Anything the parser refuses is answered with a JSON error and
 * "Connection: close" without the handler seeing it. One request at a time per connection;
 * pipelined ones wait in the socket. Limits below; each refusal has its status:
 * request line or head too large 431 (414 for the line), body 413, deadline 408, too many
 * connections: the oldest idle one is closed, else the new one is refused with 503. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include "loop/loop.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
};

struct http_limits {
	size_t head_max; /* bytes of request line and header section */
	size_t line_max; /* bytes of the request line */
	int headers_max; /* fields */
	size_t body_max; /* bytes */
	int connections_max;
	usec_t request_deadline; /* from the first byte of a request to its last */
	usec_t idle_deadline;    /* between requests */
	usec_t write_deadline;   /* without progress of an answer */
};

/* 16 KiB head, 8 KiB line, 100 fields, 2 MiB body, 4096 connections, 30 s, 75 s, 30 s. */
void http_limits_default(struct http_limits *l);

struct http_header {
	struct str name;  /* as sent */
	struct str value; /* trimmed */
};

struct http_server;

/* Valid from the handler's call until http_reply; all slices live that long. */
struct http_request {
	enum http_method method;
	struct str target; /* path and query as sent; absolute-form is reduced to them */
	struct str path;   /* before '?', still percent-encoded */
	struct str query;  /* behind '?', "" when there is none */
	int nheaders;
	const struct http_header *headers;
	struct str body;
	struct arena *arena; /* for the handler's use; dies with the request */
	usec_t received;     /* when the last byte was read */
	void *user;          /* the handler's; NULL at first */
};

/* Called once per request on the loop's stack. The handler answers with exactly one http_reply, at
 * once or later; the request stays valid until then even when the client has gone. */
typedef void (*http_handler_fn)(void *ctx, struct http_request *rq);

/* A value by name (ASCII case ignored), the first; {NULL, 0} when absent. */
struct str http_header_get(const struct http_request *rq, const char *name);

/* One answer. `type` NULL: no body and no Content-Type (usually 204; any other status but 304 then
 * says Content-Length: 0). `extra` is "" or whole header lines each ending in CRLF, without
 * user-controlled bytes. The body is copied out before it returns. HEAD requests get the head
 * alone. */
void http_reply(
    struct http_request *rq, int status, const char *type, struct str body, const char *extra);

/* Header lines (each ending in CRLF) added to refusals, which no handler sees. Copied. */
void http_server_refusal_headers(struct http_server *s, const char *lines);

/* A server on an already listening, nonblocking socket (which it does not own). The handler's ctx
 * is borrowed for the server's life. */
struct http_server *http_server_new(struct loop *l, int listen_fd, const struct http_limits *limits,
    http_handler_fn handler, void *ctx);
/* Shows each accepted socket to fn first (loop's stack); true: fn has taken it, e.g. handed it to
 * another process. */
void http_server_on_accept(struct http_server *s, bool (*fn)(void *arg, int fd), void *arg);
/* Connections may move to another process between two requests: when one has been answered, and
 * when the next one begins to arrive, fn is asked (loop's stack). True: it has given the socket
 * away (it must not close fd). NULL: connections stay. */
struct http_stay {
	double share;  /* of the requests of late, by size, that were this connection's; 0 … 1 */
	usec_t length; /* of its stay with this process */
};
void http_server_on_move(
    struct http_server *s, bool (*fn)(void *arg, int fd, const struct http_stay *stay), void *arg);
/* Asks about all that are idle. */
void http_server_move_idle(struct http_server *s);
/* Serves one more connected socket, which it owns from now on; a server that drains serves the
 * request that has arrived on it, if any. */
void http_server_adopt(struct http_server *s, int fd);
/* Stops accepting; idle connections are closed, the others after the answer under way (with
 * "Connection: close"). */
void http_server_drain(struct http_server *s);
int http_server_connections(const struct http_server *s);
/* Requests handed to the handler and not answered yet. */
int http_server_pending(const struct http_server *s);
/* Closes everything at once; allowed from within the handler. Requests not answered yet stay valid
 * until their http_reply, even when the loop is gone by then. */
void http_server_free(struct http_server *s);

/* Binds and listens: "127.0.0.1:8071", "[::1]:8071", "localhost:0". Nonblocking, close-on-exec.
 * ERR_IO with a clear text ("address 127.0.0.1:8071 is in use by another program") on failure. */
int http_listen(const char *host_port, int *ret_fd, int *ret_port, struct err *e) MUST_CHECK;

const char *http_method_to_text(enum http_method m);
