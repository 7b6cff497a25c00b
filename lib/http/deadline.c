/* Which state a connection is in, and until when.
 *
 * Each state has one duration, so each state's list is ordered by deadline and only its first entry
 * has to be looked at. One timer serves the whole server; it is set when a deadline earlier than
 * the next check comes up, which is rare, so that a request costs two list operations and no timer.
 */
#include "base/metric.h"

#include "http/server-internal.h"

/* Checks are at least this far apart: deadlines are seconds, and the idle process should sleep. */
#define CHECK_APART (10 * USEC_PER_MS)

/* How long a closing connection may take to read its answer and close: long enough for a round trip
 * around the world and a loss. */
#define LINGER_TIME (1 * USEC_PER_SEC)

static void
check_at(struct http_server *s, usec_t when)
{
	if (when >= s->next_check)
		return;
	s->next_check = when;
	timer_set(&s->check, when - loop_now(s->loop));
}

void
conn_set(struct conn *c, enum conn_state state)
{
	struct http_server *s = c->server;
	TAILQ_REMOVE(&s->conns[c->state], c, entry);
	c->state = state;
	TAILQ_INSERT_TAIL(&s->conns[state], c, entry);
	if (!s->allowed[state])
		return;
	c->deadline = loop_now(s->loop) + s->allowed[state];
	check_at(s, c->deadline);
}

static void
expire(struct conn *c)
{
	if (c->state == CONN_READ)
		conn_refuse(c, 408, "the request did not arrive in time");
	else
		conn_close(c);
}

static void
on_check(void *arg)
{
	struct http_server *s = arg;
	usec_t now = loop_now(s->loop), earliest = INT64_MAX;
	s->next_check = INT64_MAX;
	for (int state = 0; state < CONN_STATES; state++) {
		struct conn *c;
		if (!s->allowed[state])
			continue;
		while ((c = TAILQ_FIRST(&s->conns[state])) && c->deadline <= now)
			expire(c);
		if (c && c->deadline < earliest)
			earliest = c->deadline;
	}
	if (earliest != INT64_MAX)
		check_at(s, earliest < now + CHECK_APART ? now + CHECK_APART : earliest);
}

void
deadline_init(struct http_server *s)
{
	for (int state = 0; state < CONN_STATES; state++)
		TAILQ_INIT(&s->conns[state]);
	s->allowed[CONN_IDLE] = s->limits.idle_deadline;
	s->allowed[CONN_READ] = s->limits.request_deadline;
	s->allowed[CONN_WRITE] = s->limits.write_deadline;
	s->allowed[CONN_LINGER] = LINGER_TIME;
	s->next_check = INT64_MAX;
	timer_init(&s->check, s->loop, on_check, s);
}
