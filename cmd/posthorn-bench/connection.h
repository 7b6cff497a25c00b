/* A kept connection to the server: one request at a time, one callback for each. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#include "loop/loop.h"
#include "peer.h"

struct connection; /* opaque */

/* Runs once for each connection_send, on the loop's stack, never from inside of it. status 0: the
 * outcome is unknown (connection refused, reset, closed, no HTTP). body is valid until it returns
 * or sends; it may send. */
typedef void (*connection_fn)(void *arg, int status, struct str body);

/* Nothing is opened yet. node and arg are borrowed. */
struct connection *connection_new(
    struct loop *l, const struct peer_node *node, connection_fn fn, void *arg);
void connection_free(struct connection *c); /* the callback does not run any more */

/* Sends a whole request; opens or opens again as needed. The bytes are the caller's again when it
 * returns. Not while another is under way. */
void connection_send(struct connection *c, const char *bytes, size_t n);
/* Gives up the request under way: the callback runs with status 0. */
void connection_abort(struct connection *c);
