/* One exchange of the HTTP client: a request on a connection, and its answer.
 *
 *	exchange_connect ──▶ exchange_on_ready ──▶ exchange_on_event … ──▶ exchange_end
 *	       ▲               writes the request     reads the answer        calls back
 *	       └──── repeat ─────────┴──────────────────────┘
 *
 * Invariants
 * 1. exchange_end is the last thing that is done with an exchange and its connection: its callback
 *    may do anything.
 * 2. Formatting and reading use one buffer each for the whole client, so an exchange that waits for
 *    its answer holds neither request nor answer. Only what a write left over is kept.
 * 3. A request is repeated once, on a new connection, when a kept one ends before a byte of an
 *    answer: most likely the peer closed it as idle (RFC 9112, section 9.3.1). It may have been
 *    acted upon all the same; deliveries are at-least-once, and `sends` tells. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"

#include "http/client-internal.h"

/* Exchanges kept for reuse, about 1 kB each; beyond it they are freed. */
#define POOL_MAX 512

/* A buffer that grew beyond this is not kept with the pooled exchange. */
#define POOL_BUF_MAX 4096

/* What is written at once: a record of TLS. Of a longer request the rest is written from where the
 * caller has it. */
#define WRITE_SIZE 16384

/* ---- its life ---- */

static void on_deadline(void *arg);
static bool exchange_sent(const struct client_exchange *x);

struct client_exchange *
exchange_get(struct client *c)
{
	struct client_exchange *x = TAILQ_FIRST(&c->pool);
	if (x) {
		TAILQ_REMOVE(&c->pool, x, entry);
		if (--c->pooled < c->pooled_least)
			c->pooled_least = c->pooled;
		return x;
	}
	const struct answer_limits limits = {
		.head_max = (size_t)c->options.head_max,
		.read_body = (size_t)c->options.read_body,
		.keep_body = (size_t)c->options.keep_body,
	};
	x = mem_zalloc(sizeof(*x));
	x->client = c;
	timer_init(&x->deadline, c->loop, on_deadline, x);
	answer_init(&x->answer, &limits);
	return x;
}

void
exchange_free(struct client_exchange *x)
{
	timer_done(&x->deadline);
	answer_free(&x->answer);
	free(x->kept);
	free(x->lines);
	free(x);
}

void
exchange_detach(struct client_exchange *x)
{
	struct client *c = x->client;
	assert(x->state == EXCHANGE_QUEUED || x->state == EXCHANGE_RUNNING);
	TAILQ_REMOVE(x->state == EXCHANGE_QUEUED ? &c->queued : &c->running, x, entry);
	c->in_flight--;
	if (x->connection)
		connection_close(x->connection);
	x->connection = NULL;
}

void
exchange_recycle(struct client_exchange *x)
{
	struct client *c = x->client;
	timer_stop(&x->deadline);
	if (c->pooled >= POOL_MAX || c->dying) {
		exchange_free(x);
		return;
	}
	free(x->kept);
	x->kept = NULL;
	if (x->answer.body.cap > POOL_BUF_MAX)
		buf_free(&x->answer.body);
	if (x->answer.line.cap > POOL_BUF_MAX)
		buf_free(&x->answer.line);
	x->state = EXCHANGE_FREE;
	TAILQ_INSERT_HEAD(&c->pool, x, entry); /* the warmest first */
	c->pooled++;
}

void
exchange_end(struct client_exchange *x, enum transport transport, const char *detail)
{
	const struct answer *a = &x->answer;
	struct client_response r = {
		.transport = a->status ? TRANSPORT_OK : transport,
		.status = a->status,
		.duration = loop_now(x->client->loop) - x->started,
		.sends = x->sends,
	};
	if (a->status) {
		r.body = (struct str){ a->body.data, a->body.len };
		r.body_cut = transport != TRANSPORT_OK || a->body_bytes > a->body.len;
		if (a->retry_after_len >= 0)
			r.retry_after = (struct str){ a->retry_after, (size_t)a->retry_after_len };
	} else {
		snprintf(r.detail, sizeof(r.detail), "%s", detail);
	}
	exchange_detach(x);
	x->state = EXCHANGE_CALLING;
	x->fn(x->arg, &r);
	exchange_recycle(x);
}

/* What it has waited for in vain. */
static const char *
deadline_detail(const struct client_exchange *x)
{
	if (x->connection && x->connection->state == CONNECTION_SHAKING)
		return "timed out in the TLS handshake";
	if (x->sends == 0)
		return "timed out connecting";
	if (!exchange_sent(x))
		return "timed out sending the request";
	return x->answer.begun ? "timed out inside the answer" : "timed out waiting for the answer";
}

static void
on_deadline(void *arg)
{
	struct client_exchange *x = arg;
	struct client *c = x->client;
	client_enter(c);
	exchange_end(x, TRANSPORT_TIMEOUT, deadline_detail(x));
	client_leave(c);
}

/* ---- connecting ---- */

void
exchange_connect(struct client_exchange *x, bool may_reuse)
{
	struct client *c = x->client;
	const char *detail;
	if (!address_allowed(c->policy, &x->to.any)) {
		exchange_end(x, TRANSPORT_BLOCKED, "address not allowed");
		return;
	}
	x->connection = may_reuse ? connection_take(x) : NULL;
	x->reused = x->connection;
	if (x->reused) {
		exchange_on_ready(x);
		return;
	}
	x->connection = connection_open(x, &detail);
	if (!x->connection)
		exchange_end(x, TRANSPORT_CONNECT, detail);
}

/* The connection has ended, or is of no more use. */
static void
exchange_on_break(struct client_exchange *x, const char *detail)
{
	if (x->reused && !x->answer.begun) {
		connection_close(x->connection);
		x->connection = NULL;
		exchange_connect(x, false);
		return;
	}
	exchange_end(x, TRANSPORT_RESET, detail);
}

/* ---- writing ---- */

static bool
has_user_agent(const struct client_request *rq)
{
	const struct str name = STR("user-agent:");
	for (int i = 0; i < rq->nheaders; i++) {
		const char *line = rq->headers[i];
		if ((line[0] | 0x20) == 'u' && strlen(line) >= name.n &&
		    str_eq_nocase((struct str){ line, name.n }, name))
			return true;
	}
	return false;
}

/* Formats the head and as much of the body as fits behind it. */
static void
exchange_format(struct client_exchange *x)
{
	const struct client_request *rq = &x->rq;
	const struct client *c = x->client;
	struct buf *out = &x->client->out;
	buf_clear(out);
	buf_add(out, rq->target->head.data, rq->target->head.len);
	if (c->options.user_agent && !has_user_agent(rq)) {
		buf_add(out, "User-Agent: ", 12);
		buf_adds(out, c->options.user_agent);
		buf_add(out, "\r\n", 2);
	}
	for (int i = 0; i < rq->nheaders; i++) {
		buf_adds(out, rq->headers[i]);
		buf_add(out, "\r\n", 2);
	}
	if (!rq->target->bodiless) {
		buf_add(out, "Content-Length: ", 16);
		buf_add_i64(out, (int64_t)rq->body.n);
		buf_add(out, "\r\n", 2);
	}
	buf_add(out, "\r\n", 2);
	size_t room = out->len < WRITE_SIZE ? WRITE_SIZE - out->len : 0;
	x->body_at = rq->body.n < room ? rq->body.n : room;
	if (x->body_at)
		buf_add(out, rq->body.p, x->body_at);
	x->unsent = (struct str){ out->data, out->len };
}

static bool
exchange_sent(const struct client_exchange *x)
{
	return x->unsent.n == 0 && x->body_at == x->rq.body.n;
}

/* Writes what can be written now. When the connection takes no more, the rest is given up: the peer
 * may have answered before it closed, and the answer is still read. */
static void
exchange_write(struct client_exchange *x)
{
	const struct str body = x->rq.body;
	while (!exchange_sent(x)) {
		struct str next = x->unsent;
		if (next.n == 0)
			next = (struct str){ body.p + x->body_at, body.n - x->body_at };
		ssize_t n = fault_hit(FAULT_CLIENT_SEND)
				? WIRE_BROKEN
				: wire_write(&x->connection->wire, next.p, next.n);
		if (n == WIRE_AGAIN)
			return;
		if (n < 0) {
			x->unsent.n = 0;
			x->body_at = body.n;
			x->send_broken = true;
		} else if (x->unsent.n) {
			x->unsent = (struct str){ next.p + n, next.n - (size_t)n };
		} else {
			x->body_at += (size_t)n;
		}
	}
}

/* Keeps what was formatted and could not be written. */
static void
exchange_keep_unsent(struct client_exchange *x)
{
	if (x->unsent.n == 0)
		return;
	free(x->kept);
	x->kept = mem_dup(x->unsent.p, x->unsent.n);
	x->unsent.p = x->kept;
}

/* ---- reading ---- */

static const char *
break_detail(const struct client_exchange *x, bool orderly)
{
	if (x->send_broken && !x->answer.begun)
		return "connection broken while sending";
	if (!orderly)
		return "connection broken while receiving";
	return x->answer.begun ? "connection closed inside the answer"
			       : "connection closed without an answer";
}

/* The answer is whole: the connection serves again if both sides are through with it. */
static void
exchange_on_whole(struct client_exchange *x, bool all_used)
{
	struct client_connection *k = x->connection;
	if (all_used && x->answer.keep_alive && exchange_sent(x) && !x->send_broken &&
	    !wire_pending(&k->wire)) {
		x->connection = NULL;
		connection_keep(k);
	}
	exchange_end(x, TRANSPORT_OK, "");
}

/* There is nothing to be read, for now or for ever. */
static void
exchange_on_no_bytes(struct client_exchange *x, ssize_t why)
{
	bool wants_room = !exchange_sent(x) || x->connection->wire.blocked == EPOLLOUT;
	if (why == WIRE_AGAIN)
		connection_wait(x->connection, wants_room);
	else if (why == WIRE_END && answer_ends_whole(&x->answer))
		exchange_end(x, TRANSPORT_OK, "");
	else
		exchange_on_break(x, break_detail(x, why == WIRE_END));
}

/* Reads what is there. How much that can be is bounded by the answer's limits. */
static void
exchange_read(struct client_exchange *x)
{
	struct client *c = x->client;
	for (;;) {
		size_t used;
		ssize_t n = fault_hit(FAULT_CLIENT_RECEIVE)
				? WIRE_BROKEN
				: wire_read(&x->connection->wire, c->in, sizeof(c->in));
		if (n <= 0) {
			exchange_on_no_bytes(x, n);
			return;
		}
		switch (answer_feed(&x->answer, (struct str){ c->in, (size_t)n }, &used)) {
		case ANSWER_WHOLE:
			exchange_on_whole(x, used == (size_t)n);
			return;
		case ANSWER_REFUSED:
			exchange_end(x, TRANSPORT_PROTOCOL, x->answer.reason);
			return;
		case ANSWER_MORE:
			break;
		}
	}
}

void
exchange_on_ready(struct client_exchange *x)
{
	x->send_broken = false;
	exchange_format(x);
	if (x->client->out.failed) {
		exchange_end(x, TRANSPORT_PROTOCOL, "request head too large");
		return;
	}
	x->sends++;
	exchange_write(x);
	exchange_keep_unsent(x);
	if (x->send_broken)
		exchange_read(x);
	else
		connection_wait(x->connection, !exchange_sent(x));
}

void
exchange_on_event(struct client_exchange *x)
{
	exchange_write(x);
	exchange_read(x);
}
