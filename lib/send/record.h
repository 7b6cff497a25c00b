/* Recording: results of attempts become rows in batches, together with what follows from them. One
 * transaction at a time (natural batching) with a floor between flushes; a batch that fails is
 * tried again until it is stored or its slot is lost. */
#pragma once

#include <stdbool.h>

#include "loop/loop.h"
#include "pg/pg.h"
#include "send/delivery.h"

struct recorder; /* opaque */

struct recorder_events {
	void *arg;
	/* The result is stored (held), or its slot was lost or the database refuses it (not held;
	 * nothing of it is stored, unless it was a success). Owns r from now on. */
	void (*recorded)(void *arg, struct result *r, bool held);
	/* Steps that were to be parked found their hold closed: retries of that slot instead, due
	 * when they were sent. */
	void (*unparked)(void *arg, int slot);
	/* A fresh id, for a row whose own one is taken. */
	int64_t (*make_id)(void *arg);
};

struct recorder *recorder_new(
    struct loop *l, struct pg_pool *pool, const struct recorder_events *ev);
/* Frees what is not stored. */
void recorder_free(struct recorder *rec);

void recorder_add(struct recorder *rec, struct result *r); /* takes r */
int recorder_backlog(const struct recorder *rec);          /* results not stored yet */
/* The earliest retry of the slot that is not stored yet, or `none`. */
struct wall recorder_retry_low(const struct recorder *rec, int slot, struct wall none);
bool recorder_slot_busy(const struct recorder *rec, int slot); /* results of it are not recorded */
bool recorder_stalled(const struct recorder *rec); /* the same batch has failed for over 2 s */
