/* The scripted server and its raw clients; see front.h. */
#include "front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* A broken harness is not a failed test: it aborts. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define JSON "application/json"

static void
answer_target(struct http_request *rq)
{
	struct buf b;
	buf_init(&b, 64 * 1024);
	buf_addf(&b, "%s %.*s", http_method_to_text(rq->method), STR_FMT(rq->target));
	http_reply(rq, 200, "text/plain", (struct str){ b.data, b.len }, "");
	buf_free(&b);
}

static void
answer_large(struct http_request *rq)
{
	char *large = mem_alloc(FRONT_LARGE);
	memset(large, 'x', FRONT_LARGE);
	http_reply(rq, 200, "text/plain", (struct str){ large, FRONT_LARGE }, "");
	free(large);
}

static void
handle(void *ctx, struct http_request *rq)
{
	struct front *f = ctx;
	f->handled++;
	if (f->free_in_handler) {
		http_server_free(f->server);
		f->server = NULL;
	}
	if (str_eq(rq->path, STR("/hold"))) {
		MUST(f->nheld < FRONT_HELD_MAX);
		f->held[f->nheld++] = rq;
	} else if (str_eq(rq->path, STR("/echo"))) {
		http_reply(rq, 200, JSON, rq->body, "");
	} else if (str_eq(rq->path, STR("/large"))) {
		answer_large(rq);
	} else if (str_eq(rq->path, STR("/target"))) {
		answer_target(rq);
	} else if (str_eq(rq->path, STR("/none"))) {
		http_reply(rq, 204, NULL, STR(""), "X-Extra: 1\r\n");
	} else {
		http_reply(rq, 200, JSON, STR("{}"), "");
	}
}

void
front_start(struct front *f, const struct http_limits *limits)
{
	struct err e;
	*f = (struct front){ .loop = loop_new() };
	MUST(http_listen("127.0.0.1:0", &f->listen_fd, &f->port, &e) == 0);
	f->server = http_server_new(f->loop, f->listen_fd, limits, handle, f);
}

void
front_stop(struct front *f)
{
	for (int i = 0; i < f->npeers; i++) {
		peer_close(f->peers[i]);
		buf_free(&f->peers[i]->in);
		free(f->peers[i]);
	}
	http_server_free(f->server);
	while (f->nheld > 0)
		front_release(f);
	close(f->listen_fd);
	loop_free(f->loop);
}

static void
peer_read(struct peer *p)
{
	char bytes[64 * 1024];
	while (p->fd >= 0 && !p->mute && !p->ended) {
		ssize_t n = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			p->ended = true;
			p->reset = n < 0;
		} else {
			buf_add(&p->in, bytes, (size_t)n);
		}
	}
}

void
front_turn(struct front *f)
{
	loop_turn(f->loop, 1);
	for (int i = 0; i < f->npeers; i++)
		peer_read(f->peers[i]);
}

void
front_release(struct front *f)
{
	MUST(f->nheld > 0);
	struct http_request *rq = f->held[0];
	f->nheld--;
	memmove(f->held, f->held + 1, sizeof(f->held[0]) * (size_t)f->nheld);
	http_reply(rq, 200, JSON, STR("{}"), "");
}

/* Connecting to a listening socket of this host needs no accept. */
struct peer *
peer_open(struct front *f)
{
	struct peer *p = mem_zalloc(sizeof(*p));
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)f->port) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	buf_init(&p->in, 64 << 20);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(p->fd >= 0 && connect(p->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	MUST(fcntl(p->fd, F_SETFL, O_NONBLOCK) == 0);
	MUST(f->npeers < FRONT_PEERS_MAX);
	f->peers[f->npeers++] = p;
	return p;
}

void
peer_send(struct front *f, struct peer *p, struct str bytes)
{
	while (bytes.n) {
		ssize_t n = send(p->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return;
		if (n < 0) {
			front_turn(f);
			continue;
		}
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
}

void
peer_sends(struct front *f, struct peer *p, const char *text)
{
	peer_send(f, p, str_of(text));
}

void
peer_shut(struct peer *p)
{
	MUST(shutdown(p->fd, SHUT_WR) == 0);
}

void
peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

void
peer_reset(struct peer *p)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_close(p);
}

bool
peer_has(const struct peer *p, const char *text)
{
	return strstr(p->in.data, text) != NULL;
}

int
peer_answers(const struct peer *p)
{
	int n = 0;
	for (const char *at = p->in.data; (at = strstr(at, "HTTP/1.1 ")); at++)
		n++;
	return n;
}
