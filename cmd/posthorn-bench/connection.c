/* A keep-alive HTTP/1.1 client on a bare socket, made to cost little: the usual exchange is one
 * send(2) of bytes that the caller keeps ready, one wake-up and one recv(2).
 *
 * The server may close an idle connection at any time; the next request opens another. A request
 * that met the closing is lost without an answer and reported as such: whether it was taken is not
 * known, and sending it again could make two events of it. */
#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#include "answer.h"
#include "http/parser.h"

#define READ_SIZE  4096              /* an answer to an event without its payload, many times */
#define ANSWER_MAX (4 * 1024 * 1024) /* bytes of a whole answer */

enum connection_state {
	CONNECTION_DOWN,    /* no socket */
	CONNECTION_OPENING, /* connecting; the request waits in out */
	CONNECTION_IDLE,
	CONNECTION_BUSY, /* a request under way */
	CONNECTION_LOST, /* as DOWN, and on_lost is due to report it */
};

struct connection {
	enum connection_state state;
	int fd; /* -1: none */
	struct loop *loop;
	const struct peer_node *node;
	connection_fn fn;
	void *arg;
	struct event readable, writable;
	struct buf in;  /* the answer */
	struct buf out; /* what the socket has not taken yet */
	size_t written; /* of out */
	struct defer lost;
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_lost(void *arg);

struct connection *
connection_new(struct loop *l, const struct peer_node *node, connection_fn fn, void *arg)
{
	struct connection *c = mem_zalloc(sizeof(*c));
	c->fd = -1;
	c->loop = l;
	c->node = node;
	c->fn = fn;
	c->arg = arg;
	buf_init(&c->in, ANSWER_MAX);
	buf_init(&c->out, SIZE_MAX / 2); /* one request of the caller's */
	defer_init(&c->lost, l, on_lost, c);
	return c;
}

static void
disconnect(struct connection *c)
{
	if (c->fd < 0)
		return;
	event_del(&c->readable);
	event_del(&c->writable);
	close(c->fd);
	c->fd = -1;
	c->state = CONNECTION_DOWN;
}

void
connection_free(struct connection *c)
{
	if (!c)
		return;
	disconnect(c);
	defer_cancel(&c->lost);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

/* The request under way has no answer: said in the next turn. */
static void
lose(struct connection *c)
{
	disconnect(c);
	c->state = CONNECTION_LOST;
	defer_schedule(&c->lost);
}

static void
on_lost(void *arg)
{
	struct connection *c = arg;
	c->state = CONNECTION_DOWN;
	c->fn(c->arg, 0, STR(""));
}

void
connection_abort(struct connection *c)
{
	if (c->state == CONNECTION_BUSY || c->state == CONNECTION_OPENING)
		lose(c);
}

/* --- sending --- */

static void
open_socket(struct connection *c)
{
	int on = 1;
	const struct sockaddr *to = (const struct sockaddr *)&c->node->address;
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		lose(c);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct event_base *base = loop_base(c->loop);
	c->fd = fd;
	event_assign(&c->readable, base, fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->writable, base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	if (connect(fd, to, c->node->address_len) && errno != EINPROGRESS) {
		lose(c);
		return;
	}
	c->state = CONNECTION_OPENING;
	event_add(&c->writable, NULL);
}

static void
keep_rest(struct connection *c, const char *bytes, size_t n)
{
	buf_clear(&c->out);
	buf_add(&c->out, bytes, n);
	c->written = 0;
}

void
connection_send(struct connection *c, const char *bytes, size_t n)
{
	assert(c->state == CONNECTION_DOWN || c->state == CONNECTION_IDLE);
	buf_clear(&c->in);
	if (c->state == CONNECTION_DOWN) {
		keep_rest(c, bytes, n);
		open_socket(c);
		return;
	}
	c->state = CONNECTION_BUSY;
	ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN) {
		lose(c);
		return;
	}
	size_t taken = sent < 0 ? 0 : (size_t)sent;
	if (taken < n) {
		keep_rest(c, bytes + taken, n - taken);
		event_add(&c->writable, NULL);
	}
}

/* Connected, or room for more of the request. */
static void
on_writable(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct connection *c = arg;
	if (c->state == CONNECTION_OPENING) {
		c->state = CONNECTION_BUSY;
		event_add(&c->readable, NULL);
	}
	ssize_t n = send(c->fd, c->out.data + c->written, c->out.len - c->written, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN)
			lose(c);
		return;
	}
	c->written += (size_t)n;
	if (c->written < c->out.len)
		return;
	event_del(&c->writable);
	buf_free(&c->out);
	buf_init(&c->out, SIZE_MAX / 2);
}

/* --- receiving --- */

static void
finish(struct connection *c, const struct answer *a, struct str body)
{
	if (a->close)
		disconnect(c);
	else
		c->state = CONNECTION_IDLE;
	c->fn(c->arg, a->status, body);
}

/* The body so far. Returns whether it is whole, -1 when it never will be. */
static int
body_read(
    struct connection *c, const struct answer *a, bool ended, struct buf *decoded, struct str *ret)
{
	struct str raw = { c->in.data + a->head_bytes, c->in.len - a->head_bytes };
	struct http_chunked chunked;
	const char *why;
	size_t used;
	int status;
	*ret = raw;
	switch (a->framing) {
	case ANSWER_LENGTH:
		ret->n = raw.n < a->body_bytes ? raw.n : a->body_bytes;
		return raw.n >= a->body_bytes;
	case ANSWER_UNTIL_CLOSE:
		return ended;
	case ANSWER_CHUNKED: /* from its start each time: rare and short */
		http_chunked_init(&chunked);
		enum http_parse r =
		    http_chunked_decode(&chunked, raw, &used, decoded, &status, &why);
		*ret = (struct str){ decoded->data, decoded->len };
		return r == HTTP_PARSE_REFUSE ? -1 : r == HTTP_PARSE_OK;
	}
	return -1;
}

/* Looks at what has come. Returns false while more is needed. */
static bool
read_answer(struct connection *c, bool ended)
{
	struct answer a;
	struct str body = { NULL, 0 };
	int rc = answer_parse((struct str){ c->in.data, c->in.len }, &a);
	if (rc > 0 && a.status < 200) { /* 100 Continue, 103 Early Hints */
		buf_consume(&c->in, a.head_bytes);
		return read_answer(c, ended);
	}
	if (rc == 0)
		return false;
	struct buf decoded;
	buf_init(&decoded, ANSWER_MAX);
	if (rc > 0)
		rc = body_read(c, &a, ended, &decoded, &body);
	if (rc < 0)
		lose(c);
	else if (rc > 0)
		finish(c, &a, body);
	buf_free(&decoded);
	return rc != 0;
}

static void
on_readable(UNUSED evutil_socket_t fd, UNUSED short what, void *arg)
{
	struct connection *c = arg;
	char *room = buf_reserve(&c->in, READ_SIZE);
	ssize_t n = room ? recv(c->fd, room, c->in.cap - 1 - c->in.len, 0) : -1;
	if (room && n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (c->state == CONNECTION_IDLE) { /* its end, or something nobody asked for */
		disconnect(c);
		return;
	}
	if (n > 0) {
		c->in.len += (size_t)n;
		c->in.data[c->in.len] = '\0';
		read_answer(c, false);
	} else if (n < 0 || !read_answer(c, true)) {
		lose(c);
	}
}
