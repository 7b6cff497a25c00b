/* Latency is taken at the socket: from just before send(2), or the due time, to just after the
 * answer was read. A connection that was refused (429, 503) or lost pauses for a moment, as a
 * well-behaved producer would; the events it did not send meanwhile are, in the open loop, late. */
#include "generator.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#include "connection.h"
#include "results.h"

#define TICK     (100 * USEC_PER_MS) /* how finely timeouts and pauses are kept */
#define WAIT_MIN 50 /* µs; shorter waits for the next due event cost more than it */

struct producer {
	struct generator *generator;
	struct connection *connection;
	int64_t number; /* of the first event under way */
	usec_t due;
	usec_t sent; /* when it was; 0: none is */
	bool paused; /* until the next tick */
};

struct generator {
	struct loop *loop;
	const struct options *options;
	const struct fleet *fleet;
	struct account *account;
	struct measure *measure;
	int nproducers;
	struct producer *producer;
	int nfree;
	struct producer **free; /* open loop: the last to become free is the first to be used */
	int busy;
	bool stopped;
	int next_app;
	int64_t skew_credit; /* percents of a request that the last application is owed */
	int events;          /* of each request */
	/* open loop */
	usec_t start;
	int64_t next, total; /* requests */
	struct timer due;
	struct timer tick;
	char refusal[GENERATOR_REFUSAL_SIZE];
};

static void on_answer(void *arg, int status, struct str body);
static void on_due(void *arg);
static void on_tick(void *arg);

struct generator *
generator_new(struct loop *l, const struct options *o, const struct peer *peer,
    const struct fleet *fleet, struct account *account, struct measure *measure)
{
	struct generator *g = mem_zalloc(sizeof(*g));
	g->loop = l;
	g->options = o;
	g->fleet = fleet;
	g->account = account;
	g->measure = measure;
	g->events = o->batch ? (int)o->batch : 1;
	g->nproducers = (int)o->connections;
	g->producer = mem_zalloc(sizeof(*g->producer) * (size_t)g->nproducers);
	g->free = mem_zalloc(sizeof(struct producer *) * (size_t)g->nproducers);
	for (int i = 0; i < g->nproducers; i++) {
		struct producer *p = &g->producer[i];
		p->generator = g;
		p->connection = connection_new(l, &peer->node[i % peer->nnodes], on_answer, p);
	}
	timer_init(&g->due, l, on_due, g);
	timer_init(&g->tick, l, on_tick, g);
	return g;
}

void
generator_free(struct generator *g)
{
	if (!g)
		return;
	for (int i = 0; i < g->nproducers; i++)
		connection_free(g->producer[i].connection);
	timer_done(&g->due);
	timer_done(&g->tick);
	free(g->producer);
	free(g->free);
	free(g);
}

/* --- sending --- */

/* In turn, but for what --skew gives to the last. */
static int
pick_app(struct generator *g)
{
	int n = g->fleet->napps;
	g->skew_credit += g->options->skew;
	if (g->skew_credit >= 100) {
		g->skew_credit -= 100;
		return n - 1;
	}
	int turns = g->options->skew && n > 1 ? n - 1 : n;
	if (g->next_app >= turns)
		g->next_app = 0;
	return g->next_app++;
}

static void
issue(struct producer *p, usec_t due, usec_t now)
{
	struct generator *g = p->generator;
	int app = pick_app(g);
	struct request *rq = &g->fleet->app[app].request;
	p->number = account_send(g->account, app, due);
	for (int i = 1; i < g->events; i++)
		account_send(g->account, app, due); /* in the order of their numbers */
	p->due = due;
	p->sent = now;
	g->busy++;
	request_stamp(rq, p->number);
	connection_send(p->connection, rq->bytes, rq->n);
}

static usec_t
due_at(const struct generator *g, int64_t k)
{
	return g->start + (usec_t)((double)k * g->events * 1e6 / (double)g->options->rate);
}

/* Open loop: everything due goes out as far as there are free connections. */
static void
send_due(struct generator *g)
{
	usec_t now = clock_mono();
	while (g->nfree > 0 && g->next < g->total && due_at(g, g->next) <= now)
		issue(g->free[--g->nfree], due_at(g, g->next++), now);
	if (g->nfree == 0 || g->next == g->total)
		return;
	usec_t wait = due_at(g, g->next) - now;
	timer_set(&g->due, wait > WAIT_MIN ? wait : WAIT_MIN);
}

static void
on_due(void *arg)
{
	send_due(arg);
}

/* The producer is free. */
static void
go_on(struct producer *p, usec_t now)
{
	struct generator *g = p->generator;
	if (g->options->rate) {
		g->free[g->nfree++] = p;
		if (!timer_pending(&g->due))
			send_due(g);
	} else if (!g->stopped) {
		issue(p, now, now);
	}
}

static void
note_refusal(struct generator *g, int status, struct str body)
{
	if (g->refusal[0])
		return;
	int n = snprintf(g->refusal, sizeof(g->refusal), "%d ", status);
	for (size_t i = 0; i < body.n && n < (int)sizeof(g->refusal) - 1; i++)
		g->refusal[n++] = body.p[i] >= ' ' && body.p[i] <= '~' ? body.p[i] : ' ';
	g->refusal[n] = '\0';
}

/* Books what became of a request's events; returns how many were accepted. */
static int
book_accepted(struct producer *p, struct str body)
{
	struct generator *g = p->generator;
	struct results results;
	int accepted = 0;
	if (!g->options->batch) {
		account_accept(g->account, p->number);
		return 1;
	}
	results_begin(&results, body);
	for (int i = 0; i < g->events; i++) {
		const int64_t number = p->number + i;
		switch (results_next(&results)) {
		case RESULT_ACCEPTED:
			account_accept(g->account, number);
			accepted++;
			break;
		case RESULT_REFUSED:
			account_refuse(g->account, number);
			break;
		case RESULT_NONE:
			account_lose(g->account, number);
			break;
		}
	}
	return accepted;
}

static void
book_failed(struct producer *p, void (*book)(struct account *a, int64_t number))
{
	for (int i = 0; i < p->generator->events; i++)
		book(p->generator->account, p->number + i);
}

static void
on_answer(void *arg, int status, struct str body)
{
	struct producer *p = arg;
	struct generator *g = p->generator;
	usec_t now = clock_mono();
	g->busy--;
	p->sent = 0;
	if (status >= 200 && status < 300) {
		int accepted = book_accepted(p, body);
		measure_accept(g->measure, accepted, p->due, now);
		if (accepted < g->events)
			note_refusal(g, status, body);
	} else if (status == 0) {
		book_failed(p, account_lose);
	} else {
		book_failed(p, account_refuse);
		note_refusal(g, status, body);
	}
	p->paused = status == 0 || status == 429 || status == 503;
	if (!p->paused)
		go_on(p, now);
}

static void
on_tick(void *arg)
{
	struct generator *g = arg;
	usec_t now = clock_mono(), timeout = g->options->timeout * USEC_PER_MS;
	for (int i = 0; i < g->nproducers; i++) {
		struct producer *p = &g->producer[i];
		if (p->sent && now - p->sent > timeout)
			connection_abort(p->connection);
		if (!p->paused)
			continue;
		p->paused = false;
		go_on(p, now);
	}
	timer_set(&g->tick, TICK);
}

/* --- the whole --- */

void
generator_start(struct generator *g, usec_t duration)
{
	g->start = clock_mono();
	g->total = (int64_t)((double)g->options->rate * (double)duration / 1e6 / g->events);
	timer_set(&g->tick, TICK);
	for (int i = 0; i < g->nproducers; i++)
		go_on(&g->producer[i], g->start);
}

void
generator_stop(struct generator *g)
{
	g->stopped = true;
}

void
generator_cut(struct generator *g)
{
	g->stopped = true;
	g->total = g->next;
}

bool
generator_is_done(const struct generator *g)
{
	return g->busy == 0 && g->next == g->total;
}

int64_t
generator_unsent(const struct generator *g)
{
	return (g->total - g->next) * g->events;
}

const char *
generator_refusal(const struct generator *g)
{
	return g->refusal;
}
