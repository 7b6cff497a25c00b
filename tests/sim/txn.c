/* The model server's transactions, from their first statement to the answer (txn.h). */
#include <assert.h>

#include "base/mem.h"

#include "dice.h"
#include "model.h"
#include "sim_loop.h"
#include "trace.h"
#include "txn-internal.h"
#include "wire.h"

#define HELD_MAX  (40 * USEC_PER_SEC)
#define HANGS_MAX (60 * USEC_PER_SEC) /* how long a half transaction of a lost client may stay */
#define ARRIVES_MAX                                                                                \
	(4 * USEC_PER_SEC) /* a lost client's statements begin: limbo.c takes 5 s for certain */

struct txn_list txns = TAILQ_HEAD_INITIALIZER(txns);
struct weather weather;

static void step(void *arg);

static usec_t
takes(void)
{
	if (dice_chance(weather.slow))
		return dice_skewed(weather.statement_max, weather.slow_max);
	return dice_skewed(weather.statement_min, weather.statement_max);
}

static bool
is_operators(const struct txn *t)
{
	statement_fn run = t->call[t->n - 1].run;
	return run == model_resend || run == model_dead_letter_replay;
}

void
txn_later(struct txn *t, usec_t after)
{
	agenda_put(&t->h, agenda_now() + after);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void
tell(struct txn *t, bool ok)
{
	struct pg_session *client = t->client;
	PGresult *results[PG_STATEMENTS_MAX];
	int n = 0;
	if (client && ok) {
		for (; n < t->n; n++) {
			results[n] = t->call[n].result;
			t->call[n].result = NULL;
		}
	}
	struct err e = t->err;
	txn_free(t);
	if (client)
		session_answered(client, results, n, ok ? NULL : &e);
}

static void
give_up(void *arg)
{
	struct txn *t = arg;
	txn_roll_back(t);
	txn_free(t);
}

/* The connection breaks here. The client learns it sooner or later; the server goes on with what it
 * has, or notices and rolls back. */
static bool
cut(struct txn *t)
{
	TRACE("db  cut before %d of %d", t->next, t->n);
	t->breaks_at = -1;
	if (t->client)
		session_cut(t->client, dice_skewed(0, 2 * USEC_PER_SEC));
	t->client = NULL;
	if (t->ended || !dice_chance(400))
		return true;
	give_up(t);
	return false;
}

/* The rest of a transaction will never come; the server sees that at once, or when the network
 * tells. */
static void
hang(struct txn *t)
{
	t->h.fn = give_up;
	t->waiting = false;
	txn_later(t, dice_chance(500) ? 0 : dice(0, HANGS_MAX));
}

/* ---- running ------------------------------------------------------------------------------ */

static enum ran
run(struct txn *t)
{
	int i = t->next;
	struct call c = { t, t->arena, t->call[i].nargs, t->call[i].arg };
	if (dice_chance(weather.refusals))
		return txn_fail(t, "53100", "no space left");
	enum ran ran = t->call[i].run(&c, &t->call[i].result);
	if (ran != RAN) {
		PQclear(t->call[i].result);
		t->call[i].result = NULL;
	}
	if (ran == RAN && !t->call[i].result)
		t->call[i].result = answer_new(0);
	TRACE("db  %s%s", t->call[i].name,
	    ran == RAN         ? ""
	    : ran == RAN_WAITS ? " waits"
			       : " fails");
	return ran;
}

/* Runs what may run now; false when the transaction is to go on later or is gone. */
static bool
run_statements(struct txn *t)
{
	while (t->next < t->n) {
		if (t->breaks_at == t->next && !cut(t))
			return false;
		if (t->next == t->sent) {
			if (!t->client)
				hang(t);
			return false; /* txn_more */
		}
		switch (run(t)) {
		case RAN_WAITS:
			t->waiting = true;
			return false;
		case RAN_FAILED:
			txn_roll_back(t);
			tell(t, false);
			return false;
		case RAN:
			break;
		}
		t->next++;
		if (t->next < t->n && dice_chance(400)) {
			txn_later(t, takes());
			return false;
		}
	}
	return true;
}

static bool
wrote(const struct txn *t)
{
	return t->xid != 0;
}

static void
step(void *arg)
{
	struct txn *t = arg;
	if (t->ended) {
		tell(t, true);
		return;
	}
	if (!t->begun)
		t->start = sim_wall();
	t->begun = true;
	if (!t->committing && !run_statements(t))
		return;
	if (t->held_up) {
		txn_later(t, t->held_up);
		t->held_up = 0;
		return;
	}
	if (t->breaks_at == t->n && !cut(t))
		return;
	if (!t->committing && wrote(t)) {
		t->committing = true;
		txn_later(t, takes());
		return;
	}
	txn_commit(t);
	if (t->breaks_at == t->n + 1)
		(void)cut(t);
	if (t->client)
		txn_later(t, takes());
	else
		txn_free(t);
}

/* ---- for sessions ------------------------------------------------------------------------- */

static void
copy_call(struct txn *t, int i, const struct pg_ticket *ticket)
{
	const struct pg_stmt *stmt = ticket->call[i].stmt;
	t->call[i].run = model_statement(stmt);
	t->call[i].name = stmt->name;
	t->call[i].nargs = ticket->call[i].nargs;
	t->call[i].arg = arena_zalloc(t->arena, sizeof(struct str) * (size_t)t->call[i].nargs);
	assert(stmt->nparams == t->call[i].nargs);
	for (int k = 0; k < t->call[i].nargs; k++)
		if (ticket->call[i].value[k])
			t->call[i].arg[k] =
			    arena_str(t->arena, (struct str){ ticket->call[i].value[k],
						    (size_t)ticket->call[i].length[k] });
}

struct txn *
txn_begin(struct pg_session *client, const struct pg_ticket *ticket, int sent)
{
	struct txn *t = mem_zalloc(sizeof(*t));
	t->h = (struct happening){ .fn = step, .arg = t };
	t->arena = arena_new();
	t->client = client;
	t->n = ticket->n;
	t->sent = sent;
	t->breaks_at = dice_chance(weather.breaks) ? (int)dice(0, t->n + 1) : -1;
	for (int i = 0; i < t->n; i++)
		copy_call(t, i, ticket);
	if (is_operators(t) && dice_chance(weather.held))
		t->held_up = dice(0, HELD_MAX);
	TAILQ_INSERT_TAIL(&txns, t, entry);
	txn_later(t, takes());
	return t;
}

void
txn_more(struct txn *t)
{
	t->sent = t->n;
	if (!t->h.place && !t->waiting)
		txn_later(t, takes());
}

void
txn_orphan(struct txn *t)
{
	t->client = NULL;
	if (t->ended) {
		txn_free(t);
		return;
	}
	if (t->sent < t->n) {
		hang(t);
	} else if (!t->begun && dice_chance(500)) {
		give_up(t); /* it was not even sent */
	} else if (!t->begun) {
		txn_later(t, dice_skewed(0, ARRIVES_MAX));
	}
}

int
txn_evict(struct txn *t, int slot)
{
	struct txn *o;
	int n = 0;
	TAILQ_FOREACH(o, &txns, entry) {
		if (o == t || !(o->shared & 1U << slot) || o->ended)
			continue;
		n++;
		TRACE("db  evicts a transaction");
		if (o->client)
			session_cut(o->client, dice_skewed(0, USEC_PER_SEC));
		o->client = NULL;
		if (o->committing)
			continue; /* a commit that has begun ends */
		o->h.fn = give_up;
		o->waiting = false;
		txn_later(o, dice(0, 1000));
	}
	return n;
}

/* ---- for the world ------------------------------------------------------------------------ */

void
txn_crash(void)
{
	struct txn *t, *next;
	TAILQ_FOREACH_SAFE(t, &txns, entry, next) {
		t->waiting = false; /* nobody is woken: all of them end here */
		t->client = NULL;
	}
	while ((t = TAILQ_FIRST(&txns))) {
		if (t->committing && !t->ended && dice_chance(500))
			txn_commit(t);
		else if (!t->ended)
			txn_roll_back(t);
		txn_free(t);
	}
}

void
txn_reset(void)
{
	struct txn *t;
	while ((t = TAILQ_FIRST(&txns))) {
		txn_forget_rows(t);
		txn_free(t);
	}
}

int
txn_orphans(void)
{
	int n = 0;
	const struct txn *t;
	TAILQ_FOREACH(t, &txns, entry)
		n += !t->client || is_operators(t);
	return n;
}
