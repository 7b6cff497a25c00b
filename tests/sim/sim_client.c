/* http/client.h: the receivers answer by their scripts, after a while. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/id.h"
#include "base/mem.h"

#include "agenda.h"
#include "http/client.h"
#include "ledger.h"
#include "receiver.h"
#include "send/delivery.h"
#include "trace.h"

struct client_target {
	int number; /* of the receiver */
};

struct client_exchange {
	struct happening h;
	struct client *client;
	struct client_target *target;
	client_fn fn;
	void *arg;
	int64_t msg_id, chain;
	usec_t started;
	struct receiver_answer answer;
	TAILQ_ENTRY(client_exchange) entry;
};

struct client {
	struct loop *loop;
	int n;
	TAILQ_HEAD(, client_exchange) under_way;
};

void
client_options_default(struct client_options *o)
{
	memset(o, 0, sizeof(*o));
}

struct client *
client_new(struct loop *l, const struct address_policy *policy, const struct client_options *o,
    struct err *e)
{
	struct client *c = mem_zalloc(sizeof(*c));
	(void)policy;
	(void)o;
	(void)e;
	c->loop = l;
	TAILQ_INIT(&c->under_way);
	return c;
}

void
client_free(struct client *c)
{
	struct client_exchange *x;
	while ((x = TAILQ_FIRST(&c->under_way)))
		client_abort(x);
	free(c);
}

struct client_target *
client_target_new(const char *url, struct err *e)
{
	struct client_target *t = mem_zalloc(sizeof(*t));
	(void)e;
	/* NOLINTNEXTLINE(cert-err34-c): our own URL */
	if (sscanf(url, RECEIVER_URL, &t->number) != 1)
		abort();
	return t;
}

/* No endpoint of the simulation has a challenge. */
struct client_target *
client_target_new_options(const char *url, struct err *e)
{
	return client_target_new(url, e);
}

void
client_target_free(struct client_target *t)
{
	free(t);
}

static void
exchange_free(struct client_exchange *x)
{
	agenda_remove(&x->h);
	TAILQ_REMOVE(&x->client->under_way, x, entry);
	x->client->n--;
	free(x);
}

static void
on_answer(void *arg)
{
	struct client_exchange *x = arg;
	const struct receiver_answer *a = &x->answer;
	char seconds[16];
	struct client_response r = {
		.transport = a->transport,
		.status = a->status,
		.duration = agenda_now() - x->started,
		.sends = 1,
	};
	if (a->retry_after_s) {
		int n = snprintf(seconds, sizeof(seconds), "%d", a->retry_after_s);
		r.retry_after = (struct str){ seconds, (size_t)n };
	}
	if (a->poison)
		r.body = (struct str){ "a\0b", 3 };
	if (a->transport != TRANSPORT_OK)
		snprintf(r.detail, sizeof(r.detail), "%s", transport_to_text(a->transport));
	client_fn fn = x->fn;
	void *fn_arg = x->arg;
	TRACE("net %lld at r%d: %s %d", (long long)x->msg_id, x->target->number,
	    transport_to_text(a->transport), a->status);
	exchange_free(x);
	fn(fn_arg, &r);
}

/* The message of the request, from its header. */
static int64_t
message_of(const struct client_request *rq)
{
	static const char name[] = "webhook-id: ";
	for (int i = 0; i < rq->nheaders; i++) {
		int64_t id;
		if (strncmp(rq->headers[i], name, sizeof(name) - 1) == 0 &&
		    id_from_text(ID_MESSAGE, str_of(rq->headers[i] + sizeof(name) - 1), &id) == 0)
			return id;
	}
	violation("a request without webhook-id");
}

/* No delivery is under way twice in a worker. */
static void
check_single(const struct client *c, const struct request *rq)
{
	const struct client_exchange *x;
	TAILQ_FOREACH(x, &c->under_way, entry)
		if (x->msg_id == rq->msg_id && x->chain == rq->chain &&
		    x->target->number == rq->number)
			violation(
			    "%lld is under way to r%d twice", (long long)rq->msg_id, rq->number);
}

/* A request does not say by which step it is made; the delivery does, that has just become
 * DELIVERY_SENDING (linked with --wrap). */
static struct {
	int64_t chain, epoch;
	int slot;
} sending;

void __real_delivery_set(struct delivery *d, enum delivery_state state);
void __wrap_delivery_set(struct delivery *d, enum delivery_state state);
void
__wrap_delivery_set(struct delivery *d, enum delivery_state state)
{
	sending.chain = d->chain;
	sending.slot = d->slot;
	sending.epoch = d->epoch;
	__real_delivery_set(d, state);
}

struct client_exchange *
client_start(struct client *c, const struct client_request *rq, client_fn fn, void *arg)
{
	struct client_exchange *x = mem_zalloc(sizeof(*x));
	x->h = (struct happening){ .fn = on_answer, .arg = x, .loop = c->loop };
	x->client = c;
	x->target = rq->target;
	x->fn = fn;
	x->arg = arg;
	x->started = agenda_now();
	x->msg_id = message_of(rq);
	x->chain = sending.chain;
	x->answer = receiver_ask(x->target->number, rq->timeout_ms * USEC_PER_MS);
	const struct request sent = { x->target->number, x->msg_id, x->chain, rq->body };
	check_single(c, &sent);
	ledger_may_send(&sent, sending.slot, sending.epoch);
	TRACE("net %lld to r%d, chain %lld", (long long)x->msg_id, x->target->number,
	    (long long)x->chain);
	bool accepted = x->answer.transport == TRANSPORT_OK && x->answer.status / 100 == 2;
	ledger_sent(&sent, accepted);
	TAILQ_INSERT_TAIL(&c->under_way, x, entry);
	c->n++;
	agenda_put(&x->h, agenda_now() + x->answer.after);
	return x;
}

void
client_abort(struct client_exchange *x)
{
	exchange_free(x);
}

int
client_in_flight(const struct client *c)
{
	return c->n;
}

void
client_drop_idle(struct client *c)
{
	(void)c;
}
