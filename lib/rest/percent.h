/* Percent-encoding of paths and queries (RFC 3986, section 2.1), decoded strictly. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/str.h"

/* *ret is s itself when nothing was encoded, else a copy in the arena. plus_is_space: as in the
 * queries that forms make. -1 when a '%' has no two hex digits behind it, or when the result is not
 * UTF-8 without NUL. */
int percent_decode(struct str s, bool plus_is_space, struct arena *a, struct str *ret) MUST_CHECK;
