/* The world of one schedule: workers, endpoints, producer, server, and the rules that must hold. */
#pragma once

#include "node.h"
#include "plan.h"
#include "table.h"

/* Runs the schedule of the seed from its start to its end; a violation ends the process. events: 0
 * leaves their number to the plan. */
void world_run(uint64_t seed, int events);

/* ---- for faults: workers by their places */
struct node *world_at(int place); /* NULL: none there */
void world_start(int place);      /* nothing when there is one */
void world_crash(int place);
void world_stop(int place);
void world_changed(struct endpoint_row *e); /* a new version of its application */
void world_enabled(struct endpoint_row *e);
/* As endpoint_update.sql does; pausing needs a worker that has a slot. */
void world_pause(struct endpoint_row *e);
void world_resume(struct endpoint_row *e);
/* The same; an order needs a worker that has a slot, and so does its end. */
void world_order(struct endpoint_row *e, bool ordered, bool by_key);
void world_add_endpoint(int app);
