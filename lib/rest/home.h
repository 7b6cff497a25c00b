/* Deliveries started by hand: their retry row is stored under this worker's home slot. */
#pragma once

#include "rest/call.h"

/* The home slot at the time of a statement that is fenced with it (lib/store/sql/fence.sql). */
struct home {
	int16_t slot;
	int64_t epoch;
	struct wall due; /* now: when what is started is due */
};

/* False while this worker holds no slot. */
bool home_get(const struct sender *s, struct wall now, struct home *ret);
/* The same for a call: answers 503 and returns -1. */
int call_home(struct call *c, struct home *ret) MUST_CHECK;
/* The arguments of fence.sql. */
struct pg_args *home_fence_args(struct arena *arena, const struct home *h);
/* The retry row (due as there, seq 0, tries 0) is committed: starts it. When the slot was lost
 * meanwhile its new owner finds the row. */
void home_replay(struct sender *s, const struct home *h, int64_t app_id, int64_t msg_id,
    int64_t endpoint_id, int64_t chain, enum trigger trigger);
/* The commit of retry rows was not answered: the sender looks for them. */
void home_doubt(struct sender *s, const struct home *h);
/* call_query_db for statements that store retry rows under h, which lives as long as the call. */
void call_query_home(
    struct call *c, const struct home *h, const struct pg_call *calls, int n, call_fn fn);
