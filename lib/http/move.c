/* Connections that move to another process.
 *
 * A connection may only go while nothing of a request has been read: whatever the client has sent
 * lies in the socket and goes along. Its readiness has to be withdrawn from epoll first. libevent
 * does that at the start of the next wait, and epoll watches the open file, not the descriptor:
 * were ours closed before, while another process holds the file, its events would come for ever. So
 * the connection waits in CONN_LEAVE for a timer, which the loop only looks at after a wait, and is
 * given and closed at once then; no two processes ever serve it. */
#include <sys/socket.h>

#include "http/server-internal.h"

#define WEIGHT_SPAN USEC_PER_SEC /* over which the shares of connections are compared */
#define WEIGHT_BASE 500          /* bytes that a request counts on top of its own */

bool
conn_has_unread(const struct conn *c)
{
	char byte;
	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* --- what a connection does of all that is done --- */

void
weight_init(struct decay *d, usec_t now)
{
	*d = (struct decay){ .at = now, .span = WEIGHT_SPAN };
}

void
conn_weigh(struct conn *c)
{
	usec_t now = loop_now(c->server->loop);
	double n = (double)(c->size + WEIGHT_BASE);
	decay_add(&c->weight, now, n);
	decay_add(&c->server->weight, now, n);
}

static double
share_of(const struct conn *c)
{
	usec_t now = loop_now(c->server->loop);
	double all = decay_get(&c->server->weight, now);
	return all > 0 ? decay_get(&c->weight, now) / all : 0;
}

/* --- leaving --- */

static void
withdraw(struct conn *c, int to)
{
	struct http_server *s = c->server;
	c->leave_to = to;
	conn_deafen(c);
	conn_set(c, CONN_LEAVE);
	timer_set(&s->leave, 0);
}

bool
conn_leaves(struct conn *c)
{
	struct http_server *s = c->server;
	/* While one is on its way the timer must not be put off. */
	if (!s->mover.whither || s->draining || timer_pending(&s->leave))
		return false;
	struct http_stay stay = { share_of(c), loop_now(s->loop) - c->since };
	int to = s->mover.whither(s->mover.arg, &stay);
	if (to < 0 || !conn_has_unread(c)) /* the end of the connection is for us to see */
		return false;
	withdraw(c, to);
	return true;
}

/* Nobody took it. */
static void
keep(struct conn *c)
{
	if (c->server->draining && !conn_has_unread(c)) {
		conn_close(c);
		return;
	}
	conn_listen(c);
	conn_set(c, CONN_IDLE);
}

static void
on_leave(void *arg)
{
	struct http_server *s = arg;
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->conns[CONN_LEAVE]))) {
		if (s->mover.give && s->mover.give(s->mover.arg, c->fd, c->leave_to))
			conn_close(c);
		else
			keep(c);
	}
}

void
http_server_on_move(struct http_server *s, const struct http_mover *m)
{
	s->mover = m ? *m : (struct http_mover){ 0 };
}

void
http_server_move_idle(struct http_server *s, int to)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->conns[CONN_IDLE])))
		withdraw(c, to);
}

void
move_init(struct http_server *s)
{
	weight_init(&s->weight, clock_mono());
	timer_init(&s->leave, s->loop, on_leave, s);
}
