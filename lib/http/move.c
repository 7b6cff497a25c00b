/* Connections that move to another process.
 *
 * A connection may only go while nothing of a request has been read: whatever the client has sent
 * lies in the socket and goes along. There are two such moments: when a request has been answered,
 * so that the next one arrives where there is time for it, and when the next one begins to arrive.
 *
 * Our descriptor outlives the move by a turn (CONN_LEFT). libevent takes it out of epoll at the
 * start of the next wait, and epoll watches the open file, not the descriptor: had ours been closed
 * before, while the other process holds the file, events would come for ever. Nothing but close(2)
 * happens to it here. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/metric.h"

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
share_of(const struct conn *c, usec_t now)
{
	double all = decay_get(&c->server->weight, now);
	return all > 0 ? decay_get(&c->weight, now) / all : 0;
}

/* --- leaving --- */

/* Another process has it. */
static void
leave(struct conn *c)
{
	struct http_server *s = c->server;
	conn_deafen(c);
	s->connections--;
	metric_add(METRIC_HTTP_CONNECTIONS, -1);
	conn_set(c, CONN_LEFT);
	c->deadline = loop_now(s->loop);
	if (!timer_pending(&s->forget))
		timer_set(&s->forget, 0);
}

static void
forget(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	conn_set(c, CONN_DEAD);
	defer_schedule(&c->server->reap);
}

/* The loop looks at timers after a wait, so what left in an earlier turn is out of epoll now. */
static void
on_forget(void *arg)
{
	struct http_server *s = arg;
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->conns[CONN_LEFT])) && c->deadline < loop_now(s->loop))
		forget(c);
	if (c)
		timer_set(&s->forget, 0);
}

static bool
move(struct conn *c)
{
	struct http_server *s = c->server;
	usec_t now = loop_now(s->loop);
	const struct http_stay stay = { share_of(c, now), now - c->since };
	if (!s->move_fn(s->move_arg, c->fd, &stay))
		return false;
	leave(c);
	return true;
}

bool
conn_leaves(struct conn *c)
{
	return c->server->move_fn && move(c);
}

void
conn_answered(struct conn *c)
{
	struct http_server *s = c->server;
	if (!s->answered.pending)
		s->answered_from = c->deadline;
	defer_schedule_first(&s->answered);
}

/* At the end of a turn, when what its requests brought is known and before it is begun: it may take
 * the rest of the turn. The connections that were answered are the last ones that became idle. */
static void
on_answered(void *arg)
{
	struct http_server *s = arg;
	struct conn *c, *previous;
	TAILQ_FOREACH_REVERSE_SAFE(c, &s->conns[CONN_IDLE], conn_list, entry, previous)
	{
		if (c->deadline < s->answered_from || !s->move_fn)
			return;
		move(c);
	}
}

void
http_server_on_move(
    struct http_server *s, bool (*fn)(void *arg, int fd, const struct http_stay *stay), void *arg)
{
	s->move_fn = fn;
	s->move_arg = arg;
}

void
http_server_move_idle(struct http_server *s)
{
	struct conn *c, *next;
	TAILQ_FOREACH_SAFE(c, &s->conns[CONN_IDLE], entry, next)
		conn_leaves(c);
}

void
move_init(struct http_server *s)
{
	weight_init(&s->weight, clock_mono());
	timer_init(&s->forget, s->loop, on_forget, s);
	defer_init(&s->answered, s->loop, on_answered, s);
}

void
move_done(struct http_server *s)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(&s->conns[CONN_LEFT])))
		forget(c);
	defer_cancel(&s->answered);
	timer_done(&s->forget);
}
