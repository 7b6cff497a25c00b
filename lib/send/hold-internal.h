/* The holds' private parts. Each file has one noun and calls only those before it:
 *
 *   hold_entry.c  the parked steps of one hold that are in memory, and which of them may start
 *   hold_store.c  a hold's row: what is read of it, how it is written
 *   hold_read.c   reading what is parked, and how far that is complete
 *   hold_app.c    the applications of holds and trips
 *   hold_step.c   what a hold does next: its one step, its one setter
 *   hold_trip.c   breakers that tripped here, until everybody knows
 *   hold.c        all of them together, and what others ask */
#pragma once

#include <bsd/sys/tree.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/arena.h"

#include "send/hold.h"

#define HOLD_ENTRIES_MAX  10000  /* of one hold in memory; what is behind them is read later */
#define HOLD_KEY_MAX      100    /* of one key */
#define HOLDS_ENTRIES_MAX 200000 /* of all holds; beyond it each has a page at least */
#define HOLD_PAGE         1000   /* rows of one hold of one read … */
#define HOLD_PAGE_MANY    250    /* … of more than HOLD_FEW holds */
#define HOLD_FEW          4

enum entry_state {
	ENTRY_BLOCKED,   /* behind another one of its key */
	ENTRY_READY,     /* may start */
	ENTRY_LATER,     /* its next attempt is due later */
	ENTRY_UNDER_WAY, /* in its lane, in flight, or being recorded */
	ENTRY_OVER,      /* resolved while a read was under way, which may bring it again */
};

struct entry_id {
	int64_t msg_id, chain;
};

struct entry {
	struct entry_id id;
	int64_t no;
	int64_t again; /* the first row of the same step that came behind this one; 0: none */
	struct wall at;
	int16_t seq, tries, trigger;
	enum entry_state state;
	bool expired;          /* let out to be given up */
	struct entry_key *key; /* NULL: not ordered */
	usec_t due;            /* while LATER */
	RB_ENTRY(entry) by_no;
	RB_ENTRY(entry) by_due;    /* while LATER */
	TAILQ_ENTRY(entry) ready;  /* while READY */
	TAILQ_ENTRY(entry) of_key; /* in order of no */
	UT_hash_handle hh;
};
RB_HEAD(entry_tree, entry);
RB_HEAD(entry_due_tree, entry);
TAILQ_HEAD(entry_list, entry);

/* The entries that share an order; one of them is ready, later or under way. Without entries it is
 * there only for the hole in its order. */
struct entry_key {
	int64_t key;
	int n;
	int64_t more_from; /* the first row that found no room; 0: none */
	struct entry_list list;
	UT_hash_handle hh;
};

struct entries {
	int n, unordered, under_way, over;
	int cut; /* keys that have a hole (more_from) */
	struct entry *by_id;
	struct entry_key *by_key;
	struct entry_tree by_no;
	struct entry_due_tree later;
	struct entry_list ready;
};

struct hold {
	struct holds *all;
	int64_t app_id, endpoint_id;
	int16_t slot;
	int64_t epoch;
	int64_t version; /* of the application, with which it was read */
	enum hold_state state, stored, writing;
	bool dirty;         /* the row is to be written … */
	usec_t store_after; /* … but not before */
	bool loaded;        /* its row was read */
	bool ask_again;     /* that did not work: at the next tick */
	bool known;         /* what follows is: of the endpoint; ended: deleted or disabled */
	bool ordered, blocks, ended, deleted;
	bool row_ordered; /* as its row has it, which may be newer or older than what is known of
			   * the endpoint; true for a deleted one until all is over */
	usec_t failing_since; /* 0: not */
	usec_t probe_at;
	int probes;            /* that failed in a row */
	struct entry_id probe; /* the one that is out, while open */
	/* Reading: a sweep goes page by page to the end of what is there. */
	int64_t beyond; /* of the page to be read next */
	int64_t
	    next_base; /* of the next sweep: how far the numbers were complete when this began */
	bool wants_read, reading, sweeping;
	bool more; /* behind next_base is something that was left out */
	usec_t read_at, active_at;
	usec_t expire_at; /* when to look whether something waits for too long */
	/* Draining. */
	usec_t drain_since, next_start, close_at;
	double drain_factor; /* of its pace, see hold_pace */
	bool overflow;       /* it drains what found no room, and not what an outage left */
	struct entries entries;
	struct timer timer;
	struct arena *arena;
	struct pg_ticket *ticket; /* its row is being written or read */
	usec_t stored_at;
	TAILQ_ENTRY(hold) reader; /* in holds->readers, while wants_read */
	struct holds_app *app;
	TAILQ_ENTRY(hold) of_app;
	UT_hash_handle hh;
};
TAILQ_HEAD(hold_list, hold);

/* A breaker that has tripped here: the lane waits until the catalogue tells of it. Or a lane that
 * overflows, and does not wait. */
struct trip {
	struct holds *all;
	int64_t app_id, endpoint_id, version; /* version 0: the row is being written */
	int slot;
	int64_t epoch;
	bool overflow;
	struct arena *arena; /* while the row is being written from here */
	struct pg_ticket *ticket;
	struct holds_app *app;
	TAILQ_ENTRY(trip) of_app;
	UT_hash_handle hh;
};

struct holds_app {
	struct holds *all;
	int64_t app_id;
	usec_t asked_at; /* at most once in a turn of the loop */
	struct hold_list holds;
	TAILQ_HEAD(, trip) trips;
	UT_hash_handle hh;
};

struct take {
	struct holds *all;
	int home;
	int64_t home_epoch;
	int slot;
	int64_t epoch;
	struct arena *arena;
	struct pg_ticket *ticket;
	struct timer again;
	TAILQ_ENTRY(take) entry;
};

#define HOLD_READ_MAX 64 /* holds of one read */

/* The numbers up to which `parked` is complete: see hold_read.c. */
struct complete {
	int64_t no; /* everything up to it has been visible */
	int64_t own,
	    newest; /* becomes `no` when every transaction before own is over; 0: none is */
	int64_t last_newest; /* of the last read */
	usec_t old_at;       /* and whatever is older than two OLD is over as well */
	int64_t old_no, older_no;
};

struct holds {
	struct loop *loop;
	const struct config *config;
	struct catalogue *cat;
	struct pg_pool *load;
	struct holds_events ev;
	struct rand rand;
	bool stopped;
	struct hold *by_endpoint;
	int64_t nentries;
	struct hold_list readers;
	struct hold *in_read[HOLD_READ_MAX]; /* of the read under way; NULL: dropped since */
	int nin_read, page;                  /* rows of each at most */
	struct arena *read_arena;
	struct pg_ticket *read_ticket;
	struct timer read_again;
	struct complete complete;
	struct trip *trips; /* by endpoint */
	struct holds_app *by_app;
	TAILQ_HEAD(, take) takes;
	struct timer tick; /* while there are trips, or holds whose endpoint is not known */
};

/* ---- hold_entry.c ---- */

struct parked_row {
	int64_t no, msg_id, chain;
	struct wall at;
	int16_t seq, tries, trigger;
	bool ordered;
	int64_t key;
	usec_t due; /* loop time; 0: at once */
};

void entries_init(struct entries *es);
/* Takes a row in, unless it is here or finds no room. */
void entries_add(struct hold *h, const struct parked_row *row);
struct entry *entries_find(const struct hold *h, int64_t msg_id, int64_t chain);
/* The oldest that may start, or NULL; those whose time has come are ready again. */
struct entry *entries_ready(struct hold *h);
/* The same for a probe, which need not wait for its time. */
struct entry *entries_probe(struct hold *h);
/* When the next one is due; 0: none is later. */
usec_t entries_next_due(const struct hold *h);
void entry_start(struct hold *h, struct entry *en);
void entry_later(struct hold *h, struct entry *en, usec_t due);
/* Back to the ready ones, unstarted. */
void entry_return(struct hold *h, struct entry *en);
void entry_resolve(struct hold *h, struct entry *en);
/* A sweep begins behind h->beyond: what had found no room and is there comes again. */
void entries_sweep(struct hold *h);
/* No read is under way any more: what is over is forgotten. */
void entries_forget_over(struct hold *h);
void entries_free(struct hold *h);
/* Everything up to it is resolved, as far as this hold knows; ret_at: since when the oldest of what
 * is not was parked, 0 when that is not here. */
int64_t entries_low(const struct hold *h, int64_t none, struct wall *ret_at);

/* ---- hold_store.c ---- */

struct hold_row {
	int64_t app_id, endpoint_id;
	int slot;
	enum hold_state state;
	bool failing;
	usec_t failing_for, probe_in;
	int probes;
	int64_t low_no;
	bool ordered;
};
void hold_row_read(const PGresult *r, int row, struct hold_row *ret);
/* Statements under a slot's fence; calls[0] and calls[1] are the fence's. fn's results begin there.
 */
void hold_write(struct hold *h, pg_fn fn);
void hold_write_closed(struct hold *h, pg_fn fn);
void hold_ask(struct hold *h, pg_fn fn);
void hold_trip(struct trip *t, usec_t failing_for, usec_t probe_in, pg_fn fn);
void hold_overflow(struct trip *t, pg_fn fn);
void hold_take(struct take *t, pg_fn fn);

/* ---- hold_read.c ---- */

void hold_want_read(struct hold *h);
void hold_read_now(void *arg); /* of the timer read_again; arg: the holds */
void hold_read_drop(struct hold *h);
void hold_read_stop(struct holds *hs);

/* ---- hold_app.c ---- */

struct holds_app *holds_app_find(const struct holds *hs, int64_t app_id);
struct holds_app *holds_app_get(struct holds *hs, int64_t app_id); /* makes it */
void holds_app_trim(struct holds_app *x);                          /* frees it, when empty */
/* Asks the catalogue for it; holds_update learns the answer. */
void holds_app_ask(struct holds_app *x);

/* ---- hold_step.c ---- */

/* The only place that changes a hold's state. */
void hold_set_state(struct hold *h, enum hold_state state);
/* Does what there is to do, now. Frees the hold when there is nothing to keep any more. */
void hold_step(struct hold *h);
/* Soon, not from inside. */
void hold_wake(struct hold *h);
/* A row that was read becomes the hold's own state. */
void hold_load(struct hold *h, const struct hold_row *row);

/* A step that is drained has been attempted: the pace falls with failures, and rises again. */
void hold_pace(struct hold *h, bool delivered);
/* Jittered, by the probes that have failed. */
usec_t hold_probe_wait(struct hold *h);
/* A probe has failed: the next one later, and not before what the receiver asked for. */
void hold_probe_failed(struct hold *h, usec_t retry_after);

/* ---- hold_trip.c ---- */

/* The hold's row was written with that version of the application. */
void trip_stored(struct holds *hs, int64_t endpoint_id, int64_t version);
void trips_update(struct holds_app *x, const struct cat_app *app);
bool trips_again(struct holds *hs); /* asks for what is missing; whether there are any */
/* Those that were stored under that slot are over. */
void trips_drop(struct holds *hs, int slot);
void trips_free(struct holds *hs);

/* ---- hold.c ---- */

struct hold *hold_find(const struct holds *hs, int64_t endpoint_id);
void hold_free(struct hold *h);
/* The row is not as it was believed to be: reads it again. */
void hold_reload(struct hold *h);
void holds_tick_soon(struct holds *hs);
