/* Allocation that cannot fail: it aborts instead (docs/adr/0005). Only for sizes that a limit has
 * bounded before; a size chosen by a stranger is refused first. */
#pragma once

#include <stddef.h>

#include "base/attr.h"

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
void *mem_dup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));

/* n bytes of p plus a terminating NUL. */
char *mem_strndup(const char *p, size_t n) __attribute__((malloc, returns_nonnull));

/* Gives free memory back to the kernel if there is a lot of it: malloc keeps what a burst left. To
 * be called now and then, when nothing is urgent: it may take 30 ms for 100 MB. */
void mem_tidy(void);
