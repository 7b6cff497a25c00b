/* What a run needs in the server: an event type, applications, endpoints. */
#pragma once

#include "base/err.h"

#include "fleet.h"
#include "loop/loop.h"
#include "options.h"
#include "peer.h"
#include "receiver.h"

/* Creates all of it, one call after the other, turning the loop meanwhile; fills in the fleet's ids
 * and requests. After a failure what was created so far has its id in the fleet. */
int setup_create(struct loop *l, const struct options *o, const struct peer *peer,
    struct fleet *fleet, const struct payload *payload, const struct receiver *receiver,
    struct err *e) MUST_CHECK;

/* Deletes the applications that were created; the first failure is reported, all are tried. */
int setup_delete(struct loop *l, const struct options *o, const struct peer *peer,
    const struct fleet *fleet, struct err *e) MUST_CHECK;
