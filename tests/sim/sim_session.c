/* lib/pg/session.h over the model server. The pools above (lib/pg/pool.c) are the real ones.
 *
 *   DOWN --backoff over--> CONNECTING --ok--> IDLE <--> BUSY
 *    ^------- any loss or refusal --------------'--------'
 *
 * Everything that the network brings is one happening on the loop of the session's worker: an
 * answer, the end of connecting, or the end of the connection, whichever comes last replacing what
 * was on its way. */
#include "sim_session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#include "dice.h"
#include "statements.h"
#include "trace.h"
#include "txn.h"

#define BACKOFF_MIN (50 * USEC_PER_MS)
#define BACKOFF_MAX (2 * USEC_PER_SEC)

struct pg_session {
	struct pg_pool *pool;
	const char *name;
	enum session_state state;
	struct pg_ticket *ticket;  /* BUSY only */
	struct txn *txn;           /* on the server; NULL: it has answered or is cut off */
	struct happening io, rest; /* what the network brings; what is still to be sent */
	bool is_cut;
	bool answered, failed;
	int nresults;
	PGresult *results[PG_STATEMENTS_MAX];
	struct err err;
	struct timer timer; /* DOWN: backoff */
	usec_t backoff;
	TAILQ_ENTRY(pg_session) entry;
};
static TAILQ_HEAD(, pg_session) all = TAILQ_HEAD_INITIALIZER(all);

static bool down;

static usec_t
network(void)
{
	return dice_skewed(weather.statement_min, weather.statement_max);
}

static void
session_set(struct pg_session *c, enum session_state state)
{
	c->state = state;
	pool_session_changed(c->pool);
}

enum session_state
session_state(const struct pg_session *c)
{
	return c->state;
}

struct pg_ticket *
session_ticket(const struct pg_session *c)
{
	return c->ticket;
}

const char *
session_code(const struct pg_session *c UNUSED)
{
	return "";
}

usec_t
session_patience(const struct pg_session *c UNUSED, usec_t first)
{
	return first;
}

static void
clear_results(struct pg_session *c)
{
	for (int i = 0; i < c->nresults; i++)
		PQclear(c->results[i]);
	c->nresults = 0;
	c->answered = false;
}

static void
finish_ticket(struct pg_session *c, const struct err *e)
{
	struct pg_ticket *t = c->ticket;
	PGresult *results[PG_STATEMENTS_MAX];
	struct pg_result r = { .n = c->nresults, .res = results };
	for (int i = 0; i < c->nresults; i++)
		results[i] = c->results[i];
	c->nresults = 0;
	c->answered = false;
	c->ticket = NULL;
	t->session = NULL;
	pool_ticket_done(c->pool, t, e ? NULL : &r, e);
	for (int i = 0; i < r.n; i++)
		PQclear(results[i]);
}

/* ---- connecting and losing ------------------------------------------------------------------ */

static void
session_lost(struct pg_session *c, const char *why)
{
	struct err e;
	TRACE("pg  %s lost: %s", c->name, why);
	err_set(&e, ERR_UNAVAILABLE, "the connection to PostgreSQL was lost");
	agenda_remove(&c->io);
	agenda_remove(&c->rest);
	c->is_cut = false;
	clear_results(c);
	if (c->txn)
		txn_orphan(c->txn);
	c->txn = NULL;
	c->backoff = c->backoff ? c->backoff * 2 : BACKOFF_MIN;
	if (c->backoff > BACKOFF_MAX)
		c->backoff = BACKOFF_MAX;
	timer_set(&c->timer, dice(c->backoff / 2, c->backoff));
	session_set(c, SESSION_DOWN);
	if (c->ticket)
		finish_ticket(c, &e);
}

void
session_drop(struct pg_session *c, const char *why)
{
	session_lost(c, why);
}

void
session_cut(struct pg_session *c, usec_t after)
{
	c->txn = NULL;
	c->is_cut = true;
	agenda_put(&c->io, agenda_now() + after);
}

static void
on_timer(void *arg)
{
	struct pg_session *c = arg;
	if (c->state != SESSION_DOWN)
		return;
	session_set(c, SESSION_CONNECTING);
	agenda_put(&c->io, agenda_now() + network());
}

static void
on_io(void *arg)
{
	struct pg_session *c = arg;
	if (c->is_cut || (c->state == SESSION_CONNECTING && down)) {
		session_lost(c, c->is_cut ? "cut" : "refused");
	} else if (c->state == SESSION_CONNECTING) {
		c->backoff = 0;
		session_set(c, SESSION_IDLE);
	} else {
		assert(c->state == SESSION_BUSY && c->answered);
		struct err e = c->err;
		session_set(c, SESSION_IDLE);
		finish_ticket(c, c->failed ? &e : NULL);
	}
}

/* ---- running ------------------------------------------------------------------------------ */

static void
on_rest(void *arg)
{
	struct pg_session *c = arg;
	if (c->txn)
		txn_more(c->txn);
}

/* Only what does not fit into a socket's buffer is sent in parts: batches, which begin with the
 * fence. */
static bool
may_be_large(const struct pg_ticket *t)
{
	return t->n > 1 && t->call[0].stmt == &stmt_fence;
}

void
session_run(struct pg_session *c, struct pg_ticket *t)
{
	assert(c->state == SESSION_IDLE);
	int sent = t->n;
	if (may_be_large(t) && dice_chance(weather.partial))
		sent = (int)dice(1, t->n - 1);
	c->ticket = t;
	t->session = c;
	session_set(c, SESSION_BUSY);
	if (c->is_cut)
		return; /* nobody reads it any more */
	c->txn = txn_begin(c, t, sent);
	if (sent < t->n)
		agenda_put(&c->rest, agenda_now() + dice_skewed(0, 50 * USEC_PER_MS));
}

void
session_answered(struct pg_session *c, PGresult **results, int n, const struct err *e)
{
	c->txn = NULL;
	c->answered = true;
	c->failed = e != NULL;
	if (e)
		c->err = *e;
	c->nresults = n;
	for (int i = 0; i < n; i++)
		c->results[i] = results[i];
	agenda_put(&c->io, agenda_now());
}

/* ---- life --------------------------------------------------------------------------------- */

struct pg_session *
session_new(struct pg_pool *p, struct loop *l, const struct pg_options *o, uint64_t seed)
{
	struct pg_session *c = mem_zalloc(sizeof(*c));
	(void)seed;
	c->pool = p;
	c->name = o->name;
	c->io = (struct happening){ .fn = on_io, .arg = c, .loop = l };
	c->rest = (struct happening){ .fn = on_rest, .arg = c, .loop = l };
	timer_init(&c->timer, l, on_timer, c);
	timer_set(&c->timer, 0);
	TAILQ_INSERT_TAIL(&all, c, entry);
	return c;
}

void
session_free(struct pg_session *c)
{
	assert(!c->ticket);
	clear_results(c);
	agenda_remove(&c->io);
	agenda_remove(&c->rest);
	timer_done(&c->timer);
	TAILQ_REMOVE(&all, c, entry);
	free(c);
}

/* ---- the server --------------------------------------------------------------------------- */

void
sim_server_down(void)
{
	struct pg_session *c;
	down = true;
	TAILQ_FOREACH(c, &all, entry) {
		if (c->state >= SESSION_IDLE && !c->answered)
			session_cut(c, dice_skewed(0, USEC_PER_SEC));
	}
	txn_crash();
}

void
sim_server_up(void)
{
	down = false;
}

bool
sim_server_is_up(void)
{
	return !down;
}
