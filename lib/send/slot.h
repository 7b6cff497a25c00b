/* Slots: what this worker owns, kept by a heartbeat, and taken over from others.
 *
 *   FREE/LAPSED ─adopt─> RECOVERING ─all read─> HELD ─drained─> (released)
 *                           │                    │                  ^
 *                           ├──── no time ───────┴─> LEAVING ───────┘ with work left
 *                           └──── beat says no, from any ──> (lost)
 *
 * The first slot taken is home: new events belong to it. The low-water mark of a slot is the oldest
 * unresolved message, or the recovery's position while there is one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"

#include "config/config.h"
#include "loop/loop.h"
#include "pg/pg.h"
#include "send/message.h"

struct slots; /* opaque */

/* A message that an adopted slot left, with the endpoints that still wait for it. */
struct recovered {
	int slot;
	int64_t epoch;
	int64_t app_id, id;
	struct str event_type;
	int n;
	const int64_t *endpoint_ids;
};

/* How much a worker has to do. */
enum slots_load {
	LOAD_LIGHT, /* there is time for more */
	LOAD_SOME,
	LOAD_OVER, /* there is no time for what it has */
};

struct slots_events {
	void *arg;
	/* An adopted slot had work: load its retries due in [from, …); slots_continue begins with
	 * its messages. */
	void (*adopted)(void *arg, int slot, struct wall from);
	/* One unresolved message of it; called in id order. */
	void (*recovered)(void *arg, const struct recovered *r);
	/* A slot is not ours any more, or is given back: what belongs to it must be dropped. */
	void (*lost)(void *arg, int slot);
	/* The home slot appeared, or attempts may start again. */
	void (*ready)(void *arg);
	/* An application of the catalogue changed. */
	void (*app_changed)(void *arg, int64_t app_id, int64_t version);
	/* The hold of an endpoint, which a slot of this worker keeps, may have changed with its
	 * application. */
	void (*hold_changed)(void *arg, int64_t app_id, int64_t endpoint_id);
	/* There are notices in the table. */
	void (*noticed)(void *arg);
	/* Which organisations are watched may have changed. */
	void (*watched_changed)(void *arg);
	/* The retry mark: no retry of the slot due before it is unresolved, nor will one be
	 * committed. */
	struct wall (*retry_low)(void *arg, int slot);
	/* Whether deliveries or retries of the slot are in memory. */
	bool (*busy)(void *arg, int slot);
	/* Whether recovery may read more now (memory). */
	bool (*room)(void *arg);
	enum slots_load (*load)(void *arg);
	/* How many deliveries of the slot wait, and whether any is under way or not recorded. */
	int (*queued)(void *arg, int slot);
	bool (*under_way)(void *arg, int slot);
};

struct slots *slots_new(struct loop *l, const struct config *c, struct pg_pool *lease,
    struct pg_pool *load, const struct slots_events *ev);
void slots_free(struct slots *s);

bool slots_home(const struct slots *s, int *ret_slot, int64_t *ret_epoch);
int slots_home_id(const struct slots *s); /* confirmed or not; -1: none */
/* A new id of the home slot. Of the last home when that was lost: good enough for attempts, whose
 * key holds the message; for events ask slots_home first. */
int64_t slots_id(struct slots *s);
/* Whether this worker still owns the slot under that epoch, as far as it knows. */
bool slots_mine(const struct slots *s, int slot, int64_t epoch);
/* Attempts may start: the confirmed lease has not run down to its margin. */
bool slots_confirmed(const struct slots *s);
/* Whether deliveries of the slot may start: it is this worker's, and is not being given back. */
bool slots_starts(const struct slots *s, int slot, int64_t epoch);
int64_t slots_epoch(const struct slots *s, int slot); /* -1 when not held */

/* The list of unresolved messages: in id order per slot. */
void slots_expect(struct slots *s, struct message *m);   /* takes a reference */
void slots_resolved(struct slots *s, struct message *m); /* gives it back */

/* Recovery may go on: an adopted slot is looked after, or there is room again. */
void slots_continue(struct slots *s);

/* Adopts no more: a stop has begun. */
void slots_leave(struct slots *s);
/* Gives all slots back; done runs once, when the database has confirmed or does not answer. */
void slots_release(struct slots *s, void (*done)(void *arg), void *arg);
