/* The growable byte string. Invariants: data is never NULL and data[len] == 0; len <= max;
 * an empty buffer that never grew points at a static byte, so that init cannot fail or allocate. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define BUF_FIRST 256 /* bytes of the first allocation */

static char empty[1]; /* shared: only ever holds the terminating NUL */

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .data = empty, .max = max };
}

void
buf_free(struct buf *b)
{
	if (b->cap)
		free(b->data);
	buf_init(b, b->max);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	b->data[0] = '\0';
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->failed || n > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	size_t need = b->len + n + 1;
	if (need > b->cap) {
		size_t cap = b->cap ? b->cap * 2 : BUF_FIRST;
		if (cap < need)
			cap = need;
		if (cap > b->max) /* not max + 1: it may be SIZE_MAX */
			cap = b->max + 1;
		b->data = mem_realloc(b->cap ? b->data : NULL, cap);
		b->cap = cap;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n < sizeof(small)) {
		buf_add(b, small, (size_t)n);
		return;
	}
	char *to = buf_reserve(b, (size_t)n); /* always with room for the NUL */
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_add_i64(struct buf *b, int64_t v)
{
	char digits[STR_I64_SIZE];
	struct str text = str_from_i64(v, digits);
	buf_add(b, text.p, text.n);
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

char *
buf_take(struct buf *b, size_t *ret_len)
{
	char *data = b->cap ? b->data : mem_strndup("", 0);
	*ret_len = b->len;
	buf_init(b, b->max);
	return data;
}
