/* The server: its limits, the listener, the connections as a whole, and how it ends.
 *
 * Accepting is bounded per wake-up, which also shares the connections out between the workers that
 * wait on the same socket. When descriptors run out, an idle connection makes room; without one,
 * the spare descriptor lets one client through to be told 503, and the listener pauses: a
 * level-triggered event on a queue that cannot be emptied would spin. */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#include "http/server-internal.h"

#define ACCEPT_BATCH  8                   /* connections a wake-up */
#define ACCEPT_PAUSE  (100 * USEC_PER_MS) /* without descriptors */
#define REFUSED_EXTRA 32          /* connections beyond the cap that get to read their 503 */
#define VICTIM_TRIES  16          /* idle connections looked at */
#define SCRATCH_MAX   (64 * 1024) /* bytes of an answer's head */

void
http_limits_default(struct http_limits *l)
{
	*l = (struct http_limits){
		.head_max = 16 * 1024,
		.line_max = 8 * 1024,
		.headers_max = 100,
		.body_max = 2 * 1024 * 1024,
		.connections_max = 4096,
		.request_deadline = 30 * USEC_PER_SEC,
		.idle_deadline = 75 * USEC_PER_SEC,
		.write_deadline = 30 * USEC_PER_SEC,
	};
}

struct str
http_header_get(const struct http_request *rq, const char *name)
{
	struct str wanted = str_of(name);
	for (int i = 0; i < rq->nheaders; i++)
		if (str_eq_nocase(rq->headers[i].name, wanted))
			return rq->headers[i].value;
	return (struct str){ NULL, 0 };
}

/* --- accepting --- */

/* The connection that loses least: one that is closing anyway, or the longest idle. */
static struct conn *
find_victim(struct http_server *s)
{
	if (!TAILQ_EMPTY(&s->conns[CONN_LINGER]))
		return TAILQ_FIRST(&s->conns[CONN_LINGER]);
	struct conn *c = TAILQ_FIRST(&s->conns[CONN_IDLE]);
	for (int i = 0; c && i < VICTIM_TRIES; i++, c = TAILQ_NEXT(c, entry))
		if (!conn_has_unread(c))
			return c;
	return NULL;
}

static bool
make_room(struct http_server *s)
{
	struct conn *c = find_victim(s);
	if (c)
		conn_close(c);
	return c != NULL;
}

/* fd is connected and nonblocking. NULL: turned away. */
static struct conn *
serve(struct http_server *s, int fd)
{
	int max = s->limits.connections_max;
	while (s->connections >= max && make_room(s))
		;
	if (s->connections >= max + REFUSED_EXTRA) {
		close(fd);
		return NULL;
	}
	bool full = s->connections >= max;
	struct conn *c = conn_new(s, fd);
	if (!full)
		return c;
	conn_refuse(c, 503, "too many connections");
	return NULL;
}

static void
open_spare(struct http_server *s)
{
	if (s->spare_fd < 0)
		s->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Tells one waiting client that we are full, on the descriptor kept for that. */
static void
turn_away(struct http_server *s)
{
	if (s->spare_fd < 0)
		return;
	close(s->spare_fd);
	s->spare_fd = -1;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		conn_refuse(conn_new(s, fd), 503, "out of file descriptors");
	else
		open_spare(s);
}

static void
pause_accepting(struct http_server *s)
{
	event_del(&s->acceptable);
	timer_set(&s->resume, ACCEPT_PAUSE);
}

static void
on_resume(void *arg)
{
	struct http_server *s = arg;
	open_spare(s);
	if (!s->draining)
		event_add(&s->acceptable, NULL);
}

static void
on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
	(void)what;
	struct http_server *s = arg;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (!s->accept_fn || !s->accept_fn(s->accept_arg, fd))
				serve(s, fd);
			continue;
		}
		if (errno == EAGAIN)
			return;
		bool exhausted = errno == EMFILE || errno == ENFILE;
		if (exhausted && make_room(s))
			continue;
		if (exhausted)
			turn_away(s);
		if (exhausted || errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(s);
			return;
		}
		/* Anything else is the trouble of that one connection (accept(2), error handling).
		 */
	}
}

/* --- the server as a whole --- */

/* Frees what was closed in this turn: nothing dies on its own callback's stack. */
static void
on_reap(void *arg)
{
	struct http_server *s = arg;
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->conns[CONN_DEAD]))) {
		TAILQ_REMOVE(&s->conns[CONN_DEAD], c, entry);
		conn_free(c);
	}
}

void
http_server_on_accept(struct http_server *s, bool (*fn)(void *arg, int fd), void *arg)
{
	s->accept_fn = fn;
	s->accept_arg = arg;
}

struct http_server *
http_server_new(struct loop *l, int listen_fd, const struct http_limits *limits,
    http_handler_fn handler, void *ctx)
{
	struct http_server *s = mem_zalloc(sizeof(*s));
	s->loop = l;
	s->listen_fd = listen_fd;
	s->limits = *limits;
	s->handler = handler;
	s->ctx = ctx;
	s->of_refusals = mem_strdup("");
	s->headers = mem_zalloc(sizeof(*s->headers) * (size_t)limits->headers_max);
	buf_init(&s->scratch, SCRATCH_MAX);
	defer_init(&s->reap, l, on_reap, s);
	timer_init(&s->resume, l, on_resume, s);
	deadline_init(s);
	move_init(s);
	s->spare_fd = -1;
	open_spare(s);
	event_assign(
	    &s->acceptable, loop_base(l), listen_fd, EV_READ | EV_PERSIST, on_acceptable, s);
	event_add(&s->acceptable, NULL);
	return s;
}

void
http_server_refusal_headers(struct http_server *s, const char *lines)
{
	free(s->of_refusals);
	s->of_refusals = mem_strdup(lines);
}

void
http_server_adopt(struct http_server *s, int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	struct conn *c = serve(s, fd);
	if (c && s->draining && !conn_has_unread(c))
		conn_close(c);
}

/* What has arrived is still served. */
void
http_server_drain(struct http_server *s)
{
	if (s->draining)
		return;
	s->draining = true;
	event_del(&s->acceptable);
	timer_stop(&s->resume);
	for (struct conn *c = TAILQ_FIRST(&s->conns[CONN_IDLE]), *next; c; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (!conn_has_unread(c))
			conn_close(c);
	}
}

int
http_server_connections(const struct http_server *s)
{
	return s->connections;
}

int
http_server_pending(const struct http_server *s)
{
	return s->pending;
}

/* Closes all connections; those the handler still holds stay as orphans. */
static void
close_all(struct http_server *s)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->conns[CONN_HANDLE])))
		conn_orphan(c);
	for (int state = 0; state < CONN_DEAD; state++)
		while ((c = TAILQ_FIRST(&s->conns[state])))
			conn_close(c);
	on_reap(s);
}

void
http_server_free(struct http_server *s)
{
	if (!s)
		return;
	move_done(s);
	close_all(s);
	defer_cancel(&s->reap);
	event_del(&s->acceptable);
	timer_done(&s->resume);
	timer_done(&s->check);
	if (s->spare_fd >= 0)
		close(s->spare_fd);
	while (s->spare_ins > 0)
		buf_free(&s->spare_in[--s->spare_ins]);
	while (s->spare_arenas > 0)
		arena_free(s->spare_arena[--s->spare_arenas]);
	buf_free(&s->scratch);
	free(s->headers);
	free(s->of_refusals);
	free(s);
}
