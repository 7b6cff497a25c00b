/* How often values occurred, to within 0.8 %, in constant space: buckets of equal width inside each
 * power of two, as in HdrHistogram. Values are microseconds here; nothing depends on it. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_STEPS_LOG2 7 /* buckets in a power of two */
#define HISTOGRAM_VALUE_LOG2                                                                       \
	36 /* larger values (19 hours of microseconds) count as the largest                        \
	    */
#define HISTOGRAM_BUCKETS                                                                          \
	((HISTOGRAM_VALUE_LOG2 - HISTOGRAM_STEPS_LOG2 + 1) << HISTOGRAM_STEPS_LOG2)

struct histogram {
	int64_t count;
	int64_t max; /* exact */
	uint32_t bucket[HISTOGRAM_BUCKETS];
};

/* All zero is an empty histogram. */
void histogram_clear(struct histogram *h);
/* Negative values count as 0. */
void histogram_add(struct histogram *h, int64_t value);
void histogram_merge(struct histogram *into, const struct histogram *h);

/* The smallest value that at least this share (0 to 1) of all values do not exceed, rounded up to
 * the end of its bucket, but never above the largest value; 0 when there are none. */
int64_t histogram_quantile(const struct histogram *h, double share);
