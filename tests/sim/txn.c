/* The model server's transactions (txn.h). */
#include "txn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/attr.h"
#include "base/mem.h"

#include "dice.h"
#include "ledger.h"
#include "model.h"
#include "sim_loop.h"
#include "trace.h"
#include "wire.h"

#define CLAIMS_MAX 64
#define HELD_MAX   (40 * USEC_PER_SEC)
#define HANGS_MAX  (60 * USEC_PER_SEC) /* how long a half transaction of a lost client may stay */
#define ARRIVES_MAX                                                                                \
	(4 * USEC_PER_SEC) /* a lost client's statements begin: limbo.c takes 5 s for certain */

struct claim {
	int slot;
	int64_t epoch;
};

struct txn {
	struct happening h;
	struct arena *arena;
	struct pg_session *client; /* NULL: gone */
	int n, next, sent;
	struct {
		statement_fn run;
		const char *name;
		int nargs;
		struct str *arg;
		PGresult *result;
	} call[PG_STATEMENTS_MAX];
	bool begun, waiting, committing, ended;
	struct wall start;
	usec_t held_up; /* before its commit, as by a lock that somebody else has */
	int breaks_at; /* before this statement; n: before the commit, n + 1: after it; -1: never */
	uint32_t shared, exclusive, rows; /* of slots */
	uint32_t holds[HOLD_LOCKS];       /* of endpoints */
	int64_t xid;                      /* from the first write on; 0: none */
	int inserted;                     /* rows */
	int nclaims;
	struct claim claim[CLAIMS_MAX];
	struct app_row *touches;
	struct endpoint_row *disables;
	struct err err;
	TAILQ_ENTRY(txn) entry;
};
static TAILQ_HEAD(, txn) all = TAILQ_HEAD_INITIALIZER(all);
static int64_t next_xid = 1;

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

static void
later(struct txn *t, usec_t after)
{
	agenda_put(&t->h, agenda_now() + after);
}

/* ---- for statements ----------------------------------------------------------------------- */

static void
get_number(struct txn *t)
{
	if (!t->xid)
		t->xid = next_xid++;
}

enum ran
txn_fail(struct txn *t, const char *sqlstate, const char *text)
{
	err_set(&t->err,
	    strcmp(sqlstate, "23505") == 0 ? ERR_CONFLICT
	    : sqlstate[0] == '2'           ? ERR_INTERNAL
					   : ERR_UNAVAILABLE,
	    "%s", text);
	snprintf(t->err.origin, sizeof(t->err.origin), "%s", sqlstate);
	return RAN_FAILED;
}

struct wall
txn_start(const struct txn *t)
{
	return t->start;
}

bool
txn_lock_shared(struct txn *t, int slot)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &all, entry)
		if (o != t && o->exclusive & 1U << slot)
			return false;
	t->shared |= model_without[WITHOUT_LOCK] ? 0 : 1U << slot;
	return true;
}

bool
txn_lock_exclusive(struct txn *t, int slot)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &all, entry)
		if (o != t && (o->exclusive | o->shared) & 1U << slot)
			return false;
	t->exclusive |= 1U << slot;
	return true;
}

bool
txn_lock_row(struct txn *t, int slot)
{
	struct slot_row *row = &db.slot[slot];
	if (row->writer && row->writer != t)
		return false;
	if (!row->writer)
		row->next = row->now;
	row->writer = t;
	t->rows |= 1U << slot;
	get_number(t);
	return true;
}

bool
txn_touch_app(struct txn *t, struct app_row *app)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &all, entry)
		if (o != t && o->touches == app && !o->ended)
			return false;
	t->touches = app;
	get_number(t);
	return true;
}

void
txn_lock_throttle(struct txn *t, struct throttle_row *row)
{
	row->writer = t;
	get_number(t);
}

void
txn_disable(struct txn *t, struct endpoint_row *endpoint)
{
	t->disables = endpoint;
	get_number(t);
}

static bool
conflicts(const struct txn *o, int endpoint, enum hold_lock lock)
{
	/* Sets of locks that exclude each one (manual, "Row-Level Locks"). */
	static const unsigned excluded[] = {
		[HOLD_KEY_SHARE] = 1U << HOLD_UPDATE,
		[HOLD_SHARE] = 1U << HOLD_CHANGE | 1U << HOLD_UPDATE,
		[HOLD_CHANGE] = 1U << HOLD_SHARE | 1U << HOLD_CHANGE | 1U << HOLD_UPDATE,
		[HOLD_UPDATE] = ~0U,
	};
	for (int i = 0; i < HOLD_LOCKS; i++)
		if (o->holds[i] & 1U << endpoint && excluded[lock] & 1U << i)
			return true;
	return false;
}

bool
txn_lock_hold(struct txn *t, int endpoint, enum hold_lock lock)
{
	struct hold_row *row = &db.hold[endpoint];
	const struct txn *o;
	TAILQ_FOREACH(o, &all, entry)
		if (o != t && conflicts(o, endpoint, lock))
			return false;
	t->holds[lock] |= 1U << endpoint;
	get_number(t);
	if (lock < HOLD_CHANGE)
		return true;
	if (!row->writer)
		row->next = row->now;
	row->writer = t;
	return true;
}

bool
txn_is_changing(int endpoint, const struct app_row *app)
{
	const struct txn *o;
	TAILQ_FOREACH(o, &all, entry)
		if (conflicts(o, endpoint, HOLD_UPDATE) || (o->touches == app && !o->ended))
			return true;
	return false;
}

int64_t
txn_oldest(void)
{
	const struct txn *o;
	int64_t oldest = next_xid;
	TAILQ_FOREACH(o, &all, entry)
		if (o->xid && !o->ended && o->xid < oldest)
			oldest = o->xid;
	return oldest;
}

int64_t
txn_next(void)
{
	return next_xid;
}

void
txn_claim(struct txn *t, int slot, int64_t epoch)
{
	for (int i = 0; i < t->nclaims; i++)
		if (t->claim[i].slot == slot)
			return;
	assert(t->nclaims < CLAIMS_MAX);
	t->claim[t->nclaims++] = (struct claim){ slot, epoch };
}

void
txn_inserted(struct txn *t)
{
	t->inserted++;
	get_number(t);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void
txn_free(struct txn *t)
{
	agenda_remove(&t->h);
	for (int i = 0; i < t->n; i++)
		PQclear(t->call[i].result);
	TAILQ_REMOVE(&all, t, entry);
	arena_free(t->arena);
	free(t);
}

/* Those that wait look again, in any order. */
static void
wake(void)
{
	struct txn *t;
	TAILQ_FOREACH(t, &all, entry) {
		if (!t->waiting)
			continue;
		t->waiting = false;
		later(t, dice(0, 50));
	}
}

static void
forget_rows(struct txn *t)
{
	for (int name = 0; name < TABLES && t->inserted; name++)
		for (int i = db.table[name].n; i-- > 0;)
			if (((struct row *)db.table[name].row[i])->writer == t)
				table_delete((enum table_name)name, i);
	for (int i = 0; i < SLOTS_COUNT; i++)
		if (db.slot[i].writer == t)
			db.slot[i].writer = NULL;
	for (int i = 0; i < ENDPOINTS_MAX; i++)
		if (db.hold[i].writer == t)
			db.hold[i].writer = NULL;
	for (size_t i = 0; i < ARRAY_LEN(db.throttle); i++)
		if (db.throttle[i].writer == t)
			db.throttle[i].writer = NULL;
	FOR_ROWS(d, dead_row, TABLE_DEAD_LETTER, NULL)
	if (d->marker == t)
		d->marker = NULL;
}

static void
let_go(struct txn *t)
{
	t->shared = t->exclusive = t->rows = 0;
	memset(t->holds, 0, sizeof(t->holds));
	t->ended = true;
	wake();
}

static void
roll_back(struct txn *t)
{
	forget_rows(t);
	let_go(t);
}

static void
commit_rows(struct txn *t)
{
	for (int i = 0; i < t->nclaims; i++)
		ledger_claim(t->claim[i].slot, t->claim[i].epoch);
	for (int name = 0; name < TABLES && t->inserted; name++) {
		for (int i = 0; i < db.table[name].n; i++) {
			struct row *row = db.table[name].row[i];
			if (row->writer != t)
				continue;
			row->writer = NULL;
			ledger_row((enum table_name)name, row);
		}
	}
	for (int i = 0; i < SLOTS_COUNT; i++) {
		if (db.slot[i].writer != t)
			continue;
		struct slot_values before = db.slot[i].now;
		db.slot[i].now = db.slot[i].next;
		db.slot[i].writer = NULL;
		ledger_slot(i, &before);
	}
	for (int i = 0; i < db.nendpoints; i++) {
		if (db.hold[i].writer != t)
			continue;
		db.hold[i].now = db.hold[i].next;
		db.hold[i].writer = NULL;
		ledger_hold(i);
	}
}

static void
commit_replays(const struct txn *t)
{
	FOR_ROWS(d, dead_row, TABLE_DEAD_LETTER, NULL)
	{
		if (d->marker != t)
			continue;
		d->marker = NULL;
		d->replayed++;
		ledger_replayed(d);
	}
}

static void
commit_throttles(const struct txn *t)
{
	for (size_t i = 0; i < ARRAY_LEN(db.throttle); i++) {
		if (db.throttle[i].writer != t)
			continue;
		db.throttle[i].writer = NULL;
		db.throttle[i].free_at = db.throttle[i].next;
	}
}

static void
commit(struct txn *t)
{
	commit_rows(t);
	commit_replays(t);
	commit_throttles(t);
	if (t->disables)
		t->disables->disabled = true;
	if (t->touches) {
		t->touches->version++;
		t->touches->changed_at = sim_wall();
	}
	let_go(t);
	ledger_judge();
}

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
	roll_back(t);
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
	later(t, dice_chance(500) ? 0 : dice(0, HANGS_MAX));
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
			roll_back(t);
			tell(t, false);
			return false;
		case RAN:
			break;
		}
		t->next++;
		if (t->next < t->n && dice_chance(400)) {
			later(t, takes());
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
		later(t, t->held_up);
		t->held_up = 0;
		return;
	}
	if (t->breaks_at == t->n && !cut(t))
		return;
	if (!t->committing && wrote(t)) {
		t->committing = true;
		later(t, takes());
		return;
	}
	commit(t);
	if (t->breaks_at == t->n + 1)
		(void)cut(t);
	if (t->client)
		later(t, takes());
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
	TAILQ_INSERT_TAIL(&all, t, entry);
	later(t, takes());
	return t;
}

void
txn_more(struct txn *t)
{
	t->sent = t->n;
	if (!t->h.place && !t->waiting)
		later(t, takes());
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
		later(t, dice_skewed(0, ARRIVES_MAX));
	}
}

int
txn_evict(struct txn *t, int slot)
{
	struct txn *o;
	int n = 0;
	TAILQ_FOREACH(o, &all, entry) {
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
		later(o, dice(0, 1000));
	}
	return n;
}

/* ---- for the world ------------------------------------------------------------------------ */

void
txn_crash(void)
{
	struct txn *t, *next;
	TAILQ_FOREACH_SAFE(t, &all, entry, next) {
		t->waiting = false; /* nobody is woken: all of them end here */
		t->client = NULL;
	}
	while ((t = TAILQ_FIRST(&all))) {
		if (t->committing && !t->ended && dice_chance(500))
			commit(t);
		else if (!t->ended)
			roll_back(t);
		txn_free(t);
	}
}

void
txn_reset(void)
{
	struct txn *t;
	while ((t = TAILQ_FIRST(&all))) {
		forget_rows(t);
		txn_free(t);
	}
}

int
txn_orphans(void)
{
	int n = 0;
	const struct txn *t;
	TAILQ_FOREACH(t, &all, entry)
		n += !t->client || is_operators(t);
	return n;
}
