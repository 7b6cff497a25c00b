/* Sharing connections out among the workers: whoever wakes up first accepts from the shared socket,
 * and hands the connection to the worker whose turn it is (SCM_RIGHTS, unix(7)). */
#pragma once

#include "http/server.h"
#include "worker.h"

struct handover; /* opaque */

/* env and server are borrowed. NULL when there is one worker only. */
struct handover *handover_new(
    struct loop *l, const struct worker_env *env, struct http_server *server);
/* Stops taking and giving. NULL is allowed. What is still on its way to this worker stays in the
 * socket for its successor. */
void handover_free(struct handover *h);
