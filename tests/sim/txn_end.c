/* How a transaction of the model server ends: its rows are there for all at once, or never were. */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#include "dice.h"
#include "ledger.h"
#include "model.h"
#include "sim_loop.h"
#include "txn-internal.h"

void
txn_free(struct txn *t)
{
	agenda_remove(&t->h);
	for (int i = 0; i < t->n; i++)
		PQclear(t->call[i].result);
	TAILQ_REMOVE(&txns, t, entry);
	arena_free(t->arena);
	free(t);
}

/* Those that wait look again, in any order. */
static void
wake(void)
{
	struct txn *t;
	TAILQ_FOREACH(t, &txns, entry) {
		if (!t->waiting)
			continue;
		t->waiting = false;
		txn_later(t, dice(0, 50));
	}
}

void
txn_forget_rows(struct txn *t)
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

void
txn_roll_back(struct txn *t)
{
	txn_forget_rows(t);
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

void
txn_commit(struct txn *t)
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
