/* A worker: one process, one loop: API front, ingestor, sender, PostgreSQL connections. */
#pragma once

#include "config/config.h"

struct worker_env {
	int index; /* 0 … workers - 1: its row of the metrics page */
	int workers;
	int listen_fd; /* the shared listening socket, nonblocking */
	int ready_fd;  /* one byte is written here when the worker serves */
	int peers_fd;  /* this worker's end for connections that others hand over, or -1 */
	const int
	    *peer_fds; /* by worker index: where to hand connections over; NULL with one worker */
};

/* Runs until SIGTERM or SIGINT has drained it. Returns the exit status of the process. */
int worker_main(const struct config *c, const struct worker_env *env);
