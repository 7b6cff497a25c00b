/* Operational webhooks: notices (table `notice`) become events of the application that watches
 * their organisation. That is one whose uid is the watched organisation's id, in the organisation
 * NOTICES_ORG; its endpoints get them as any event, signed and retried. Without such an application
 * the notices are dropped.
 *
 * Any worker may do it, and two may at once: a notice's number is the event's eventId. */
#pragma once

#include "ingest/ingest.h"
#include "loop/loop.h"
#include "pg/pg.h"
#include "send/sender.h"
#include "store/watched.h"

struct notices; /* opaque */

struct notices *notices_new(
    struct loop *l, struct pg_pool *pool, struct sender *sender, struct ingest *in);
/* Before the ingest is freed; nothing of its answers is needed any more. */
void notices_stop(struct notices *ns);
void notices_free(struct notices *ns);
