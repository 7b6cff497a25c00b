/* A worker that does nothing yet: it says that it is ready and waits to be stopped. */
#include "worker.h"

#include <signal.h>
#include <unistd.h>

int
worker_main(const struct config *c, const struct worker_env *env)
{
	sigset_t stop;
	int signum;
	(void)c;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	if (write(env->ready_fd, "r", 1) != 1)
		return 1;
	sigwait(&stop, &signum);
	return 0;
}
