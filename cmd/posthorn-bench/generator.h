/* The producers: post events, or batches of them, one request at a time on each connection.
 *
 * Closed loop: each connection sends its next request when the last one was answered. Open loop:
 * request k is due at start + k * events / rate, whatever the server does; it is sent by the first
 * connection that is free, and its latency counts from when it was due. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "fleet.h"
#include "loop/loop.h"
#include "measure.h"
#include "options.h"
#include "peer.h"

#define GENERATOR_REFUSAL_SIZE 200

struct generator; /* opaque */

/* All pointers are borrowed. */
struct generator *generator_new(struct loop *l, const struct options *o, const struct peer *peer,
    const struct fleet *fleet, struct account *account, struct measure *measure);
void generator_free(struct generator *g); /* NULL is allowed */

/* Begins; in the open loop everything due within `duration` will be sent, however late. */
void generator_start(struct generator *g, usec_t duration);
/* Sends nothing that is not due yet. */
void generator_stop(struct generator *g);
/* Sends nothing more at all. */
void generator_cut(struct generator *g);

/* Nothing is under way or due. */
bool generator_is_done(const struct generator *g);
/* Events that were due and never sent. */
int64_t generator_unsent(const struct generator *g);
/* The first refusal, "503 {…}" on one line, or "". */
const char *generator_refusal(const struct generator *g);
