/* signalfd(2) instead of handlers: a signal is read between two steps, never in the middle of one.
 */
#include "signals.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>

static sigset_t
blocked(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	return set;
}

void
signals_block(void)
{
	sigset_t set = blocked();
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a closed stdout or stderr is no reason to stop delivering */
	signal(SIGHUP, SIG_IGN);  /* kept free for reading the configuration again */
}

void
signals_unblock(void)
{
	sigset_t none;
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int
signals_open(void)
{
	sigset_t set = blocked();
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		abort();
	return fd;
}

bool
signals_stop_pending(void)
{
	sigset_t pending;
	sigpending(&pending);
	return sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT);
}
