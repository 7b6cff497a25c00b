/* The supervisor: starts the workers, starts them again when they die, and stops them. */
#pragma once

#include "base/err.h"

#include "config/config.h"

struct postgres;

struct supervisor_env {
	int workers;               /* processes, 1 to METRIC_WORKERS_MAX */
	int listen_fd;             /* shared by all of them; closed when a stop begins */
	int lock_fd;               /* closed in the workers; -1: none */
	struct postgres *postgres; /* watched too, not stopped; NULL: none */
	const char *ready_line;    /* for stdout, once every worker is ready */
};

/* Runs until SIGTERM or SIGINT has stopped it, or until a worker says that it can never start.
 * Signals must be blocked (signals.h). Returns the exit status; *ret_hurry: it was told twice. */
int supervisor_run(const struct config *c, const struct supervisor_env *env, bool *ret_hurry);
