/* Log-linear buckets. Below 2^(S+1), S = HISTOGRAM_STEPS_LOG2, each value has its own bucket;
 * above, a value keeps its S+1 leading bits, and its bucket is their number plus 2^S for each bit
 * cut off: without gaps, in order, each at most 1/2^S of its value wide. */
#include "histogram.h"

#include <math.h>
#include <string.h>

#define STEPS (1 << HISTOGRAM_STEPS_LOG2)

void
histogram_clear(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}

/* Trailing bits that a value loses. */
static int
bits_cut(uint64_t v)
{
	int top = 63 - __builtin_clzll(v | 1);
	return top > HISTOGRAM_STEPS_LOG2 ? top - HISTOGRAM_STEPS_LOG2 : 0;
}

static int
bucket_of(int64_t value)
{
	const int64_t limit = INT64_C(1) << HISTOGRAM_VALUE_LOG2;
	uint64_t v = value < 0 ? 0 : (uint64_t)(value < limit ? value : limit - 1);
	int cut = bits_cut(v);
	return cut * STEPS + (int)(v >> cut);
}

/* The largest value that a bucket holds. */
static int64_t
bucket_end(int i)
{
	int cut = i < 2 * STEPS ? 0 : i / STEPS - 1;
	int64_t lead = i - (int64_t)cut * STEPS;
	return ((lead + 1) << cut) - 1;
}

void
histogram_add(struct histogram *h, int64_t value)
{
	h->count++;
	h->bucket[bucket_of(value)]++;
	if (value > h->max)
		h->max = value;
}

void
histogram_merge(struct histogram *into, const struct histogram *h)
{
	into->count += h->count;
	if (h->max > into->max)
		into->max = h->max;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->bucket[i] += h->bucket[i];
}

int64_t
histogram_quantile(const struct histogram *h, double share)
{
	int64_t wanted = (int64_t)ceil(share * (double)h->count), seen = 0;
	if (wanted < 1)
		wanted = 1;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= wanted)
			return bucket_end(i) < h->max ? bucket_end(i) : h->max;
	}
	return h->max;
}
