/* Base 64 (RFC 4648): the standard alphabet with padding, and the URL one without. */
#pragma once

#include <stddef.h>

#include "base/str.h"

#define B64_SIZE(n) (((n) + 2) / 3 * 4 + 1) /* room for the text of n bytes and a NUL */

/* Standard alphabet with padding. `out` has B64_SIZE(n) bytes. Returns the length without NUL. */
size_t b64_encode(const void *p, size_t n, char *out);
size_t b64url_encode(const void *p, size_t n, char *out); /* URL alphabet, no padding */

/* Strict and canonical: padding required, no white space, unused bits zero. Returns 0, or -1 when s
 * is no such text or more than cap bytes. */
int b64_decode(struct str s, void *out, size_t cap, size_t *ret_len);
int b64url_decode(
    struct str s, void *out, size_t cap, size_t *ret_len); /* URL alphabet, no padding */
