/* Whether an endpoint wants an event: type filter and channels. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

struct filter {
	int ntypes;              /* 0: all types */
	const struct str *types; /* sorted by str_cmp */
	int nchannels;           /* 0: every message, with channels or without */
	const struct str *channels;
};

/* Byte order, shorter first on a common prefix. */
int str_cmp(struct str a, struct str b);

/* An endpoint with channels wants only messages that carry at least one of them. */
bool filter_match(
    const struct filter *f, struct str type, const struct str *channels, int nchannels);
