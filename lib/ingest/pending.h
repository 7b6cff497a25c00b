/* One event on its way through the ingestor (ingest.c): what it is matched with, how it ends, and
 * why it was not stored. */
#pragma once

#include <sys/queue.h>

#include "ingest/batch.h"
#include "ingest/ingest.h"
#include "ingest/limbo.h"

/* Of an append or a question, before its producers are told. */
#define INGEST_ANSWER_MAX (5 * USEC_PER_SEC)

struct pending {
	struct ingest *in;
	struct group *group;
	const struct ingest_event *ev; /* the caller's, until fn */
	ingest_fn fn;                  /* NULL: answered before the append was over */
	void *arg;
	usec_t since;
	int tries;
	bool finds;                /* it is only asked about: ingest_find */
	const struct cat_app *app; /* one reference: what it was matched with */
	struct targets targets;
	int64_t *target_ids;     /* owned: those of targets */
	struct message *message; /* one reference; NULL until it is in a batch */
	struct arena *arena;     /* of the question why */
	struct pg_ticket *why;   /* while it is asked, in the list of those asking */
	TAILQ_ENTRY(pending) entry;
};
TAILQ_HEAD(pending_list, pending);

/* Events that were submitted together: one piece of memory. */
struct group {
	int n, left; /* left: not answered yet */
	struct pending pending[];
};

struct ingest {
	struct loop *loop;
	const struct config *config;
	struct catalogue *cat;
	struct sender *sender;
	struct pg_pool *append, *read;
	struct batch *batch;
	struct limbo *limbo;
	int npending;
	struct pending_list waiting[2]; /* single events, those of groups */
	struct pending_list flying, asking;
	int nflying;
	struct pg_ticket *ticket;
	usec_t sent;          /* when the append under way was, */
	int64_t epoch;        /* and under which epoch */
	usec_t failed_at;     /* when the last append failed; 0: it did not */
	char failed_code[16]; /* and its SQLSTATE */
	struct defer kick;
	struct timer tick;
};

/* ---- pending.c ---- */

/* What it is to be delivered to, by that snapshot; takes a reference of it. */
void pending_match(struct pending *p, const struct cat_app *app);
/* Reads the application, matches and enqueues; again when what is cached has proved stale. */
void pending_look_up(struct pending *p);

/* Each ends it. It is in no list then. */
void pending_free(struct pending *p);
void pending_fail(struct pending *p, const struct err *e);
void pending_fail_with(struct pending *p, enum err_kind kind, const char *text);
/* It is stored: delivered, also when its producer was told that we did not know. */
void pending_accept(struct pending *p);

/* Answers its producer with an error, and no more; once. */
void pending_refuse(struct pending *p, const struct err *e);

/* ---- why.c ---- */

/* The append left it out: asks why, and answers or matches it again. Ends it when nobody waits. */
void pending_not_stored(struct pending *p);
/* Reads the application, and asks whether the event is there; no more is done with it. */
void pending_find(struct pending *p);

/* ---- ingest.c ---- */

/* Stands in line for an append. */
void ingest_enqueue(struct pending *p);
