/* The results in the answer to a batch, one for each of its events, in their order. */
#pragma once

#include "base/str.h"

#include "policy/split.h"

enum event_result {
	RESULT_ACCEPTED,
	RESULT_REFUSED,
	RESULT_NONE, /* the answer has no more that can be read */
};

struct results {
	struct split split;
	bool readable;
};

/* The body outlives it. */
void results_begin(struct results *r, struct str body);
enum event_result results_next(struct results *r);
