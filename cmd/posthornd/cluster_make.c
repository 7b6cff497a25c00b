/* The directories of the private PostgreSQL, made so that a crash in the middle leaves nothing that
 * the next start would take for a cluster: all is done under the name postgres.new, which is
 * renamed at the end.
 *
 * What belongs to the owner is touched as the owner only: a root process that writes or removes in
 * a directory of somebody else can be led elsewhere by a symbolic link. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"

#include "child.h"
#include "cluster.h"

#define STATE_DIR    "/var/lib/posthorn"
#define CLUSTERS_DIR STATE_DIR "/clusters"
#define RUN_MAX      88 /* sockaddr_un takes 107 bytes; "/.s.PGSQL.5432.lock" needs 19 of them */

/* ---- work as the owner ---------------------------------------------------------------- */

/* Runs fn in a process of the owner's; its result, or -1 when that process ended otherwise. */
static int
as_owner(
    const struct cluster *c, int (*fn)(const struct cluster *c, const char *path), const char *path)
{
	pid_t parent = getpid(), pid = child_fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		cluster_become_owner(c);
		child_die_with(parent, SIGTERM);
		_exit(fn(c, path));
	}
	int status = child_wait(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
can_enter(const struct cluster *c, const char *path)
{
	(void)c;
	return access(path, X_OK) < 0;
}

static bool
owner_can_enter(const struct cluster *c, const char *path)
{
	return !c->foreign || as_owner(c, can_enter, path) == 0;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	if (at->level > 0 && remove(path) < 0)
		return -1;
	return 0;
}

static int
remove_content(const struct cluster *c, const char *path)
{
	(void)c;
	return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0;
}

/* A directory of the owner's with all it holds. */
static void
remove_tree(const struct cluster *c, const char *path)
{
	as_owner(c, remove_content, path);
	rmdir(path);
}

/* The programs need no more of the environment, and some of it (PGPORT, LC_ALL) would change what
 * they do. */
static char *const environment[] = { (char[]){ "LC_ALL=C" }, (char[]){ "PATH=/usr/bin:/bin" },
	NULL };

static int
exec_initdb(const struct cluster *c, const char *path)
{
	char program[DEV_PATH_MAX + 16];
	snprintf(program, sizeof(program), "%s/initdb", c->bin);
	char *const argv[] = { program, (char[]){ "-D" }, mem_strdup(path),
		(char[]){ "--username=posthorn" }, (char[]){ "--auth=peer" },
		(char[]){ "--encoding=UTF8" }, (char[]){ "--locale=C" },
		(char[]){ "--no-instructions" }, NULL };
	execve(program, argv, environment);
	return 127;
}

/* The database is made by the single-user server, so that the directory is complete before its
 * first start. */
static int
exec_create_database(const struct cluster *c, const char *path)
{
	static const char sql[] = "CREATE DATABASE posthorn\n";
	char program[DEV_PATH_MAX + 16];
	int fds[2];
	snprintf(program, sizeof(program), "%s/postgres", c->bin);
	if (pipe(fds) < 0 || write(fds[1], sql, sizeof(sql) - 1) < 0 || dup2(fds[0], 0) < 0)
		return 127;
	close(fds[0]);
	close(fds[1]);
	char *const argv[] = { program, (char[]){ "--single" }, (char[]){ "-D" }, mem_strdup(path),
		(char[]){ "-c" }, (char[]){ "exit_on_error=on" }, (char[]){ "-c" },
		(char[]){ "log_checkpoints=off" }, (char[]){ "postgres" }, NULL };
	execve(program, argv, environment);
	return 127;
}

/* ---- the cluster ---------------------------------------------------------------------- */

/* Clusters below CLUSTERS_DIR whose DIR has been removed: NAME.of is a symbolic link to it. */
static void
sweep_clusters(const struct cluster *c)
{
	DIR *all = opendir(CLUSTERS_DIR);
	const struct dirent *entry;
	while (all && (entry = readdir(all)) != NULL) {
		char of[PATH_MAX], tree[PATH_MAX];
		struct stat st;
		const char *dot = strrchr(entry->d_name, '.');
		if (!dot || strcmp(dot, ".of") != 0)
			continue;
		snprintf(of, sizeof(of), CLUSTERS_DIR "/%s", entry->d_name);
		snprintf(tree, sizeof(tree), "%.*s", (int)(strlen(of) - strlen(dot)), of);
		struct cluster gone = *c;
		snprintf(gone.data, sizeof(gone.data), "%.*s", DEV_PATH_MAX - 1, tree);
		if (stat(of, &st) == 0 || errno != ENOENT || cluster_is_running(&gone))
			continue;
		remove_tree(c, tree);
		unlink(of);
	}
	if (all)
		closedir(all);
}

/* A fresh directory below CLUSTERS_DIR, with `link` leading to it. */
static int
make_elsewhere(const struct cluster *c, const char *link, char *ret_path, struct err *e)
{
	char of[DEV_PATH_MAX];
	if ((mkdir(STATE_DIR, 0755) < 0 && errno != EEXIST) ||
	    (mkdir(CLUSTERS_DIR, 0755) < 0 && errno != EEXIST))
		return err_errno(e, ERR_CONFIG, "cannot make %s", CLUSTERS_DIR);
	sweep_clusters(c);
	snprintf(ret_path, DEV_PATH_MAX, CLUSTERS_DIR "/XXXXXX");
	if (!mkdtemp(ret_path))
		return err_errno(e, ERR_CONFIG, "cannot make a directory in %s", CLUSTERS_DIR);
	snprintf(of, sizeof(of), "%.64s.of", ret_path);
	if (symlink(c->dir, of) < 0 || symlink(ret_path, link) < 0)
		return err_errno(e, ERR_CONFIG, "cannot make the link %s", link);
	return 0;
}

/* An attempt that a crash cut short. */
static void
remove_attempt(const struct cluster *c, const char *path)
{
	char target[PATH_MAX];
	struct stat st;
	if (lstat(path, &st) < 0)
		return;
	if (!S_ISLNK(st.st_mode)) {
		remove_tree(c, path);
		return;
	}
	if (realpath(path, target) &&
	    strncmp(target, CLUSTERS_DIR "/", strlen(CLUSTERS_DIR "/")) == 0)
		remove_tree(c, target);
	unlink(path);
}

static int
failed(const struct cluster *c, const char *what, struct err *e)
{
	char words[160];
	cluster_last_words(c, words, sizeof(words));
	return err_set(e, ERR_CONFIG, "%s failed: %s (see %s)", what, words, c->log);
}

static int
make_data(const struct cluster *c, struct err *e)
{
	char temporary[DEV_PATH_MAX], final[DEV_PATH_MAX], path[DEV_PATH_MAX];
	snprintf(final, sizeof(final), "%s/postgres", c->dir);
	snprintf(temporary, sizeof(temporary), "%s/postgres.new", c->dir);
	remove_attempt(c, temporary);
	if (!owner_can_enter(c, c->dir)) {
		if (make_elsewhere(c, temporary, path, e) < 0)
			return -1;
	} else {
		memcpy(path, temporary, sizeof(path));
		if (mkdir(path, 0700) < 0)
			return err_errno(e, ERR_CONFIG, "cannot make %s", path);
	}
	if (c->foreign && chown(path, c->uid, c->gid) < 0)
		return err_errno(e, ERR_CONFIG, "cannot give %s to user %s", path, c->owner);
	if (as_owner(c, exec_initdb, path) != 0)
		return failed(c, "initdb", e);
	if (as_owner(c, exec_create_database, path) != 0)
		return failed(c, "making the database", e);
	if (fault_hit(FAULT_CLUSTER_MAKE))
		return err_set(e, ERR_CONFIG, "fault");
	if (rename(temporary, final) < 0)
		return err_errno(e, ERR_CONFIG, "cannot rename %s", temporary);
	return 0;
}

bool
cluster_exists(const struct cluster *c)
{
	char path[DEV_PATH_MAX + 32];
	struct stat st;
	snprintf(path, sizeof(path), "%s/postgres/PG_VERSION", c->dir);
	return stat(path, &st) == 0;
}

static int
use_data(struct cluster *c, struct err *e)
{
	char link[DEV_PATH_MAX + 32], path[PATH_MAX];
	struct stat st;
	snprintf(link, sizeof(link), "%s/postgres", c->dir);
	if (!realpath(link, path) || stat(path, &st) < 0)
		return err_errno(e, ERR_CONFIG, "cannot find the PostgreSQL cluster %s", link);
	if (st.st_uid != c->uid)
		return err_set(e, ERR_CONFIG,
		    "%s does not belong to user %s: start posthornd as the user who made it, or choose another "
		    "directory: --dev=DIR",
		    path, c->owner);
	snprintf(c->data, sizeof(c->data), "%.*s", DEV_PATH_MAX - 1, path);
	return 0;
}

/* ---- the socket's directory
 * ---------------------------------------------------------------------- */

/* Nothing in the path has a meaning to libpq (a comma lists hosts) or to PostgreSQL. */
static bool
is_plain(const char *path)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+~";
	return path[strspn(path, plain)] == '\0';
}

/* A directory of the owner's that nobody else can enter. */
static bool
is_private(const struct cluster *c, const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == c->uid &&
	       (st.st_mode & 077) == 0;
}

static int
give_to_owner(const struct cluster *c, struct err *e)
{
	if (c->foreign && chown(c->run, c->uid, c->gid) < 0)
		return err_errno(e, ERR_CONFIG, "cannot give %s to user %s", c->run, c->owner);
	return 0;
}

static int
make_run(struct cluster *c, struct err *e)
{
	char link[DEV_PATH_MAX];
	struct stat st;
	snprintf(link, sizeof(link), "%s/run", c->dir);
	if (lstat(link, &st) == 0 && S_ISLNK(st.st_mode)) {
		ssize_t n = readlink(link, c->run, sizeof(c->run) - 1);
		c->run[n > 0 ? n : 0] = '\0';
		if (is_private(c, c->run))
			return 0;
		unlink(link); /* /tmp was cleaned, or somebody else's directory stands there now */
	}
	memcpy(c->run, link, sizeof(c->run));
	if (strlen(link) <= RUN_MAX && is_plain(link) && owner_can_enter(c, c->dir)) {
		if (mkdir(link, 0700) == 0)
			return give_to_owner(c, e);
		if (errno == EEXIST && is_private(c, link))
			return 0;
		return err_set(e, ERR_CONFIG,
		    "%s is no directory of user %s with mode 0700: remove it", link, c->owner);
	}
	snprintf(c->run, sizeof(c->run), "/tmp/posthorn-XXXXXX");
	if (!mkdtemp(c->run) || symlink(c->run, link) < 0)
		return err_errno(e, ERR_CONFIG, "cannot make a socket directory for %s", link);
	return give_to_owner(c, e);
}

void
cluster_leave(const struct cluster *c)
{
	char link[DEV_PATH_MAX];
	snprintf(link, sizeof(link), "%s/run", c->dir);
	if (c->run[0] != '\0' && strcmp(c->run, link) != 0 && rmdir(c->run) == 0)
		unlink(link);
}

int
cluster_prepare(struct cluster *c, struct err *e)
{
	if (!cluster_exists(c)) {
		LOG_INFO(DEV_POSTGRES_INIT, KV("dir", (const char *)c->dir),
		    KV("bin", (const char *)c->bin));
		if (make_data(c, e) < 0)
			return -1;
	}
	return use_data(c, e) < 0 ? -1 : make_run(c, e);
}
