/* Key bytes that cannot be printed by accident: no formatter takes this type, and it is wiped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define SECRET_MAX 128

struct secret {
	unsigned char bytes[SECRET_MAX];
	size_t len;
};

/* -1 when n > SECRET_MAX. */
int secret_set(struct secret *s, const void *p, size_t n);
void secret_wipe(struct secret *s);
bool secret_eq(const struct secret *a, struct str b); /* in constant time for equal lengths */
