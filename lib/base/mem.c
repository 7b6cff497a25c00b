/* Allocation that aborts instead of failing: a lapsed lease makes a crash safe, an untested
 * out-of-memory path does not (docs/adr/0005-memory.md). */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
checked(void *p)
{
	if (!p) {
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
