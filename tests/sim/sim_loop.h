/* The virtual loop (loop/loop.h): what the simulation sees of it. */
#pragma once

#include "agenda.h"
#include "loop/loop.h"

extern int64_t sim_wall_zero; /* the server's wall clock when virtual time is 0, in microseconds */

/* Its name in the trace; borrowed. */
void sim_loop_set_name(struct loop *l, const char *name);
/* The one whose turn it is, or NULL, and its name or "". */
struct loop *sim_loop_current(void);
const char *sim_loop_name(void);
/* A turn that something from outside begins: what fn does, then the deferred calls. */
void sim_loop_call(struct loop *l, void (*fn)(void *arg), void *arg);
/* As if its turn went on: for taking a worker down. NULL: no more. */
void sim_loop_enter(struct loop *l);
/* Metrics are kept for each loop: its own row (METRIC_COUNT values). */
int64_t *sim_loop_metrics(struct loop *l);

/* Runs a happening of that loop as a turn, or later when the loop is frozen. */
void sim_loop_turn(struct loop *l, struct happening *h);
/* Nothing of it runs before then: a process that was stopped, or that has no time. */
void sim_loop_freeze(struct loop *l, usec_t until);
usec_t sim_loop_frozen(const struct loop *l); /* until when; 0: not */
/* How far its wall clock is ahead of the server's. */
void sim_loop_set_skew(struct loop *l, usec_t skew);
/* What loop_busy says. */
void sim_loop_set_busy(struct loop *l, double busy);
/* Of every thousand turns so many are followed by a short freeze. */
void sim_loop_set_hiccups(struct loop *l, int per_mille, usec_t longest);

struct wall sim_wall(void); /* the server's clock */
