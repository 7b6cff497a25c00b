/* A transaction of the model server, between the files that make it: what it locks and numbers
 * (txn_lock.c), how it ends (txn_end.c), and its run from the first statement on (txn.c). */
#pragma once

#include <sys/queue.h>

#include "base/arena.h"

#include "txn.h"

#define CLAIMS_MAX 64

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
TAILQ_HEAD(txn_list, txn);
extern struct txn_list txns; /* all that are under way */

void txn_later(struct txn *t, usec_t after); /* its next step, from now */

void txn_commit(struct txn *t);
void txn_roll_back(struct txn *t);
void txn_forget_rows(struct txn *t); /* what it was writing */
void txn_free(struct txn *t);        /* without a word */
