/* Throttles: how many deliveries a second an endpoint, or an application, may have of all workers
 * together (throttleRate).
 *
 * A worker reserves small lots in the database (throttle_reserve.sql), sized for what waits, and
 * lets out what it reserved at its time (policy/bucket.h). One statement asks for all of a worker's
 * limits that are short, at most ten times a second. While the database does not answer, nothing
 * goes out; without a limit, nothing is asked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "pg/pg.h"

struct throttle; /* opaque: what a worker asks the database */
struct limit;    /* opaque: one endpoint's, or one application's */

struct throttle *throttle_new(struct loop *l, struct pg_pool *pool);
/* Asks no more: what it would get would be lost. */
void throttle_stop(struct throttle *t);
void throttle_free(struct throttle *t); /* after its limits */

/* endpoint_id 0: the application's. rate >= 1. `open` is called on the loop's stack when something
 * waits (limit_want) and may go out now. */
struct limit *limit_new(struct throttle *t, int64_t app_id, int64_t endpoint_id, int rate,
    void (*open)(void *arg), void *arg);
void limit_free(struct limit *limit); /* not from inside `open`; NULL is allowed */
int limit_rate(const struct limit *limit);

/* Whether a delivery may go out now. */
bool limit_open(struct limit *limit);
int limit_due(const struct limit *limit);  /* how many may go out now */
int limit_left(const struct limit *limit); /* and how many more are reserved */
/* It goes out: only after limit_open in the same turn. Returns up to when it may (bucket_take). */
usec_t limit_take(struct limit *limit);
/* How many wait, those included that may go out now. To be told again whenever that changes, and
 * after limit_take: what is missing is then reserved. */
void limit_want(struct limit *limit, int waiting);
