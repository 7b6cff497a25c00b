/* The ledger's private parts:
 *
 *   ledger.c        what is owed, and what the commits do to it
 *   ledger_rate.c   how often something is sent
 *   ledger_rules.c  what must hold of it: at each commit, at each request, and at the end */
#pragma once

#include "ledger.h"

/* What is owed of a message to an endpoint: by its own chain of steps (0), and by each one that
 * somebody has started by hand. */
struct obligation {
	struct message_row *message;
	int64_t endpoint_id, chain;
	int trigger;
	int number;      /* of the receiver */
	int64_t epoch;   /* of the slot when it was stored */
	int resolved;    /* the highest step that is, or -1 */
	int announced;   /* the highest step of a retry row, or -1 */
	struct wall due; /* its */
	int retry_slot;
	int parked; /* the highest step of a parked row, or -1 */
	struct regime regime;
	bool ordered;    /* it keeps its row until it succeeds or is given up */
	int64_t no, key; /* its */
	int64_t queued;  /* when it was committed: counts up */
	int64_t epochs;  /* of all slots, when it was stored */
	bool delivered, dead;
	bool tried;              /* a resend, which is one attempt, whatever comes of it */
	int accepted;            /* requests that the receiver took */
	int open;                /* its place in the list; -1: resolved */
	struct obligation *next; /* of the same message */
};

/* Those that are open. */
struct obligations {
	struct obligation **list;
	int n, room;
	bool touched; /* by the commit that is being made */
};
extern struct obligations owed;

struct obligation *owed_find(const struct message_row *m, int64_t endpoint_id, int64_t chain);
int64_t owed_epochs(void);                          /* of all slots */
void rules_check_order(const struct obligation *o); /* it is sent */
void rules_check_hold(int endpoint);
void rate_check(int number); /* a request is sent to that receiver */
void rate_reset(void);
