/* Allocation that aborts instead of failing: a lapsed lease makes a crash safe, an untested
 * out-of-memory path does not (docs/adr/0005-memory.md). */
#include "base/mem.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"

#define TIDY_BYTES (4U << 20) /* less than that is left alone */

static void *
checked(void *p)
{
	if (!p || fault_hit(FAULT_MEMORY)) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
mem_alloc(size_t n)
{
	return checked(malloc(n ? n : 1));
}

void *
mem_zalloc(size_t n)
{
	return checked(calloc(1, n ? n : 1));
}

void *
mem_realloc(void *p, size_t n)
{
	return checked(realloc(p, n ? n : 1));
}

char *
mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

void *
mem_dup(const void *p, size_t n)
{
	void *copy = mem_alloc(n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *
mem_strndup(const char *p, size_t n)
{
	char *copy = mem_alloc(n + 1);
	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

/* Pages in memory that are no file's: /proc/self/statm has program, resident, shared (proc(5)). 0:
 * not known. */
static size_t
resident_bytes(void)
{
	unsigned long program, resident, shared;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	bool known = fscanf(f, "%lu %lu %lu", &program, &resident, &shared) == 3;
	fclose(f);
	return known ? (resident - shared) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

void
mem_tidy(void)
{
	/* After the last time. Pages with something left on them stay, so it is worth while only
	 * when more is wasted, or something was freed, since. */
	static size_t wasted_then, used_then;
	size_t resident = resident_bytes();
	if (resident < TIDY_BYTES)
		return;
	struct mallinfo2 m = mallinfo2();
	size_t used = m.uordblks + m.hblkhd;
	bool wasteful = resident > used + wasted_then + TIDY_BYTES;
	bool freed = used_then > used + TIDY_BYTES / 4 && resident > used + TIDY_BYTES;
	if (!wasteful && !freed)
		return;
	malloc_trim(0);
	resident = resident_bytes();
	wasted_then = resident > used ? resident - used : 0;
	used_then = used;
}
