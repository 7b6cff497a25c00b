/* Processes below the supervisor. */
#include "child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signals.h"

#define DELAY_MIN    (100 * USEC_PER_MS)
#define DELAY_MAX    (10 * USEC_PER_SEC)
#define LIFE_GOOD    (30 * USEC_PER_SEC) /* a life this long ends a series of failures */
#define WAIT_STEP_MS 10

pid_t
child_fork(void)
{
	pid_t pid = fork();
	if (pid == 0)
		signals_unblock();
	return pid;
}

void
child_die_with(pid_t parent, int signum)
{
	prctl(PR_SET_PDEATHSIG, signum);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
}

void
child_started(struct child *c, pid_t pid)
{
	c->pid = pid;
	c->started = clock_mono();
}

void
child_ended(struct child *c)
{
	usec_t now = clock_mono();
	if (now - c->started >= LIFE_GOOD)
		c->delay = 0;
	c->delay = c->delay == 0 ? DELAY_MIN : 2 * c->delay;
	if (c->delay > DELAY_MAX)
		c->delay = DELAY_MAX;
	c->pid = 0;
	c->restart_at = now + c->delay;
}

int
child_wait(pid_t pid)
{
	int status;
	bool told = false;
	for (;;) {
		pid_t r = waitpid(pid, &status, WNOHANG);
		if (r == pid)
			return status;
		if (r < 0 && errno != EINTR)
			abort();
		if (signals_stop_pending() && !told) {
			kill(pid, SIGTERM);
			told = true;
		}
		poll(NULL, 0, WAIT_STEP_MS);
	}
}

const char *
child_status_text(int status, char out[CHILD_STATUS_SIZE])
{
	if (WIFSIGNALED(status))
		snprintf(out, CHILD_STATUS_SIZE, "signal %d (%s)", WTERMSIG(status),
		    sigdescr_np(WTERMSIG(status)));
	else
		snprintf(out, CHILD_STATUS_SIZE, "exit status %d", WEXITSTATUS(status));
	return out;
}
