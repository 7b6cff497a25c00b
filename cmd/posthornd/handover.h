/* Sharing producers' connections out among the workers: whoever wakes up first accepts from the
 * shared socket and hands the connection to the worker whose turn it is (SCM_RIGHTS, unix(7));
 * later, between two requests, it moves when that evens the load out (policy/balance.h). */
#pragma once

#include "config/config.h"
#include "http/server.h"
#include "worker.h"

struct handover; /* opaque */

/* All are borrowed. NULL when there is one worker only. */
struct handover *handover_new(struct loop *l, const struct config *c, const struct worker_env *env,
    struct http_server *server);
/* This worker stops: its idle connections go to the others, and so does what still comes. Before
 * the server drains, after SERVING was cleared. NULL is allowed. */
void handover_stop(struct handover *h);
/* NULL is allowed. What is still on its way to this worker stays in the socket for its successor.
 */
void handover_free(struct handover *h);
