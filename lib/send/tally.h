/* Counts of the attempts that this worker has recorded, by endpoint, day and hour: so that nobody
 * has to count the log.
 *
 * Counting is in memory and costs a recorded attempt one look-up. What has changed is written in
 * the background, behind the attempts by a second when few endpoints are at work, by about a
 * minute when very many are; a worker that is killed takes with it what it had not written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "pg/pg.h"

struct tally; /* opaque */

/* id: makes an id that no other row of the table has as its origin. */
struct tally *tally_new(struct loop *l, struct pg_pool *pool, int64_t (*id)(void *arg), void *arg);
void tally_free(struct tally *t); /* forgets what is not written */

/* One attempt more, that ended at that time. */
void tally_add(
    struct tally *t, int64_t app_id, int64_t endpoint_id, struct wall ended, bool success);

int tally_rows(const struct tally *t); /* in memory; what was written goes after an hour */

/* Writes everything now. done runs once: when all is written, or the database did not take it. */
void tally_finish(struct tally *t, void (*done)(void *arg), void *arg);
