/* A pool of connections and the line of transactions that wait for one.
 *
 * Invariants: a ticket is in line or on exactly one connection; fn runs once and never inside
 * pg_submit; a ticket dies after fn ran, or after the server is done with a cancelled one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/rand.h"

#include "pg/pg.h"
#include "pg/session.h"
#include "pg/sqlstate.h"

#define TICK (50 * USEC_PER_MS) /* granularity of the time-outs */
#define DOWN_WAIT_MAX                                                                              \
	USEC_PER_SEC /* in line while nothing is connected: long enough for a                      \
		      * server's restart, short enough for a producer */

#define STUCK_MAX (2 * USEC_PER_SEC) /* every connection busy that long: nothing moves */

TAILQ_HEAD(ticket_list, pg_ticket);

struct pg_pool {
	struct loop *loop;
	const char *name;
	int nsessions;
	struct pg_session **sessions;
	struct ticket_list line;
	struct ticket_list refused; /* found the line full; told so by the deferred call */
	int waiting, waiting_max;
	usec_t wait_max, run_max;
	usec_t down_since; /* 0 while a connection works */
	bool stuck;        /* every connection has been busy with one transaction for STUCK_MAX */
	bool prepare;
	int unprepared;    /* transactions that failed because of prepared statements */
	struct timer tick; /* set while there is anything to time out */
	struct defer drain, refuse;
	bool freeing;
};

static void
ticket_end(struct pg_ticket *t, const struct pg_result *r, const struct err *e)
{
	if (t->fn)
		t->fn(t->arg, r, e);
	free(t);
}

/* Puts waiting transactions on idle connections. Idempotent. */
static void
pool_drain(void *arg)
{
	struct pg_pool *p = arg;
	for (int i = 0; i < p->nsessions && !p->freeing; i++) {
		struct pg_ticket *t = TAILQ_FIRST(&p->line);
		if (!t)
			return;
		if (session_state(p->sessions[i]) != SESSION_IDLE)
			continue;
		TAILQ_REMOVE(&p->line, t, entry);
		p->waiting--;
		metric_add(METRIC_PG_WAITING, -1);
		t->since = loop_now(p->loop);
		session_run(p->sessions[i], t);
	}
}

void
pool_session_changed(struct pg_pool *p)
{
	if (p->freeing)
		return;
	bool up = pg_pool_ready(p) > 0;
	if (up)
		p->down_since = 0;
	else if (!p->down_since)
		p->down_since = loop_now(p->loop);
	if (!TAILQ_EMPTY(&p->line))
		defer_schedule(&p->drain);
}

void
pool_ticket_done(
    struct pg_pool *p, struct pg_ticket *t, const struct pg_result *r, const struct err *e)
{
	(void)p;
	ticket_end(t, r, e);
}

static void
ticket_fail(struct pg_ticket *t, const char *why)
{
	struct err e;
	err_set(&e, ERR_UNAVAILABLE, "%s", why);
	ticket_end(t, NULL, &e);
}

static void
fail_first_in_line(struct pg_pool *p, const char *why)
{
	struct pg_ticket *t = TAILQ_FIRST(&p->line);
	TAILQ_REMOVE(&p->line, t, entry);
	p->waiting--;
	metric_add(METRIC_PG_WAITING, -1);
	ticket_fail(t, why);
}

/* Fails what was refused up to now; what its callbacks submit may be refused in turn. */
static void
on_refuse(void *arg)
{
	struct pg_pool *p = arg;
	struct pg_ticket *t;
	int n = 0;
	TAILQ_FOREACH(t, &p->refused, entry)
		n++;
	for (; n > 0 && (t = TAILQ_FIRST(&p->refused)); n--) {
		TAILQ_REMOVE(&p->refused, t, entry);
		ticket_fail(t, "too many requests wait for the database");
	}
}

static bool
in_line_too_long(const struct pg_pool *p, const struct pg_ticket *t, usec_t now)
{
	if (p->wait_max == 0)
		return false;
	bool away = p->down_since || p->stuck;
	usec_t most = away && p->wait_max > DOWN_WAIT_MAX ? DOWN_WAIT_MAX : p->wait_max;
	return now - t->since > most;
}

/* Tells the caller that it took too long. The transaction itself goes on. */
static void
answer_late(struct pg_ticket *t, usec_t now)
{
	if (!t->fn || !t->answer_max || now - t->since <= t->answer_max)
		return;
	struct err e;
	pg_fn fn = t->fn;
	t->fn = NULL;
	err_set(&e, ERR_UNAVAILABLE, "the database did not answer in time");
	fn(t->arg, NULL, &e);
}

void
pool_leave_idle(struct pg_pool *p, const char *why)
{
	for (int i = 0; i < p->nsessions; i++)
		if (session_state(p->sessions[i]) == SESSION_IDLE)
			session_drop(p->sessions[i], why);
}

/* Ends what has been on a connection for too long; true while it is busy. */
static bool
check_session(struct pg_pool *p, struct pg_session *c, usec_t now)
{
	struct pg_ticket *t = session_ticket(c);
	if (t && p->run_max && now - t->since > session_patience(c, p->run_max)) {
		pool_leave_idle(p, "another one gave no answer");
		session_drop(c, "a transaction took too long");
	} else if (t) {
		answer_late(t, now);
	}
	return session_ticket(c) != NULL;
}

static bool
is_stuck(const struct pg_pool *p, usec_t now)
{
	for (int i = 0; i < p->nsessions; i++) {
		const struct pg_ticket *t = session_ticket(p->sessions[i]);
		bool stands = t && now - t->since > STUCK_MAX;
		if (!stands && session_state(p->sessions[i]) >= SESSION_IDLE)
			return false;
	}
	return !p->down_since;
}

static void
on_tick(void *arg)
{
	struct pg_pool *p = arg;
	usec_t now = loop_now(p->loop);
	bool busy = false;
	while (!TAILQ_EMPTY(&p->line) && in_line_too_long(p, TAILQ_FIRST(&p->line), now))
		fail_first_in_line(p, "the database did not answer in time");
	for (int i = 0; i < p->nsessions; i++)
		busy = check_session(p, p->sessions[i], now) || busy;
	p->stuck = is_stuck(p, now);
	if (busy || !TAILQ_EMPTY(&p->line))
		timer_set(&p->tick, TICK);
}

struct pg_pool *
pg_pool_new(struct loop *l, const struct pg_options *o)
{
	struct pg_pool *p = mem_zalloc(sizeof(*p));
	p->loop = l;
	p->name = o->name;
	p->waiting_max = o->waiting_max;
	p->wait_max = o->wait_max;
	p->run_max = o->run_max;
	p->prepare = o->prepare;
	p->down_since = loop_now(l);
	TAILQ_INIT(&p->line);
	TAILQ_INIT(&p->refused);
	timer_init(&p->tick, l, on_tick, p);
	defer_init(&p->drain, l, pool_drain, p);
	defer_init(&p->refuse, l, on_refuse, p);
	p->sessions = mem_zalloc(sizeof(*p->sessions) * (size_t)o->connections);
	p->nsessions = o->connections;
	for (int i = 0; i < p->nsessions; i++) {
		uint64_t seed;
		rand_bytes(&seed, sizeof(seed));
		p->sessions[i] = session_new(p, l, o, seed);
	}
	return p;
}

void
pg_pool_free(struct pg_pool *p)
{
	if (!p)
		return;
	p->freeing = true;
	for (int i = 0; i < p->nsessions; i++)
		if (session_ticket(p->sessions[i]))
			session_drop(p->sessions[i], "the program stops");
	/* Those in line, and those that callbacks have put there just now. */
	while (!TAILQ_EMPTY(&p->line) || !TAILQ_EMPTY(&p->refused)) {
		on_refuse(p);
		if (!TAILQ_EMPTY(&p->line))
			fail_first_in_line(p, "the program stops");
	}
	for (int i = 0; i < p->nsessions; i++)
		session_free(p->sessions[i]);
	free(p->sessions);
	timer_done(&p->tick);
	defer_cancel(&p->drain);
	defer_cancel(&p->refuse);
	free(p);
}

int
pg_pool_ready(const struct pg_pool *p)
{
	int n = 0;
	for (int i = 0; i < p->nsessions; i++)
		n += p->sessions[i] && session_state(p->sessions[i]) >= SESSION_IDLE;
	return n;
}

usec_t
pg_pool_down_since(const struct pg_pool *p)
{
	return p->down_since;
}

const char *
pg_pool_trouble(const struct pg_pool *p)
{
	if (p->stuck)
		return "the database does not answer";
	if (!p->down_since)
		return NULL;
	const char *words = NULL;
	for (int i = 0; i < p->nsessions && !words; i++)
		words = sqlstate_find(session_code(p->sessions[i]))->words;
	return words ? words : "no connection to the database";
}

bool
pool_prepares(const struct pg_pool *p)
{
	return p->prepare;
}

/* A statement that is gone may have been taken away once, and is made again. Twice, or one that is
 * there although we have not made it: that is how a pooler looks that does not know about prepared
 * statements. Then it is done without. */
void
pool_unprepared(struct pg_pool *p, const struct err *e)
{
	if (++p->unprepared < 2 && strcmp(e->origin, "26000") == 0)
		return;
	p->prepare = false;
	LOG_WARN(PG_POOLER, KV("pool", p->name), KV("reason", e->text),
	    KV("code", (const char *)e->origin),
	    KV("advice",
		"prepared statements are not used from here on: set database_prepare = false"));
}

/* The ticket with the calls' pointers behind it in one piece of memory. */
static struct pg_ticket *
ticket_new(struct pg_pool *p, const struct pg_call *calls, int n)
{
	assert(n >= 1 && n <= PG_STATEMENTS_MAX);
	size_t args = 0;
	for (int i = 0; i < n; i++)
		args += calls[i].args ? (size_t)calls[i].args->n : 0;
	struct pg_ticket *t = mem_alloc(sizeof(*t) + args * (sizeof(char *) + sizeof(int)));
	const char **value = (const char **)(t + 1);
	int *length = (int *)(value + args);
	*t = (struct pg_ticket){ .pool = p, .n = n };
	for (int i = 0; i < n; i++) {
		int k = calls[i].args ? calls[i].args->n : 0;
		t->call[i].stmt = calls[i].stmt;
		t->call[i].nargs = k;
		t->call[i].value = value;
		t->call[i].length = length;
		if (k) {
			memcpy(value, calls[i].args->value, sizeof(*value) * (size_t)k);
			memcpy(length, calls[i].args->length, sizeof(*length) * (size_t)k);
		}
		value += k;
		length += k;
	}
	return t;
}

static struct pg_ticket *
submit(struct pg_pool *p, struct pg_ticket *t, pg_fn fn, void *arg)
{
	t->fn = fn;
	t->arg = arg;
	t->since = loop_now(p->loop);
	if (p->waiting_max && p->waiting >= p->waiting_max) {
		t->refused = true;
		TAILQ_INSERT_TAIL(&p->refused, t, entry);
		defer_schedule(&p->refuse);
		return t;
	}
	TAILQ_INSERT_TAIL(&p->line, t, entry);
	p->waiting++;
	metric_add(METRIC_PG_WAITING, 1);
	pool_drain(p);
	if (!timer_pending(&p->tick))
		timer_set(&p->tick, TICK);
	return t;
}

struct pg_ticket *
pg_submit(struct pg_pool *p, const struct pg_call *calls, int n, pg_fn fn, void *arg)
{
	return submit(p, ticket_new(p, calls, n), fn, arg);
}

#ifdef POSTHORN_FAULTS
struct pg_ticket *
pg_submit_points(enum fault before, enum fault after, struct pg_pool *p,
    const struct pg_call *calls, int n, pg_fn fn, void *arg)
{
	struct pg_ticket *t = ticket_new(p, calls, n);
	t->before = before;
	t->after = after;
	return submit(p, t, fn, arg);
}
#endif

void
pg_answer_within(struct pg_ticket *t, usec_t max)
{
	t->answer_max = max;
}

void
pg_cancel(struct pg_ticket *t)
{
	t->fn = NULL;
	if (t->session)
		return; /* the server's answer will end it */
	struct pg_pool *p = t->pool;
	TAILQ_REMOVE(t->refused ? &p->refused : &p->line, t, entry);
	if (!t->refused) {
		p->waiting--;
		metric_add(METRIC_PG_WAITING, -1);
	}
	free(t);
}
