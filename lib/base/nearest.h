/* Did you mean …? The nearest of the names offered, when one is near enough. */
#pragma once

#define NEAREST_MAX 40 /* longer names are compared no further */

struct nearest {
	const char *wanted; /* borrowed */
	const char *best;   /* borrowed from an offer; NULL: none is near */
	int distance;
};

void nearest_init(struct nearest *n, const char *wanted);
void nearest_offer(struct nearest *n, const char *name);
