/* A child process that is meant to run: started, reaped, and started again with growing delays. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"

struct child {
	pid_t pid; /* 0: none runs */
	usec_t started;
	usec_t restart_at; /* while none runs */
	usec_t delay;      /* before the last restart */
};

/* fork(2), with the supervisor's signals undone in the child. */
pid_t child_fork(void);

/* In the child: receive signum when `parent` dies; exits when it is dead already. Changing the user
 * undoes it (prctl(2)), so it comes last. */
void child_die_with(pid_t parent, int signum);

void child_started(struct child *c, pid_t pid);
/* Sets restart_at: 100 ms from now, twice as long each time, at most 10 s; from the beginning again
 * after a life of 30 s. */
void child_ended(struct child *c);

/* Waits for the end of a helper; a stop asked for meanwhile ends it with SIGTERM. Returns the
 * status of waitpid(2). */
int child_wait(pid_t pid);

#define CHILD_STATUS_SIZE 64
/* "exit status 1", "signal 9 (Killed)". Returns out. */
const char *child_status_text(int status, char out[CHILD_STATUS_SIZE]);
