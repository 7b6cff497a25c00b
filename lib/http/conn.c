/* One connection: bytes to request, request to handler, answer to bytes.
 *
 * Invariants:
 * 1. One recv a wake-up and one request a turn, so that no client starves the others.
 * 2. Nothing touches the connection after the handler was called: it may have answered, and the
 *    answer may have closed it. The handler's call is therefore the last thing each path does.
 * 3. `in` does not move between the handler's call and http_reply: nothing is read meanwhile.
 * 4. A closing connection is shut down for writing and read until the client closes too (RFC 9112,
 *    section 9.6): closing with unread bytes would send a reset that can destroy the answer.
 *
 * Memory a stranger can hold: one request (head_max + body_max) and one answer. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/metric.h"

#include "http/server-internal.h"

#define READ_MIN     2048         /* bytes of room for a read: a head and a usual event */
#define READ_MAX     (256 * 1024) /* room grows no faster than this ahead of a declared length */
#define READ_KEEP    (16 * 1024)  /* larger input buffers are freed, not kept as spares */
#define CHUNKED_ROOM (16 * 1024)  /* room for a read of a chunked body */
#define LINGER_BYTES (64 * 1024)  /* dropped on top of one body's maximum, then it is a reset */

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_next(void *arg);

/* --- birth and death --- */

struct conn *
conn_new(struct http_server *s, int fd)
{
	struct conn *c = mem_zalloc(sizeof(*c));
	c->server = s;
	c->fd = fd;
	buf_init(&c->in, s->limits.head_max + s->limits.body_max + READ_MAX);
	buf_init(&c->body, s->limits.body_max);
	buf_init(&c->out, SIZE_MAX / 2); /* bounded by the handler's answer */
	defer_init(&c->next, s->loop, on_next, c);
	struct event_base *base = loop_base(s->loop);
	event_assign(&c->readable, base, fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->writable, base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
	event_add(&c->readable, NULL);
	c->since = loop_now(s->loop);
	weight_init(&c->weight, c->since);
	s->connections++;
	metric_add(METRIC_HTTP_CONNECTIONS, 1);
	c->state = CONN_IDLE;
	TAILQ_INSERT_TAIL(&s->conns[CONN_IDLE], c, entry);
	conn_set(c, CONN_IDLE);
	return c;
}

/* Everything that ties the connection to the loop and the network. */
static void
disconnect(struct conn *c)
{
	defer_cancel(&c->next);
	event_del(&c->readable);
	event_del(&c->writable);
	close(c->fd);
	c->fd = -1;
	c->server->connections--;
	metric_add(METRIC_HTTP_CONNECTIONS, -1);
}

void
conn_close(struct conn *c)
{
	assert(c->state != CONN_DEAD);
	disconnect(c);
	conn_set(c, CONN_DEAD);
	defer_schedule(&c->server->reap);
}

void
conn_orphan(struct conn *c)
{
	assert(c->state == CONN_HANDLE);
	disconnect(c);
	TAILQ_REMOVE(&c->server->conns[c->state], c, entry);
	c->server = NULL;
}

void
conn_free(struct conn *c)
{
	arena_free(c->rq.arena);
	buf_free(&c->in);
	buf_free(&c->body);
	buf_free(&c->out);
	free(c);
}

/* --- memory that goes from request to request --- */

static void
take_in(struct conn *c)
{
	struct http_server *s = c->server;
	if (c->in.cap == 0 && s->spare_ins > 0)
		c->in = s->spare_in[--s->spare_ins];
}

static void
give_in(struct conn *c)
{
	struct http_server *s = c->server;
	size_t max = c->in.max;
	c->off = 0;
	buf_clear(&c->in);
	if (c->in.cap && c->in.cap <= READ_KEEP && s->spare_ins < SPARES_MAX)
		s->spare_in[s->spare_ins++] = c->in;
	else
		buf_free(&c->in);
	buf_init(&c->in, max);
}

static struct arena *
take_arena(struct http_server *s)
{
	return s->spare_arenas > 0 ? s->spare_arena[--s->spare_arenas] : arena_new();
}

static void
give_arena(struct http_server *s, struct arena *a)
{
	if (!a)
		return;
	if (s->spare_arenas == SPARES_MAX) {
		arena_free(a);
		return;
	}
	arena_reset(a);
	s->spare_arena[s->spare_arenas++] = a;
}

/* --- reading --- */

void
conn_deafen(struct conn *c)
{
	event_del(&c->readable);
	c->deaf = true;
}

static void
listen_to(struct conn *c)
{
	if (c->deaf)
		event_add(&c->readable, NULL);
	c->deaf = false;
}

/* How much room the next read should find. */
static size_t
read_size(const struct conn *c)
{
	if (c->head.head_bytes == 0)
		return READ_MIN;
	if (c->head.chunked)
		return CHUNKED_ROOM;
	size_t whole = c->head.head_bytes + (size_t)c->head.content_length;
	size_t missing = whole - (c->in.len - c->off);
	return missing < READ_MAX ? missing : READ_MAX;
}

/* Room behind what `in` holds. Finished requests are only cut off when room runs out, so a byte is
 * moved at most once per buffer read. */
static char *
read_room(struct conn *c, size_t *ret_n)
{
	take_in(c);
	size_t want = read_size(c);
	if (c->off && c->in.cap - c->in.len <= want) {
		buf_consume(&c->in, c->off);
		c->off = 0;
	}
	char *room = buf_reserve(&c->in, want);
	assert(room); /* a request's parts are bounded before they are read */
	*ret_n = c->in.cap - 1 - c->in.len;
	return room;
}

/* "100 Continue", once the head is accepted and while nothing of the body is there (RFC 9110,
 * section 10.1.1). A client that never gets it sends its body all the same, after a while. */
static int
send_continue(struct conn *c)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (!c->head.expect_continue || c->continued || c->in.len - c->off > c->head.head_bytes)
		return 0;
	c->continued = true;
	ssize_t n = send(c->fd, line, sizeof(line) - 1, MSG_NOSIGNAL);
	if (n == (ssize_t)sizeof(line) - 1 || (n < 0 && errno == EAGAIN))
		return 0;
	return -1; /* half a line cannot be taken back */
}

/* Decodes what is behind the head, in place of it: raw bytes do not pile up. */
static enum http_parse
read_chunked(struct conn *c)
{
	size_t start = c->off + c->head.head_bytes, used;
	struct str raw = { c->in.data + start, c->in.len - start };
	enum http_parse r = http_chunked_decode(
	    &c->chunked, raw, &used, &c->body, &c->head.status, &c->head.reason);
	if (used) {
		memmove(c->in.data + start, raw.p + used, raw.n - used + 1);
		c->in.len -= used;
	}
	return r;
}

static enum http_parse
read_head(struct conn *c)
{
	struct str in = { c->in.data + c->off, c->in.len - c->off };
	return http_parse_head(in, &c->server->limits, &c->scan, &c->head, c->server->headers);
}

static enum http_parse
read_body(struct conn *c)
{
	if (c->head.chunked)
		return read_chunked(c);
	size_t have = c->in.len - c->off - c->head.head_bytes;
	bool whole = c->head.content_length <= 0 || have >= (size_t)c->head.content_length;
	return whole ? HTTP_PARSE_OK : HTTP_PARSE_MORE;
}

/* --- to the handler --- */

static void
hand_over(struct conn *c)
{
	struct http_server *s = c->server;
	struct http_head *h = &c->head;
	struct arena *arena = take_arena(s);
	struct str body = { c->in.data + c->off + h->head_bytes, 0 };
	c->size = h->head_bytes;
	if (h->content_length > 0) {
		body.n = (size_t)h->content_length;
		c->size += body.n;
	} else if (h->chunked) {
		body = (struct str){ c->body.data, c->body.len };
	}
	size_t bytes = sizeof(struct http_header) * (size_t)h->nheaders;
	c->rq = (struct http_request){
		.method = h->method,
		.target = h->target,
		.path = h->path,
		.query = h->query,
		.nheaders = h->nheaders,
		.headers = memcpy(arena_alloc(arena, bytes), s->headers, bytes),
		.body = body,
		.arena = arena,
		.received = loop_now(s->loop),
	};
	conn_weigh(c);
	conn_set(c, CONN_HANDLE);
	s->pending++;
	s->handler(s->ctx, &c->rq);
}

/* Looks at what has been read and does the one thing that follows from it. */
static void
conn_step(struct conn *c)
{
	defer_cancel(&c->next);
	bool fresh = c->head.head_bytes == 0;
	enum http_parse r = fresh ? read_head(c) : HTTP_PARSE_OK;
	if (r == HTTP_PARSE_OK) {
		if (fresh && c->head.chunked)
			http_chunked_init(&c->chunked);
		r = read_body(c);
		if (r == HTTP_PARSE_MORE && send_continue(c)) {
			conn_close(c);
			return;
		}
	}
	if (r == HTTP_PARSE_MORE) {
		if (c->state == CONN_IDLE)
			conn_set(c, CONN_READ);
		return;
	}
	if (r == HTTP_PARSE_REFUSE) {
		conn_refuse(c, c->head.status, c->head.reason);
		return;
	}
	if (!fresh) { /* the buffer has moved since, and the headers' array has served others */
		c->scan = (struct http_scan){ 0 };
		r = read_head(c);
		assert(r == HTTP_PARSE_OK);
	}
	hand_over(c);
}

static void
on_next(void *arg)
{
	conn_step(arg);
}

static void
read_request(struct conn *c)
{
	if (c->next.pending) /* its turn comes at the end of this one; do not pile up more */
		return;
	if (c->state == CONN_IDLE && conn_leaves(c))
		return; /* with the request */
	size_t room;
	char *to = read_room(c, &room);
	ssize_t n = recv(c->fd, to, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (c->in.len == 0)
			give_in(c);
		return;
	}
	if (n <= 0) {
		conn_close(c);
		return;
	}
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = '\0';
	conn_step(c);
}

/* Reads and drops; see invariant 4. */
static void
read_rest(struct conn *c)
{
	char rest[16 * 1024];
	ssize_t n = recv(c->fd, rest, sizeof(rest), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->lingered += (size_t)n;
	if (n <= 0 || c->lingered > LINGER_BYTES + c->server->limits.body_max)
		conn_close(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct conn *c = arg;
	switch (c->state) {
	case CONN_IDLE:
	case CONN_READ:
		read_request(c);
		break;
	case CONN_LINGER:
		read_rest(c);
		break;
	case CONN_HANDLE:
	case CONN_WRITE: /* the client's next request, or its end, waits until listen_to */
		conn_deafen(c);
		break;
	case CONN_LEFT:
	case CONN_DEAD:
	case CONN_STATES:
		abort();
	}
}

/* --- writing --- */

/* The answer has left: what now? */
static void
answer_sent(struct conn *c)
{
	listen_to(c);
	if (c->closing || c->server->draining) {
		give_in(c);
		shutdown(c->fd, SHUT_WR);
		conn_set(c, CONN_LINGER);
	} else if (c->off < c->in.len) {
		conn_set(c, CONN_READ);
		defer_schedule(&c->next);
	} else {
		give_in(c);
		conn_set(c, CONN_IDLE);
		conn_answered(c);
	}
}

/* Releases what the request held. */
static void
end_request(struct conn *c)
{
	give_arena(c->server, c->rq.arena);
	c->rq.arena = NULL;
	c->off += c->size;
	c->size = 0;
	c->scan = (struct http_scan){ 0 };
	c->head = (struct http_head){ 0 };
	c->continued = false;
	buf_free(&c->body);
}

/* Keeps what the socket did not take. */
static void
keep_rest(struct conn *c, struct str head, struct str body, size_t sent)
{
	size_t of_head = sent < head.n ? sent : head.n;
	size_t of_body = sent - of_head;
	c->written = 0;
	buf_clear(&c->out);
	buf_reserve(&c->out, head.n + body.n - sent);
	buf_add(&c->out, head.p + of_head, head.n - of_head);
	buf_add(&c->out, body.p + of_body, body.n - of_body);
}

void
conn_answer(struct conn *c, struct str head, struct str body)
{
	/* sendmsg is writev with MSG_NOSIGNAL; it only reads what the pointers point to. */
	struct iovec parts[2] = { { (void *)(uintptr_t)head.p, head.n },
		{ (void *)(uintptr_t)body.p, body.n } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = body.n ? 2 : 1 };
	if (fault_hit(FAULT_ANSWER_WRITE))
		shutdown(c->fd, SHUT_RDWR);
	ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end_request(c);
		conn_close(c);
		return;
	}
	size_t sent = n < 0 ? 0 : (size_t)n;
	bool whole = sent == head.n + body.n;
	if (!whole)
		keep_rest(c, head, body, sent);
	end_request(c);
	if (whole) {
		answer_sent(c);
		return;
	}
	event_add(&c->writable, NULL);
	conn_set(c, CONN_WRITE);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct conn *c = arg;
	ssize_t n = send(c->fd, c->out.data + c->written, c->out.len - c->written, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			conn_close(c);
		return;
	}
	c->written += (size_t)n;
	if (c->written < c->out.len) {
		conn_set(c, CONN_WRITE); /* progress: a new deadline */
		return;
	}
	event_del(&c->writable);
	buf_free(&c->out);
	answer_sent(c);
}
