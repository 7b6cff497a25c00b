/* Memory of one request or one batch: allocated piece by piece, released at once.
 *
 * Objects in an arena may point to older arenas, never to younger ones. */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

struct arena; /* opaque */

struct arena *arena_new(void);
/* For what lives long and is mostly a few hundred bytes: takes memory in smaller blocks. */
struct arena *arena_new_small(void);
void arena_free(struct arena *a);  /* NULL is allowed */
void arena_reset(struct arena *a); /* everything handed out is dead; keeps one block */

void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull)); /* aligned to 16 */
void *arena_zalloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *p, size_t n) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3)
    __attribute__((returns_nonnull));
struct str arena_str(struct arena *a, struct str s); /* a copy that lives as long as the arena */

/* Runs fn(ptr) once, when the arena is reset or freed (last registered first). */
void arena_own(struct arena *a, void *ptr, void (*fn)(void *));

/* Bytes handed out since the last reset. */
size_t arena_used(const struct arena *a);
