/* The private PostgreSQL of --dev as a process: a child of the supervisor that ends with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/err.h"

#include "child.h"
#include "cluster.h"

struct postgres {
	struct cluster cluster;
	struct child child;
};

/* Makes the cluster if there is none, ends what a crash left running, starts the server and waits
 * until it takes connections. ERR_CONFIG when it does not; ERR_UNAVAILABLE when a stop was asked
 * for meanwhile. Signals must be blocked (signals.h). */
int postgres_start(struct postgres *p, struct err *e) MUST_CHECK;

/* Connection string of the database. */
void postgres_url(const struct postgres *p, char *out, size_t size);

/* The child was reaped; it is due again at child.restart_at. */
void postgres_ended(struct postgres *p, int status);
/* Starts it once more, without waiting: the workers connect again by themselves. */
void postgres_restart(struct postgres *p);

/* Ends it and waits: in order, or at once (it then recovers at its next start). */
void postgres_stop(struct postgres *p, bool at_once);
