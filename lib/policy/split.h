/* Cutting the body of a batch into its items: a JSON array of objects, or lines of one object each
 * (NDJSON). One pass, nothing is built; each item is sliced (slice.h) in that same pass.
 *
 *     while ((step = split_next(&s, &item, &e)) != SPLIT_END)
 *
 * What an item's fault spoils is itself only, as long as it is known where the next one begins: a
 * line always ends, an array does where it is no JSON any more. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#include "policy/scan.h"
#include "policy/slice.h"

struct split {
	struct scan at;
	bool lines;
	bool inside; /* an array: behind its '[' */
	int n;       /* items so far, those refused included */
};

enum split_step {
	SPLIT_ITEM,    /* *ret is the next one */
	SPLIT_REFUSED, /* the next one is no object, or has too many members: e says why, as
			  slice_object would of the item alone */
	SPLIT_BROKEN,  /* the body is no array: e says where and why; there are no more items */
	SPLIT_END,
};

/* The body outlives it. Blank lines are no items, and a line may end in CR LF. */
void split_begin(struct split *s, struct str body, bool lines);

/* All spans point into the body. *ret is unspecified unless SPLIT_ITEM is returned. */
enum split_step split_next(struct split *s, struct slice *ret, struct err *e);
