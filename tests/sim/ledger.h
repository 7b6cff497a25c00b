/* The ledger: what is owed to each endpoint for each stored event, and whether the tables would
 * still bring it back if every worker died now. Kept from the model's commits and the receivers'
 * requests; violations end the run (trace.h).
 *
 * Owed: a delivery for each target of each committed message, and one more for each chain of steps
 * that somebody has started by hand. At every commit each of them is
 *   resolved     by an attempt that succeeded (of a resend: any), or a dead letter; or
 *   announced    by a committed retry row above every resolved step, due at or after its slot's
 *                retry mark; or
 *   parked       by a committed row, at or above every announced step, above the mark of a hold
 *                that is not closed; or
 *   first        not resolved in any step, and its message lies above its slot's low-water mark
 * (not of a chain);
 * and the slot, or the hold's, is owned or dirty, so that somebody will look. */
#pragma once

#include "table.h"

void ledger_reset(void);
extern bool ledger_lenient; /* what is well may become a dead letter: it waited for too long */

/* ---- from the model, at a commit */
void ledger_stored(struct message_row *m); /* by a statement, not committed yet */
void ledger_row(enum table_name name, struct row *row);
void ledger_slot(int slot, const struct slot_values *before);
void ledger_hold(int endpoint);
void ledger_claim(int slot, int64_t epoch); /* what is committed rests on it */
void ledger_replayed(const struct dead_row *d);
void ledger_judge(void); /* what the commit has touched */

/* ---- from the other parts */
void ledger_acknowledged(int64_t app_id, int64_t msg_id);
/* It was answered that this chain is started. */
void ledger_promised(int64_t app_id, int64_t msg_id, int64_t endpoint_id, int64_t chain);
/* A request has reached the receiver, which takes it (2xx) or not. */
struct request {
	int number; /* of the receiver */
	int64_t msg_id, chain;
	struct str body;
};
void ledger_sent(const struct request *rq, bool accepted);
/* It begins now, for a step of that slot, which no other worker may have by now. */
void ledger_may_send(const struct request *rq, int slot, int64_t epoch);

int ledger_open(void);      /* owed and not resolved */
bool ledger_deferred(void); /* some were put off: they come back late */
void ledger_tell(void);     /* what is open, into the trace */
/* The end: nothing is open. calm: nothing happened that excuses a repetition. */
void ledger_close(bool calm);
/* Over all schedules. */
struct ledger_sums {
	int64_t messages, sent, repeated, dead, attempts, takeovers, by_hand;
};
extern struct ledger_sums ledger_sums;
