/* CPU time and memory of processes, by their names, from /proc; and of this one. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

#define CPU_GROUPS_MAX 8
#define CPU_NAME_SIZE  16 /* of a process, as the kernel keeps it */

struct cpu_watch {
	int tree; /* only this process and its descendants; 0: all */
	int ngroups;
	char name[CPU_GROUPS_MAX][CPU_NAME_SIZE];
};

struct cpu_group {
	int processes;
	usec_t user, system;  /* of all, with what their ended children used */
	int64_t rss_peak_kib; /* of the process that ever had most */
};

struct cpu_sample {
	struct cpu_group own;
	struct cpu_group group[CPU_GROUPS_MAX];
};

/* names: "posthornd,postgres"; "" watches nothing. ERR_USAGE for too many or too long ones. */
int cpu_watch_init(struct cpu_watch *w, const char *names, int tree, struct err *e) MUST_CHECK;

/* Takes about 20 µs for each process of the machine. Resolution: 10 ms in all of a group. */
void cpu_sample(const struct cpu_watch *w, struct cpu_sample *ret);
