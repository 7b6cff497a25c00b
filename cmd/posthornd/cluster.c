/* Programs, users and processes of the private PostgreSQL; making its directories is
 * cluster_make.c's. */
#include "cluster.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#include "child.h"

#define DEBIAN_BINARIES "/usr/lib/postgresql/*/bin/initdb"
#define QUIET_STEP_MS   10
#define QUIET_FAST      (10 * USEC_PER_SEC) /* for a fast shutdown; then the leftovers are killed */
#define QUIET_MAX       (20 * USEC_PER_SEC)
#define LOG_BYTES_MAX   (8 << 20) /* a longer log is emptied at the next start */

/* ---- programs
 * ------------------------------------------------------------------------------------ */

static bool
has_programs(const char *bin)
{
	char path[DEV_PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s/initdb", bin);
	if (access(path, X_OK) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/postgres", bin);
	return access(path, X_OK) == 0;
}

/* The directory in /usr/lib/postgresql of that version, or of the newest for 0. */
static bool
find_packaged(int64_t wanted, char bin[DEV_PATH_MAX])
{
	glob_t found;
	int64_t best = -1;
	if (glob(DEBIAN_BINARIES, 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct str rest = str_of(found.gl_pathv[i]), part = { NULL, 0 };
		int64_t version = -1;
		for (int n = 0; n < 5; n++) /* "", usr, lib, postgresql, 15 */
			str_split(&rest, '/', &part);
		if (str_to_i64(part, 1, 10000, &version) < 0 || version <= best ||
		    (wanted != 0 && version != wanted))
			continue;
		char candidate[DEV_PATH_MAX];
		snprintf(candidate, sizeof(candidate), "/usr/lib/postgresql/%d/bin", (int)version);
		if (!has_programs(candidate))
			continue;
		best = version;
		memcpy(bin, candidate, sizeof(candidate));
	}
	globfree(&found);
	return best > 0;
}

static bool
find_in_path(char bin[DEV_PATH_MAX])
{
	const char *path = getenv("PATH");
	struct str rest = str_of(path), part;
	while (str_split(&rest, ':', &part)) {
		if (part.n == 0 || part.p[0] != '/' || part.n >= DEV_PATH_MAX)
			continue;
		snprintf(bin, DEV_PATH_MAX, "%.*s", STR_FMT(part));
		if (has_programs(bin))
			return true;
	}
	return false;
}

/* The major version that an existing cluster was made by; 0 without one. */
static int64_t
cluster_version(const struct cluster *c)
{
	char path[DEV_PATH_MAX + 16], text[16] = "";
	int64_t version = 0;
	snprintf(path, sizeof(path), "%s/postgres/PG_VERSION", c->dir);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(text, sizeof(text), f)) {
		text[strcspn(text, "\n")] = '\0';
		if (str_to_i64(str_of(text), 1, 10000, &version) < 0)
			version = 0;
	}
	fclose(f);
	return version;
}

static int
find_programs(struct cluster *c, struct err *e)
{
	int64_t version = cluster_version(c);
	if (find_packaged(version, c->bin) || find_in_path(c->bin))
		return 0;
	if (version != 0)
		return err_set(e, ERR_CONFIG,
		    "%s/postgres was made by PostgreSQL %d, which is not installed: install it (Debian package "
		    "postgresql-%d), or choose another directory: --dev=DIR",
		    c->dir, (int)version, (int)version);
	return err_set(e, ERR_CONFIG,
	    "PostgreSQL is not installed, and --dev needs its programs: install it (Debian package "
	    "postgresql), or use a server of yours with POSTHORN_DATABASE_URL instead of --dev");
}

/* ---- the owner
 * ----------------------------------------------------------------------------------- */

static int
find_users(struct cluster *c, struct err *e)
{
	const struct passwd *pw = getpwuid(geteuid());
	if (!pw)
		return err_set(e, ERR_CONFIG,
		    "user %d has no name in the user database, which --dev needs", (int)geteuid());
	snprintf(c->user, sizeof(c->user), "%s", pw->pw_name);
	if (geteuid() == 0) {
		pw = getpwnam("postgres");
		if (!pw)
			pw = getpwnam("nobody");
		if (!pw || pw->pw_uid == 0)
			return err_set(e, ERR_CONFIG,
			    "PostgreSQL does not run as root, and there is neither a user postgres nor nobody");
		c->foreign = true;
	}
	c->uid = pw->pw_uid;
	c->gid = pw->pw_gid;
	snprintf(c->owner, sizeof(c->owner), "%s", pw->pw_name);
	return 0;
}

void
cluster_become_owner(const struct cluster *c)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(c->log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(EXIT_FAILURE);
	if (c->foreign && (setgroups(1, &c->gid) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
			      setresuid(c->uid, c->uid, c->uid) < 0))
		_exit(EXIT_FAILURE);
	if (chdir("/") < 0)
		_exit(EXIT_FAILURE);
}

/* ---- leftovers
 * ----------------------------------------------------------------------------------- */

/* Every process of PostgreSQL has its cluster as working directory. (So may somebody's shell.) */
static bool
is_of_cluster(int64_t pid, const struct stat *data)
{
	char path[64], name[32] = "";
	struct stat cwd;
	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	if (stat(path, &cwd) < 0 || cwd.st_ino != data->st_ino || cwd.st_dev != data->st_dev)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	bool postgres = fgets(name, sizeof(name), f) && strcmp(name, "postgres\n") == 0;
	fclose(f);
	return postgres;
}

/* Returns how many there are, after sending signum to `only`, or with only == 0 to all. */
static int
signal_processes(const struct cluster *c, pid_t only, int signum)
{
	struct stat data;
	if (stat(c->data, &data) < 0)
		return 0;
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int n = 0;
	while (proc && (entry = readdir(proc)) != NULL) {
		int64_t pid;
		if (str_to_i64(str_of(entry->d_name), 1, INT32_MAX, &pid) < 0 ||
		    !is_of_cluster(pid, &data))
			continue;
		n++;
		if (signum != 0 && (only == 0 || only == pid))
			kill((pid_t)pid, signum);
	}
	if (proc)
		closedir(proc);
	return n;
}

bool
cluster_is_running(const struct cluster *c)
{
	return signal_processes(c, 0, 0) > 0;
}

/* The process in the first line of postmaster.pid, or 0. */
static pid_t
recorded_postmaster(const struct cluster *c)
{
	char path[DEV_PATH_MAX + 32], line[32] = "";
	int64_t pid = 0;
	snprintf(path, sizeof(path), "%s/postmaster.pid", c->data);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	if (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (str_to_i64(str_of(line), 1, INT32_MAX, &pid) < 0)
			pid = 0;
	}
	fclose(f);
	return (pid_t)pid;
}

/* PostgreSQL takes its lock files for valid as long as their process exists, which a zombie that
 * nobody reaps does (a container without an init process), and so does whoever got the number next.
 * Here it is known that no process of the cluster lives. */
static void
remove_stale_locks(const struct cluster *c)
{
	char path[DEV_PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/postmaster.pid", c->data);
	unlink(path);
	snprintf(path, sizeof(path), "%s/.s.PGSQL.5432.lock", c->run);
	unlink(path);
}

int
cluster_quiesce(const struct cluster *c, struct err *e)
{
	pid_t recorded = recorded_postmaster(c), target = recorded;
	if (recorded == 0)
		return 0; /* it ended in order */
	usec_t start = clock_mono();
	int signum = SIGINT; /* the postmaster's fast shutdown; its children end with it */
	while (signal_processes(c, target, signum) > 0) {
		usec_t waited = clock_mono() - start;
		if (waited > QUIET_MAX)
			return err_set(e, ERR_UNAVAILABLE,
			    "another PostgreSQL runs in %s and does not end", c->data);
		signum = 0;
		if (waited > QUIET_FAST) {
			signum = SIGKILL;
			target = 0;
		}
		poll(NULL, 0, QUIET_STEP_MS);
	}
	if (kill(recorded, 0) == 0)
		remove_stale_locks(c);
	return 0;
}

/* ---- the log
 * -------------------------------------------------------------------------------------- */

static void
bound_log(const struct cluster *c)
{
	struct stat st;
	if (lstat(c->log, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > LOG_BYTES_MAX)
		(void)!truncate(c->log, 0);
}

void
cluster_last_words(const struct cluster *c, char *out, size_t size)
{
	char tail[1024] = "";
	FILE *f = fopen(c->log, "re");
	if (f) {
		if (fseek(f, -(long)(sizeof(tail) - 1), SEEK_END) < 0)
			rewind(f);
		size_t n = fread(tail, 1, sizeof(tail) - 1, f);
		tail[n] = '\0';
		fclose(f);
	}
	/* Not the hints behind a complaint, but the complaint. */
	static const char *const marks[] = { "FATAL:", "PANIC:", "ERROR:", "error:" };
	const char *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		for (const char *p = tail; (p = strstr(p, marks[i])) != NULL; p++)
			if (!found || p > found)
				found = p;
	snprintf(out, size, "%.*s", found ? (int)strcspn(found, "\n") : 0, found ? found : "");
}

int
cluster_find(struct cluster *c, const char *dir, struct err *e)
{
	*c = (struct cluster){ .data = "" };
	snprintf(c->dir, sizeof(c->dir), "%s", dir);
	snprintf(c->log, sizeof(c->log), "%s/postgres.log", dir);
	bound_log(c);
	return find_users(c, e) < 0 ? -1 : find_programs(c, e);
}
