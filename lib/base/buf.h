/* A growable byte string with a maximum.
 *
 * An append that would pass the maximum changes nothing and sets `failed`, which stays set; a
 * writer may therefore append freely and check once at the end. `data` is always NUL-terminated
 * (after buf_init, before any append, it is the empty string). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct buf {
	char *data; /* owned; never NULL */
	size_t len;
	size_t cap;
	size_t max; /* bytes; len never passes it */
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);  /* the struct may be initialised again afterwards */
void buf_clear(struct buf *b); /* len = 0, failed = false; keeps the memory */
static inline void buf_add(struct buf *b, const void *p, size_t n);
static inline void buf_adds(struct buf *b, const char *s);
static inline void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_add_i64(struct buf *b, int64_t v); /* decimal */

/* Room for n more bytes at data + len, or NULL (and failed) past the maximum. */
char *buf_reserve(struct buf *b, size_t n);

/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

/* Gives the bytes away: the caller frees them with free(); the buffer is empty again. */
char *buf_take(struct buf *b, size_t *ret_len);

/* The appends are inline: texts are put together from short pieces of known length. */
static inline void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	bool fits = n < b->cap - b->len && !b->failed;
	char *to = fits ? b->data + b->len : buf_reserve(b, n);
	if (!to)
		return;
	memcpy(to, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

static inline void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}
