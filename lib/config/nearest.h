/* "Did you mean": the name of a list that a mistyped one most likely stands for. */
#pragma once

#include "base/str.h"

#define NEAREST_NAME_MAX 64 /* bytes; longer names have no neighbour */

/* The entry of names[n] with the fewest edits (insert, drop, replace, swap of neighbours) from
 * `typed`, or NULL when even that one is too far off to be a slip. */
const char *nearest_name(struct str typed, const char *const *names, int n);
