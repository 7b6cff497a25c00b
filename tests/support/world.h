/* Workers without their front, several in one process, each with a loop, pools, slots and a
 * catalogue of its own, over one database; and a subscriber that remembers what it was sent.
 *
 * A node that is paused does nothing at all, as a process that was stopped; one that is killed goes
 * without a word, as by SIGKILL. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config/config.h"
#include "db.h"
#include "ingest/ingest.h"
#include "receiver.h"
#include "send/sender.h"
#include "turn.h"

#define WORLD_NODES_MAX 4

/* One request that the subscriber was sent. */
struct arrival {
	char path[32];
	int64_t msg_id;
	char body[128];
};

struct post;

struct world {
	struct db *db;
	struct loop *loop; /* the subscriber's */
	struct receiver *receiver;
	const struct receiver_play *any; /* the answer to /any; NULL: it is held back */
	int narrivals;
	struct arrival *arrivals; /* owned */
	struct node *nodes[WORLD_NODES_MAX];
	int apps_max;          /* of the catalogue of nodes started from now on; 0: plenty */
	usec_t append_run_max; /* of nodes started from now on; 0: a minute */
	STAILQ_HEAD(, post) posts;
};

struct node {
	struct world *world;
	struct loop *loop;
	struct config config;
	char pool_name[4][24]; /* "a-append", …: application names on the server */
	struct pg_pool *append, *record, *load, *lease;
	struct catalogue *catalogue;
	struct sender *sender;
	struct ingest *ingest;
	bool paused, drained;
	bool rests; /* its loop waits, and has time; else it is busy throughout (loop_busy) */
};

/* The database is emptied, and has no partitions for retries in more than six hours any more, which
 * makes questions to it cheaper. */
struct world *world_new(struct db *db);
/* Kills the nodes that are left. */
void world_free(struct world *w);
void world_turn(struct world *w);

#define UNTIL(w, condition)                                                                        \
	do {                                                                                       \
		usec_t give_up = clock_mono() + TURN_MAX;                                          \
		while (!(condition)) {                                                             \
			if (clock_mono() > give_up)                                                \
				fail_msg("waited in vain for %s", #condition);                     \
			for (int turns = 0; turns < 8; turns++) /* conditions may cost more */     \
				world_turn(w);                                                     \
		}                                                                                  \
	} while (0)

/* ---- nodes -------------------------------------------------------------------------------- */

/* settings: "name=value; name=value" over leases of a minute and no retries; returns when it has a
 * home slot. */
struct node *node_start(struct world *w, const char *name, const char *settings);
/* The same, without waiting for anything. */
struct node *node_begin(struct world *w, const char *name, const char *settings);
void node_stop(struct node *n); /* drains first */
void node_kill(struct node *n);
int node_slot(const struct node *n); /* its home; -1: none */
/* Pauses it and lets its leases lapse. */
void node_lapse(struct node *n);

/* Stops and continues the server's process behind one of the node's connections; one at a time. */
int node_backend(const struct node *n, const char *pool); /* its pid; "append", … */
void backend_stop(int pid);
void backend_continue(void);

/* ---- events ------------------------------------------------------------------------------- */

/* One event on its way through ingest; the world frees it. */
struct post {
	struct ingest_event ev;
	char payload[64];
	int calls;
	bool ok, replayed;
	int64_t id; /* of the message */
	enum err_kind error;
	char text[232]; /* of the error */
	STAILQ_ENTRY(post) entry;
};

/* An event of type "a.b" for the application with that uid or id: {"n":number}. */
struct post *post_new(struct world *w, const char *app, int number);
void post_key(struct post *p, const char *key, const char *body); /* an Idempotency-Key */
void post_send(struct node *n, struct post *p);
void post_send_list(struct node *n, struct post *const *p, int count); /* all at once */
/* All of it: the id of the message that was accepted. */
int64_t post_ok(struct node *n, const char *app, int number);

/* ---- the subscriber ----------------------------------------------------------------------- */

/* Paths begin with what is answered: /200 /500 /410 /429 (Retry-After: an hour) /503 (two seconds)
 * /hold (nothing until receiver_release) /reset /any. */
int64_t world_endpoint(struct world *w, int64_t app_id, const char *path);
extern const struct receiver_play play_200, play_500, play_410;
/* Requests for a message (0: any) on a path (NULL: any). */
int arrived(const struct world *w, int64_t msg_id, const char *path);
int64_t held(const struct world *w);

/* ---- what is stored ----------------------------------------------------------------------- */

int attempts(struct world *w, int64_t msg_id); /* 0: of all messages */
int dead_letters(struct world *w, int64_t msg_id);
/* Nothing of any slot is open: first deliveries, retries. */
bool all_resolved(struct world *w);
/* What the stored marks claim to be resolved and is not; always 0. */
int passed(struct world *w);
