/* A bump allocator over a list of blocks, newest first. Large objects get a block of their own
 * behind the current one, so that they do not waste its rest. */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK       4096 /* fits a typical API request with its answer's parts */
#define BLOCK_SMALL 512
#define ARENA_ALIGN 16

struct block {
	struct block *next;
	size_t cap;
	_Alignas(ARENA_ALIGN) char data[];
};

struct owned {
	struct owned *next;
	void *ptr;
	void (*fn)(void *);
};

struct arena {
	struct block *blocks; /* never NULL; the first one is bumped */
	size_t block;         /* bytes of each, but for large objects' */
	size_t used;          /* of the first block */
	size_t total;         /* bytes handed out */
	struct owned *owned;
};

static struct block *
block_new(size_t cap)
{
	struct block *b = mem_alloc(sizeof(*b) + cap);
	b->next = NULL;
	b->cap = cap;
	return b;
}

static struct arena *
arena_new_of(size_t block)
{
	struct arena *a = mem_zalloc(sizeof(*a));
	a->block = block;
	a->blocks = block_new(block);
	return a;
}

struct arena *
arena_new(void)
{
	return arena_new_of(BLOCK);
}

struct arena *
arena_new_small(void)
{
	return arena_new_of(BLOCK_SMALL);
}

void
arena_reset(struct arena *a)
{
	for (struct owned *o = a->owned; o; o = o->next)
		o->fn(o->ptr);
	a->owned = NULL;
	struct block *keep = NULL;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		if (!keep && b->cap == a->block)
			keep = b;
		else
			free(b);
	}
	assert(keep); /* the first block is never given up */
	keep->next = NULL;
	a->blocks = keep;
	a->used = a->total = 0;
}

void
arena_free(struct arena *a)
{
	if (!a)
		return;
	arena_reset(a);
	free(a->blocks);
	free(a);
}

void *
arena_alloc(struct arena *a, size_t n)
{
	n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	a->total += n;
	if (n > a->block / 4) {
		struct block *own = block_new(n);
		own->next = a->blocks->next;
		a->blocks->next = own;
		return own->data;
	}
	if (a->used + n > a->blocks->cap) {
		struct block *b = block_new(a->block);
		b->next = a->blocks;
		a->blocks = b;
		a->used = 0;
	}
	void *p = a->blocks->data + a->used;
	a->used += n;
	return p;
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

char *
arena_strndup(struct arena *a, const char *p, size_t n)
{
	char *copy = arena_alloc(a, n + 1);
	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n < sizeof(small))
		return arena_strndup(a, small, (size_t)n);
	char *text = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

struct str
arena_str(struct arena *a, struct str s)
{
	if (!s.p)
		return s;
	return (struct str){ arena_strndup(a, s.p, s.n), s.n };
}

void
arena_own(struct arena *a, void *ptr, void (*fn)(void *))
{
	struct owned *o = arena_alloc(a, sizeof(*o));
	*o = (struct owned){ .next = a->owned, .ptr = ptr, .fn = fn };
	a->owned = o;
}

size_t
arena_used(const struct arena *a)
{
	return a->total;
}
