/* Does the background tasks: each is run by one worker at a time, which holds a lease on it.
 *
 * A task goes on in steps of one transaction each: what is done to up to 200 messages or dead
 * letters and how far the task has come are committed together, so that a task whose worker died
 * goes on where it was, elsewhere, when the lease has lapsed. */
#pragma once

#include "loop/loop.h"
#include "pg/pg.h"
#include "send/sender.h"

struct task_runner; /* opaque */

/* Looks for tasks every few seconds from now on. */
struct task_runner *task_runner_new(struct loop *l, struct pg_pool *pool, struct sender *s);
/* Looks at once: a task was made or resumed here. NULL is allowed. */
void task_runner_kick(struct task_runner *t);
/* Starts no further step; before the sender drains. Other workers take over when leases lapse. */
void task_runner_stop(struct task_runner *t);
void task_runner_free(struct task_runner *t);
