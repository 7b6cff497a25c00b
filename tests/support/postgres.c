/* A private PostgreSQL (postgres.h). The server is a child of the test: it gets SIGQUIT, an
 * immediate shutdown, when the test dies. initdb takes two seconds, so its result is kept in a
 * template that each start copies. */
#include "postgres.h"

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BINARIES      "/usr/lib/postgresql/"
#define PATH_SIZE     256
#define READY_MS_MAX  20000
#define READY_STEP_MS 10

struct test_pg {
	char dir[PATH_SIZE];
	char bin[PATH_SIZE];
	char version[16];
	char url[PATH_SIZE + 64];
	uid_t uid; /* of the server */
	gid_t gid;
	pid_t server; /* 0: not running */
};

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *fmt, ...)
{
	va_list ap;
	fputs("postgres: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

static void __attribute__((format(printf, 2, 3))) path(char out[PATH_SIZE], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(out, PATH_SIZE, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= PATH_SIZE)
		die("a path is too long");
}

/* ---- children ---- */

static void
become_server_user(const struct test_pg *p)
{
	if (geteuid() == 0 && (setgroups(0, NULL) || setgid(p->gid) || setuid(p->uid)))
		_exit(126);
	/* Only after setuid, which clears it. */
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (chdir(p->dir))
		_exit(126);
}

/* Starts a program as the server's user, its output going to the log in p->dir. */
static pid_t
spawn(const struct test_pg *p, const char *const *argv)
{
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	become_server_user(p);
	if (getppid() != parent)
		_exit(126);
	if (!freopen("log", "a", stdout) || !freopen("log", "a", stderr))
		_exit(126);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
run(const struct test_pg *p, const char *const *argv)
{
	int status;
	pid_t pid = spawn(p, argv);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		die("%s failed: see %s/log", argv[0], p->dir);
}

/* ---- where things are ---- */

static void
find_binaries(struct test_pg *p)
{
	glob_t found;
	if (glob(BINARIES "*/bin/postgres", 0, NULL, &found))
		die("no server binaries below " BINARIES);
	const char *last = found.gl_pathv[found.gl_pathc - 1];
	path(p->bin, "%.*s", (int)(strrchr(last, '/') - last), last);
	snprintf(p->version, sizeof(p->version), "%.*s", (int)strcspn(last + strlen(BINARIES), "/"),
	    last + strlen(BINARIES));
	globfree(&found);
}

static void
find_user(struct test_pg *p)
{
	p->uid = geteuid();
	p->gid = getegid();
	if (p->uid != 0)
		return;
	const struct passwd *pw = getpwnam("postgres");
	if (!pw)
		die("no user postgres, and the server does not run as root");
	p->uid = pw->pw_uid;
	p->gid = pw->pw_gid;
}

static void
make_dir(struct test_pg *p)
{
	path(p->dir, "/tmp/posthorn-test-pg.XXXXXX");
	if (!mkdtemp(p->dir) || chown(p->dir, p->uid, p->gid))
		die("%s: %s", p->dir, strerror(errno));
}

static bool
is_ours(const struct test_pg *p, const char *dir)
{
	struct stat st;
	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == p->uid;
}

/* The data directory: a copy of the template, or, for the first one, what becomes the template. Two
 * programs may both be first; the one that is late with its rename keeps what it has. */
static void
make_data(struct test_pg *p)
{
	char template[PATH_SIZE], initdb[PATH_SIZE], made[PATH_SIZE];
	path(template, "/tmp/posthorn-test-pg-template-%s-%u", p->version, (unsigned)p->uid);
	path(made, "%s/data", p->dir);
	if (!is_ours(p, template)) {
		path(initdb, "%s/initdb", p->bin);
		const char *const init[] = { initdb, "--pgdata=template", "--username=posthorn",
			"--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", NULL };
		const char *const move[] = { "mv", "-T", "-n", "template", template, NULL };
		run(p, init);
		run(p, move);
	}
	const char *const copy[] = { "cp", "-a", "--reflink=auto", template, made, NULL };
	run(p, copy);
}

/* ---- the server ---- */

static void
wait_ready(struct test_pg *p)
{
	for (int waited = 0; waited < READY_MS_MAX; waited += READY_STEP_MS) {
		int status;
		if (PQping(p->url) == PQPING_OK)
			return;
		if (waitpid(p->server, &status, WNOHANG) == p->server)
			die("the server ended: see %s/log", p->dir);
		poll(NULL, 0, READY_STEP_MS);
	}
	die("the server does not answer: see %s/log", p->dir);
}

void
test_pg_restart(struct test_pg *p)
{
	char postgres[PATH_SIZE], sockets[PATH_SIZE + 64];
	path(postgres, "%s/postgres", p->bin);
	snprintf(sockets, sizeof(sockets), "--unix_socket_directories=%s", p->dir);
	const char *const argv[] = { postgres, "-D", "data", "-F", sockets,
		"--listen_addresses=", "--max_connections=60", "--shared_buffers=64MB",
		"--autovacuum=off", NULL };
	p->server = spawn(p, argv);
	wait_ready(p);
}

struct test_pg *
test_pg_start(void)
{
	struct test_pg *p = calloc(1, sizeof(*p));
	if (!p)
		die("no memory");
	find_binaries(p);
	find_user(p);
	make_dir(p);
	make_data(p);
	snprintf(p->url, sizeof(p->url), "host=%s user=posthorn dbname=postgres", p->dir);
	test_pg_restart(p);
	return p;
}

const char *
test_pg_url(const struct test_pg *p)
{
	return p->url;
}

static void
end(struct test_pg *p, int signal_number)
{
	int status;
	if (p->server == 0)
		return;
	kill(p->server, signal_number);
	waitpid(p->server, &status, 0);
	p->server = 0;
}

void
test_pg_crash(struct test_pg *p)
{
	/* The postmaster's immediate shutdown: its children are told to drop everything. */
	end(p, SIGQUIT);
}

void
test_pg_stop(struct test_pg *p)
{
	if (!p)
		return;
	end(p, SIGQUIT);
	const char *const clean[] = { "rm", "-rf", "data", "template", NULL };
	run(p, clean);
	char log[PATH_SIZE];
	path(log, "%s/log", p->dir);
	unlink(log);
	rmdir(p->dir);
	free(p);
}
