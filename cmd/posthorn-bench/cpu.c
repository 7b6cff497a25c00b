/* Reading /proc/PID/stat and status (proc(5)).
 *
 * A process that ends between two samples takes its time with it, unless its parent waited for it:
 * then the time is in the parent's cutime and cstime. These are counted too, so nothing is lost
 * when the parent belongs to the group, as PostgreSQL's and the supervisor do. */
#include "cpu.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define PROCESSES_MAX 32768 /* looked at; more are ignored */
#define FILE_MAX      4096  /* bytes of stat or status */
#define DEPTH_MAX     64    /* generations below --tree */

struct process {
	int pid, parent;
	int group; /* -1: none */
	usec_t user, system;
};

int
cpu_watch_init(struct cpu_watch *w, const char *names, int tree, struct err *e)
{
	struct str rest = str_of(names), name;
	*w = (struct cpu_watch){ .tree = tree };
	while (*names && str_split(&rest, ',', &name)) {
		if (w->ngroups == CPU_GROUPS_MAX || name.n == 0 || name.n >= CPU_NAME_SIZE)
			return err_set(e, ERR_USAGE,
			    "--processes takes at most %d names of at most %d letters",
			    CPU_GROUPS_MAX, CPU_NAME_SIZE - 1);
		memcpy(w->name[w->ngroups++], name.p, name.n);
	}
	return 0;
}

/* Returns the bytes, NUL-terminated in out, or 0 when the process has gone. */
static size_t
read_file(int pid, const char *file, char out[FILE_MAX])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, FILE_MAX - 1);
	if (fd >= 0)
		close(fd);
	if (n < 0)
		n = 0;
	out[n] = '\0';
	return (size_t)n;
}

static int
group_of(const struct cpu_watch *w, struct str name)
{
	for (int i = 0; i < w->ngroups; i++)
		if (str_eq(name, str_of(w->name[i])))
			return i;
	return -1;
}

/* "1234 (name) S 1 …": the name may hold anything, blanks and parentheses too. */
static bool
read_process(const struct cpu_watch *w, int pid, struct process *ret)
{
	char text[FILE_MAX];
	read_file(pid, "stat", text);
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close)
		return false;
	long long parent, ticks[4]; /* utime stime cutime cstime: fields 14 to 17 */
	if (sscanf(close + 1, " %*c %lld %*s %*s %*s %*s %*s %*s %*s %*s %*s %lld %lld %lld %lld",
		&parent, &ticks[0], &ticks[1], &ticks[2], &ticks[3]) != 5)
		return false;
	int64_t tick = USEC_PER_SEC / sysconf(_SC_CLK_TCK);
	*ret = (struct process){ .pid = pid,
		.parent = (int)parent,
		.group = group_of(w, (struct str){ open + 1, (size_t)(close - open - 1) }),
		.user = (ticks[0] + ticks[2]) * tick,
		.system = (ticks[1] + ticks[3]) * tick };
	return true;
}

/* Returns how many. */
static int
read_processes(const struct cpu_watch *w, struct process *all)
{
	int n = 0;
	DIR *d = opendir("/proc");
	const struct dirent *entry;
	while (d && n < PROCESSES_MAX && (entry = readdir(d))) {
		int64_t pid;
		if (str_to_i64(str_of(entry->d_name), 1, INT32_MAX, &pid) == 0)
			n += read_process(w, (int)pid, &all[n]);
	}
	if (d)
		closedir(d);
	return n;
}

static const struct process *
find(const struct process *all, int n, int pid)
{
	for (int i = 0; i < n; i++)
		if (all[i].pid == pid)
			return &all[i];
	return NULL;
}

static bool
is_below(const struct process *all, int n, const struct process *p, int root)
{
	for (int depth = 0; p && depth < DEPTH_MAX; depth++) {
		if (p->pid == root)
			return true;
		p = find(all, n, p->parent);
	}
	return false;
}

static int64_t
rss_peak_kib(int pid)
{
	char text[FILE_MAX];
	long long kib = 0;
	read_file(pid, "status", text);
	const char *line = strstr(text, "\nVmHWM:");
	return line && sscanf(line, " VmHWM: %lld", &kib) == 1 ? kib : 0;
}

static void
sample_own(struct cpu_group *g)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	*g = (struct cpu_group){ .processes = 1,
		.user = u.ru_utime.tv_sec * USEC_PER_SEC + u.ru_utime.tv_usec,
		.system = u.ru_stime.tv_sec * USEC_PER_SEC + u.ru_stime.tv_usec,
		.rss_peak_kib = u.ru_maxrss };
}

void
cpu_sample(const struct cpu_watch *w, struct cpu_sample *ret)
{
	*ret = (struct cpu_sample){ 0 };
	sample_own(&ret->own);
	if (w->ngroups == 0)
		return;
	struct process *all = mem_alloc(sizeof(*all) * PROCESSES_MAX);
	int n = read_processes(w, all);
	for (int i = 0; i < n; i++) {
		const struct process *p = &all[i];
		if (p->group < 0 || (w->tree && !is_below(all, n, p, w->tree)))
			continue;
		struct cpu_group *g = &ret->group[p->group];
		g->processes++;
		g->user += p->user;
		g->system += p->system;
		int64_t peak = rss_peak_kib(p->pid);
		if (peak > g->rss_peak_kib)
			g->rss_peak_kib = peak;
	}
	free(all);
}
