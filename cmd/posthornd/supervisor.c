/* Workers, from fork(2) to waitpid(2), in one poll(2) loop over a signalfd and the pipes on which
 * workers say that they are ready.
 *
 *  1. A worker that dies is started again, after 100 ms at first, twice as long each time, at most
 *     10 s. Its pipe of handed-over connections stays open here meanwhile, so that its successor
 *     serves what was sent to it.
 *  2. A worker that ends with EX_CONFIG or EX_UNAVAILABLE before the service was ever ready ends
 * the service with that status: it has said why, and trying again would only say it again.
 *  3. A stop sends SIGTERM to all, and SIGKILL to those who are still there stop_timeout + 5 s
 * later. A second SIGINT or SIGTERM is SIGKILL at once.
 *  4. No worker outlives the supervisor for long: the kernel sends it SIGTERM when the supervisor
 *     dies, so it drains (within stop_timeout) and gives its slots back. */
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/metric.h"

#include "child.h"
#include "postgres.h"
#include "signals.h"
#include "worker.h"

#define STOP_GRACE                                                                                 \
	(5 * USEC_PER_SEC) /* beyond stop_timeout: for the last records and the slots              \
			    */

struct worker {
	struct child child;
	int ready_fd; /* read end, until the byte has come; -1 */
	bool ready;
};

struct supervisor {
	const struct config *config;
	struct supervisor_env env;
	int signal_fd;
	struct worker worker[METRIC_WORKERS_MAX];
	int peer_fds[METRIC_WORKERS_MAX];  /* by worker: sending ends of its handed-over connections
					    */
	int inbox_fds[METRIC_WORKERS_MAX]; /* and the receiving ends */
	bool announced;                    /* the service has been ready */
	bool stopping;
	bool hurry;
	usec_t kill_at; /* while stopping */
	int status;
};

static void
close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- starting
 * ------------------------------------------------------------------------------------- */

/* One pair of sockets per worker: message boundaries keep each handed-over connection apart. */
static void
open_peers(struct supervisor *s)
{
	for (int i = 0; i < s->env.workers; i++) {
		int pair[2] = { -1, -1 };
		if (s->env.workers > 1 &&
		    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
			abort();
		s->inbox_fds[i] = pair[0];
		s->peer_fds[i] = pair[1];
		s->worker[i].ready_fd = -1;
	}
}

/* Connections, endpoints and the database share one table of descriptors per process; the usual
 * soft limit of 1024 is meant for select(2), which nothing here uses. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* In the child: runs the worker and ends the process. */
static _Noreturn void
be_worker(struct supervisor *s, int index, int ready_fd, pid_t parent)
{
	char tag[32];
	sigset_t interrupt;
	child_die_with(parent, SIGTERM);
	/* Ctrl-C goes to the whole group; a worker stops when the supervisor says so. */
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, NULL);
	close(s->signal_fd);
	close_if(s->env.lock_fd);
	for (int i = 0; i < s->env.workers; i++)
		close_if(s->worker[i].ready_fd);
	snprintf(tag, sizeof(tag), "worker-%d", index);
	log_set_tag(tag);
	metric_row_set(index);
	struct worker_env env = {
		.index = index,
		.workers = s->env.workers,
		.listen_fd = s->env.listen_fd,
		.ready_fd = ready_fd,
		.peer_fds = s->env.workers > 1 ? s->peer_fds : NULL,
		.inbox_fds = s->env.workers > 1 ? s->inbox_fds : NULL,
	};
	exit(worker_main(s->config, &env));
}

static void
start_worker(struct supervisor *s, int index)
{
	struct worker *w = &s->worker[index];
	int fds[2] = { -1, -1 };
	pid_t parent = getpid();
	pid_t pid = -1;
	if (!fault_hit(FAULT_WORKER_FORK) && pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0)
		pid = child_fork();
	if (pid < 0) { /* no processes or descriptors left: as if it had died */
		close_if(fds[0]);
		close_if(fds[1]);
		w->child.started = clock_mono();
		child_ended(&w->child);
		return;
	}
	if (pid == 0) {
		close(fds[0]);
		be_worker(s, index, fds[1], parent);
	}
	close(fds[1]);
	w->ready_fd = fds[0];
	w->ready = false;
	child_started(&w->child, pid);
}

static bool
is_due(const struct child *c)
{
	return c->pid == 0 && clock_mono() >= c->restart_at;
}

static void
start_due(struct supervisor *s)
{
	struct postgres *p = s->env.postgres;
	if (p && is_due(&p->child))
		postgres_restart(p);
	for (int i = 0; i < s->env.workers && !s->stopping; i++) {
		if (!is_due(&s->worker[i].child))
			continue;
		if (s->worker[i].child.delay != 0)
			metric_add(METRIC_WORKER_RESTARTS, 1);
		start_worker(s, i);
	}
}

static void
announce(struct supervisor *s)
{
	for (int i = 0; i < s->env.workers; i++)
		if (!s->worker[i].ready)
			return;
	s->announced = true;
	LOG_INFO(SUPERVISOR_READY, KV("workers", s->env.workers));
	dprintf(STDOUT_FILENO, "%s\n", s->env.ready_line);
	sd_notify(0, "READY=1\nSTATUS=delivering");
}

static void
read_ready(struct supervisor *s, struct worker *w)
{
	char byte;
	ssize_t n = read(w->ready_fd, &byte, 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	w->ready = n == 1;
	close(w->ready_fd);
	w->ready_fd = -1;
	if (w->ready && !s->announced && !s->stopping)
		announce(s);
}

/* ---- stopping
 * ------------------------------------------------------------------------------------- */

static void
signal_workers(const struct supervisor *s, int signum)
{
	for (int i = 0; i < s->env.workers; i++)
		if (s->worker[i].child.pid != 0)
			kill(s->worker[i].child.pid, signum);
}

static void
stop(struct supervisor *s, const char *why)
{
	s->stopping = true;
	s->kill_at = clock_mono() + s->config->stop_timeout * USEC_PER_MS + STOP_GRACE;
	/* Else new connections would pile up in a queue that nobody serves; and what a worker has
	 * would go to one that is about to stop as well. */
	close(s->env.listen_fd);
	for (int i = 0; i < s->env.workers; i++)
		metric_put(METRIC_SERVING, i, 0);
	sd_notify(0, "STOPPING=1\nSTATUS=draining");
	LOG_INFO(SUPERVISOR_STOP, KV("why", why));
	signal_workers(s, SIGTERM);
}

static void
kill_late(struct supervisor *s)
{
	if (!s->stopping || clock_mono() < s->kill_at)
		return;
	signal_workers(s, SIGKILL);
	s->kill_at = INT64_MAX;
}

static void
on_stop_signal(struct supervisor *s, int signum)
{
	if (!s->stopping) {
		stop(s, signum == SIGINT ? "SIGINT" : "SIGTERM");
	} else if (signum == SIGINT) {
		s->hurry = true;
		s->kill_at = 0;
	}
}

/* ---- what happens
 * --------------------------------------------------------------------------------- */

static void
on_worker_exit(struct supervisor *s, int index, int status)
{
	struct worker *w = &s->worker[index];
	char how[CHILD_STATUS_SIZE];
	close_if(w->ready_fd);
	w->ready_fd = -1;
	w->ready = false;
	metric_row_clear(index);
	child_ended(&w->child);
	child_status_text(status, how);
	if (s->stopping) {
		LOG_INFO(WORKER_EXIT, KV("worker", index), KV("how", (const char *)how));
		return;
	}
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (!s->announced && (code == EX_CONFIG || code == EX_UNAVAILABLE)) {
		s->status = code;
		stop(s, "a worker cannot start");
		return;
	}
	LOG_WARN(WORKER_EXIT, KV("worker", index), KV("how", (const char *)how),
	    KV("restart_ms", w->child.delay / USEC_PER_MS));
}

/* SIGCHLD may stand for several children. As process 1 of a container also strangers arrive here.
 */
static void
reap(struct supervisor *s)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (s->env.postgres && s->env.postgres->child.pid == pid)
			postgres_ended(s->env.postgres, status);
		for (int i = 0; i < s->env.workers; i++)
			if (s->worker[i].child.pid == pid)
				on_worker_exit(s, i, status);
	}
}

static void
read_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;
	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else
			on_stop_signal(s, (int)info.ssi_signo);
	}
}

/* ---- the loop
 * ------------------------------------------------------------------------------------- */

static bool
is_over(const struct supervisor *s)
{
	if (!s->stopping)
		return false;
	for (int i = 0; i < s->env.workers; i++)
		if (s->worker[i].child.pid != 0)
			return false;
	return true;
}

static void
earlier(usec_t *at, const struct child *c)
{
	if (c->pid == 0 && c->restart_at < *at)
		*at = c->restart_at;
}

/* Milliseconds until something has to be done unasked; -1: never. */
static int
next_wait(const struct supervisor *s)
{
	usec_t at = s->stopping ? s->kill_at : INT64_MAX;
	for (int i = 0; i < s->env.workers && !s->stopping; i++)
		earlier(&at, &s->worker[i].child);
	if (s->env.postgres)
		earlier(&at, &s->env.postgres->child);
	if (at == INT64_MAX)
		return -1;
	usec_t wait = at - clock_mono();
	return wait <= 0 ? 0 : (int)(wait / USEC_PER_MS) + 1;
}

static void
turn(struct supervisor *s)
{
	struct pollfd fds[METRIC_WORKERS_MAX + 1] = { { .fd = s->signal_fd, .events = POLLIN } };
	for (int i = 0; i < s->env.workers; i++)
		fds[i + 1] = (struct pollfd){ .fd = s->worker[i].ready_fd, .events = POLLIN };
	if (poll(fds, (nfds_t)s->env.workers + 1, next_wait(s)) < 0 && errno != EINTR)
		abort();
	for (int i = 0; i < s->env.workers; i++)
		if (fds[i + 1].revents != 0)
			read_ready(s, &s->worker[i]);
	if (fds[0].revents != 0)
		read_signals(s);
	kill_late(s);
	start_due(s);
}

int
supervisor_run(const struct config *c, const struct supervisor_env *env, bool *ret_hurry)
{
	struct supervisor s = { .config = c, .env = *env, .signal_fd = signals_open() };
	open_peers(&s);
	raise_descriptor_limit();
	metric_page_init(env->workers);
	start_due(&s);
	while (!is_over(&s))
		turn(&s);
	for (int i = 0; i < env->workers; i++) {
		close_if(s.inbox_fds[i]);
		close_if(s.peer_fds[i]);
	}
	close(s.signal_fd);
	*ret_hurry = s.hurry;
	return s.status;
}
