/* Transactions of the model server: statements run one after the other, each at an instant, under
 * the locks that it takes; what they write is seen by others at the commit, which comes later. All
 * of it takes simulated time and may break off anywhere.
 *
 * Kept as in PostgreSQL (read committed): each statement sees what was committed when it runs; an
 * advisory lock is held to the end; who would change a row that another transaction has changed
 * waits for its end and looks again; an insert waits for another one of the same key. */
#pragma once

#include <libpq-fe.h>

#include "base/err.h"

#include "agenda.h"
#include "pg/session.h"
#include "table.h"

struct txn; /* opaque; statements use what follows */

/* How a statement ended. */
enum ran {
	RAN,
	RAN_WAITS,  /* for a lock or another transaction: once more when one has ended */
	RAN_FAILED, /* txn_fail said with what */
};

struct call {
	struct txn *txn;
	struct arena *arena; /* of the transaction */
	int n;
	const struct str *arg;
};

/* A statement of the model: *ret is its result (none: an empty one is made). */
typedef enum ran (*statement_fn)(const struct call *c, PGresult **ret);

/* ---- for statements ----------------------------------------------------------------------- */

enum ran txn_fail(struct txn *t, const char *sqlstate, const char *text);
struct wall txn_start(const struct txn *t); /* now() of SQL */
/* The slot's advisory lock until the end: false while somebody else is in the way. */
bool txn_lock_shared(struct txn *t, int slot);
bool txn_lock_exclusive(struct txn *t, int slot);
/* The row of slot, to be changed (row->next): false while another transaction has changed it. */
bool txn_lock_row(struct txn *t, int slot);
/* The application's row, whose version rises and whose change is dated at the commit: false while
 * another transaction does so. */
bool txn_touch_app(struct txn *t, struct app_row *app);
/* That row is to be changed (row->next): nobody else does so. */
void txn_lock_throttle(struct txn *t, struct throttle_row *row);
void txn_disable(struct txn *t, struct endpoint_row *endpoint); /* at the commit */
/* The hold of the endpoint at that place, with PostgreSQL's row locks: for key share, for share,
 * for no key update (what an update takes), for update. The last two are for changing row->next. */
enum hold_lock {
	HOLD_KEY_SHARE,
	HOLD_SHARE,
	HOLD_CHANGE,
	HOLD_UPDATE,
	HOLD_LOCKS,
};
bool txn_lock_hold(struct txn *t, int endpoint, enum hold_lock lock);
/* Whether any transaction has locked it, or is changing the application. */
bool txn_is_changing(int endpoint, const struct app_row *app);
/* The snapshot's xmin, the oldest transaction that has written and not ended; and the number that
 * the next one will get. */
int64_t txn_oldest(void);
int64_t txn_next(void);
/* Whoever holds the slot's lock shared is ended, but t. Returns how many. */
int txn_evict(struct txn *t, int slot);
void txn_inserted(struct txn *t); /* by table.c: a row is t's; the transaction gets its number */
/* What is being written rests on this epoch of the slot: checked at the commit (ledger.h). */
void txn_claim(struct txn *t, int slot, int64_t epoch);

/* ---- for sessions ------------------------------------------------------------------------- */

/* Copies the ticket's statements. The client is told by session_answered(session, …) unless it has
 * gone. sent: of the statements, how many have arrived; the rest comes with txn_more. */
struct txn *txn_begin(struct pg_session *client, const struct pg_ticket *ticket, int sent);
void txn_more(struct txn *t);
/* The client has gone: what has arrived as a whole is run to its end, or was lost on the way. */
void txn_orphan(struct txn *t);
void session_answered(struct pg_session *c, PGresult **results, int n, const struct err *e);
void session_cut(struct pg_session *c, usec_t after); /* the server has closed the connection */

/* ---- for the world ------------------------------------------------------------------------ */

/* How the server behaves. */
struct weather {
	usec_t statement_min, statement_max; /* a statement, a commit, a way of the network */
	int slow;                            /* of a thousand steps */
	usec_t slow_max;
	int breaks;   /* of a thousand transactions: the connection breaks somewhere in it */
	int refusals; /* of a thousand statements: an error that is not the program's */
	int partial;  /* of a thousand transactions: not all of it is sent at once */
	int held;     /* of a thousand of the operator's: somebody's lock holds it up for long */
};
extern struct weather weather;

void txn_crash(void); /* the server has: all that is under way is lost, or just committed */
void txn_reset(void); /* ends everything without a word */
/* Under way, and nobody may wait for them any more: they may commit. */
int txn_orphans(void);
