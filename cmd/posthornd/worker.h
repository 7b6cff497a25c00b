/* A worker: one process, one loop: API front, ingestor, sender, PostgreSQL connections. */
#pragma once

#include "config/config.h"

struct worker_env {
	int index; /* 0 … workers - 1: its row of the metrics page */
	int workers;
	int listen_fd; /* the shared listening socket, nonblocking */
	int ready_fd;  /* one byte is written here when the worker serves */
	/* By worker index, NULL with one worker: where to hand connections over, and where they
	 * arrive. A worker reads from its own only. */
	const int *peer_fds, *inbox_fds;
};

/* Runs until SIGTERM or SIGINT has drained it. Returns the exit status of the process. */
int worker_main(const struct config *c, const struct worker_env *env);
