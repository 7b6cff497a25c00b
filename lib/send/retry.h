/* Retries that fall due soon, in memory; the retry table holds them all. A worker reads the rows of
 * its slots a stretch of time ahead, adds its own new ones as they are committed, and fires each
 * when it is due. An entry stays until what it led to is committed: the oldest one is the slot's
 * retry mark. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#include "loop/loop.h"
#include "pg/pg.h"

/* A delivery that was put off (lane full) comes back within this time. */
#define RETRY_DEFER_MAX (5 * 60 * USEC_PER_SEC)
/* The clocks of two workers, or of one and the database. Beyond it deliveries are repeated that
 * were put off or whose retry had been made; nothing is lost. */
#define RETRY_CLOCKS_APART (15 * 60 * USEC_PER_SEC)
/* How far ahead of an adoption lies what the last owner put off: recovery looks at it to tell that
 * a first step is announced elsewhere, adoption reads it together with what it replaces. */
#define RETRY_PUT_OFF_MAX (RETRY_DEFER_MAX + RETRY_CLOCKS_APART)
/* The retry mark stays so far behind the clock: a row may be committed after the mark was stored,
 * and its due time is as old as the request that made it (an API request waits 5 s for a connection
 * and 60 s for its answer). Older ones that are still to be recorded the sender knows. */
#define RETRY_MARK_LAG (75 * USEC_PER_SEC)

/* In memory; a page more at most. While there are as many, those due first are here and the rest
 * waits in the table. */
#define RETRIES_MAX 2000000

struct retry_row {
	struct wall due;
	int16_t slot;
	int16_t seq;   /* of the step that is due */
	int16_t tries; /* attempts of the chain so far */
	int16_t trigger;
	int64_t app_id, msg_id, endpoint_id, chain;
};

struct retries; /* opaque */

struct retries_events {
	void *arg;
	/* A retry is due. Called once for each, on the loop's stack. */
	void (*due)(void *arg, const struct retry_row *r);
};

struct retries *retries_new(
    struct loop *l, struct pg_pool *load, const struct retries_events *ev, int64_t max);
void retries_free(struct retries *rs);

/* An adopted slot: reads its unresolved retries due since `from`. None of them is fired before all
 * are read that may replace it (RETRY_PUT_OFF_MAX), unless there are more than fit: then a step
 * that was put off may be delivered again with the one that replaces it, rather than nothing at
 * all. A slot that was free needs no call. */
void retries_open(struct retries *rs, int slot, struct wall from);
/* The slot is lost or released. */
void retries_close(struct retries *rs, int slot);

/* A retry row of ours was committed: kept when it falls into what is in memory. */
void retries_add(struct retries *rs, const struct retry_row *r);
/* A row of ours that is due then was committed unseen: reads from there on again. */
void retries_again(struct retries *rs, int slot, struct wall due);
/* It may have been, or may still be: the same, and again for as long as it may (RETRY_MARK_LAG). */
void retries_doubt(struct retries *rs, int slot, struct wall due);
/* The step was resolved and committed. Unknown ones are ignored. */
void retries_resolve(struct retries *rs, const struct retry_row *r);

/* Everything of the slot due before this is resolved and will be, whatever is committed from now on
 * (RETRY_MARK_LAG). */
struct wall retries_low(struct retries *rs, int slot);
bool retries_busy(struct retries *rs, int slot);
