/* Starting, watching and stopping the postmaster.
 *
 * It runs in a session of its own, so that Ctrl-C at the terminal, which the kernel sends to the
 * whole foreground group, reaches the supervisor only and the workers can still record what they
 * drain. The kernel sends it SIGINT (its fast shutdown) when the supervisor dies. */
#include "postgres.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include "signals.h"

#define READY_STEP_MS 10
#define READY_MAX     (60 * USEC_PER_SEC) /* recovery of 4 GB of WAL takes some of it */
#define STOP_FAST     (20 * USEC_PER_SEC)
#define STOP_AT_ONCE  (25 * USEC_PER_SEC)
#define STOP_STEP_MS  5

/* What a development and benchmark machine needs; durability is not traded away. */
static const char *const settings[] = {
	"listen_addresses=",
	"port=5432",
	"max_connections=200",
	"shared_buffers=256MB",
	"huge_pages=off",
	"max_wal_size=4GB",
	"wal_compression=on",
	"recovery_init_sync_method=syncfs", /* after a crash; a fsync of each file takes a second */
	"log_checkpoints=off",
	"cluster_name=posthorn-dev",
};

/* ---- start ---------------------------------------------------------------------------- */

/* Who may connect as role posthorn: the service's user and the cluster's owner, both proven by the
 * kernel (peer authentication). Written at every start: the user may be another one today. */
static int
write_access_rules(const struct cluster *c)
{
	char path[DEV_PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/pg_hba.conf", c->data);
	FILE *hba = fopen(path, "we");
	if (!hba)
		return -1;
	fputs("local all posthorn peer map=posthorn\n", hba);
	if (fclose(hba) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/pg_ident.conf", c->data);
	FILE *ident = fopen(path, "we");
	if (!ident)
		return -1;
	fprintf(ident, "posthorn \"%s\" posthorn\nposthorn \"%s\" posthorn\n", c->user, c->owner);
	return fclose(ident) == 0 ? 0 : -1;
}

/* In the child, as the owner. */
static void
exec_postmaster(const struct cluster *c)
{
	static char directory[] = "-D", setting[] = "-c";
	static char locale[] = "LC_ALL=C", path[] = "PATH=/usr/bin:/bin";
	char program[DEV_PATH_MAX + 16], socket[DEV_PATH_MAX + 32];
	char *argv[5 + 2 * ARRAY_LEN(settings) + 1];
	char *const environment[] = { locale, path, NULL };
	int n = 0;
	snprintf(program, sizeof(program), "%s/postgres", c->bin);
	snprintf(socket, sizeof(socket), "unix_socket_directories=%s", c->run);
	argv[n++] = program;
	argv[n++] = directory;
	argv[n++] = mem_strdup(c->data);
	argv[n++] = setting;
	argv[n++] = socket;
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		argv[n++] = setting;
		argv[n++] = mem_strdup(settings[i]);
	}
	argv[n] = NULL;
	execve(program, argv, environment);
}

static void
spawn(struct postgres *p)
{
	pid_t parent = getpid();
	pid_t pid = fault_hit(FAULT_POSTGRES_FORK) ? -1 : child_fork();
	if (pid < 0) {
		p->child.started = clock_mono();
		child_ended(&p->child);
		return;
	}
	if (pid == 0) {
		setsid();
		cluster_become_owner(&p->cluster);
		child_die_with(parent, SIGINT);
		if (write_access_rules(&p->cluster) == 0)
			exec_postmaster(&p->cluster);
		perror("FATAL: cannot start PostgreSQL");
		_exit(127);
	}
	child_started(&p->child, pid);
}

/* Line 8 of postmaster.pid says "ready" when connections are taken (pg_ctl looks there too); line 1
 * must be our child's, for the file may be one that a crash has left. */
static bool
is_ready(const struct postgres *p)
{
	char path[DEV_PATH_MAX + 32], line[DEV_PATH_MAX + 2], pid[32];
	bool ready = false;
	snprintf(path, sizeof(path), "%s/postmaster.pid", p->cluster.data);
	snprintf(pid, sizeof(pid), "%d\n", (int)p->child.pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	for (int number = 1; fgets(line, sizeof(line), f); number++) {
		if (number == 1 && strcmp(line, pid) != 0)
			break;
		if (number == 8)
			ready = strncmp(line, "ready", 5) == 0;
	}
	fclose(f);
	return ready;
}

static int
wait_ready(struct postgres *p, struct err *e)
{
	usec_t deadline = clock_mono() + READY_MAX;
	int status;
	while (!is_ready(p)) {
		if (waitpid(p->child.pid, &status, WNOHANG) == p->child.pid) {
			char words[128];
			p->child.pid = 0;
			cluster_last_words(&p->cluster, words, sizeof(words));
			return err_set(e, ERR_CONFIG, "PostgreSQL did not start: %s (see %s)",
			    words, p->cluster.log);
		}
		if (signals_stop_pending())
			return err_set(e, ERR_UNAVAILABLE, "stopped while PostgreSQL was starting");
		if (clock_mono() > deadline)
			return err_set(e, ERR_UNAVAILABLE,
			    "PostgreSQL is not ready after %d s (see %s)",
			    (int)(READY_MAX / USEC_PER_SEC), p->cluster.log);
		poll(NULL, 0, READY_STEP_MS);
	}
	return 0;
}

int
postgres_start(struct postgres *p, struct err *e)
{
	if (cluster_prepare(&p->cluster, e) < 0 || cluster_quiesce(&p->cluster, e) < 0)
		return -1;
	spawn(p);
	if (p->child.pid == 0)
		return err_errno(e, ERR_UNAVAILABLE, "cannot start a process");
	return wait_ready(p, e);
}

void
postgres_url(const struct postgres *p, char *out, size_t size)
{
	/* The path holds no blank, quote or backslash (cluster_make.c: is_plain). */
	snprintf(out, size, "host=%s port=5432 user=posthorn dbname=posthorn", p->cluster.run);
}

/* ---- life and end --------------------------------------------------------------------- */

void
postgres_ended(struct postgres *p, int status)
{
	char how[CHILD_STATUS_SIZE];
	child_ended(&p->child);
	LOG_WARN(DEV_POSTGRES_EXIT, KV("how", child_status_text(status, how)),
	    KV("restart_ms", p->child.delay / USEC_PER_MS),
	    KV("log", (const char *)p->cluster.log));
}

void
postgres_restart(struct postgres *p)
{
	spawn(p);
	if (p->child.pid != 0)
		LOG_INFO(DEV_POSTGRES_START, KV("pid", (int64_t)p->child.pid));
}

void
postgres_stop(struct postgres *p, bool at_once)
{
	/* SIGINT: fast shutdown; SIGQUIT: immediate. */
	int signum = at_once ? SIGQUIT : SIGINT;
	usec_t start = clock_mono();
	while (p->child.pid != 0) {
		if (signum != 0)
			kill(p->child.pid, signum);
		signum = 0;
		poll(NULL, 0, STOP_STEP_MS);
		if (waitpid(p->child.pid, NULL, WNOHANG) == p->child.pid)
			p->child.pid = 0;
		usec_t waited = clock_mono() - start;
		if (waited > STOP_AT_ONCE)
			signum = SIGKILL;
		else if (waited > STOP_FAST)
			signum = SIGQUIT;
	}
	cluster_leave(&p->cluster);
}
