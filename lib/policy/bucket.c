/* Lots of a limited rate (bucket.h). Times are counted from the lot's start, so that nothing adds
 * up: at 65 535 a second a delivery takes 15.26 microseconds. */
#include "policy/bucket.h"

#include <assert.h>
#include <string.h>

#define LATE_MIN (250 * USEC_PER_MS)

static usec_t
lot_at(const struct bucket_lot *lot, int i)
{
	return lot->start + i * USEC_PER_SEC / lot->rate;
}

static void
drop_first_lot(struct bucket *b)
{
	b->nlots--;
	memmove(&b->lot[0], &b->lot[1], (size_t)b->nlots * sizeof(b->lot[0]));
}

usec_t
bucket_late(int rate)
{
	usec_t one = USEC_PER_SEC / rate;
	return one > LATE_MIN ? one : LATE_MIN;
}

bool
bucket_full(const struct bucket *b)
{
	return b->nlots == BUCKET_LOTS;
}

void
bucket_add(struct bucket *b, usec_t start, int n, int rate)
{
	assert(n >= 1 && rate >= 1);
	if (bucket_full(b))
		return;
	if (b->nlots > 0) {
		const struct bucket_lot *last = &b->lot[b->nlots - 1];
		usec_t end = lot_at(last, last->n);
		if (start < end)
			start = end;
	}
	b->lot[b->nlots++] = (struct bucket_lot){ .start = start, .rate = rate, .n = n };
}

/* Of one lot: how many of its deliveries were due before that time. */
static int
due_before(const struct bucket_lot *lot, usec_t time)
{
	if (time <= lot->start)
		return 0;
	if (time > lot_at(lot, lot->n - 1))
		return lot->n;
	return (int)(((time - lot->start) * lot->rate + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

void
bucket_expire(struct bucket *b, usec_t now)
{
	while (b->nlots > 0) {
		struct bucket_lot *lot = &b->lot[0];
		int lost = due_before(lot, now - bucket_late(lot->rate));
		if (lost > lot->used)
			lot->used = lost;
		if (lot->used < lot->n)
			return;
		drop_first_lot(b);
	}
}

int
bucket_left(const struct bucket *b)
{
	int left = 0;
	for (int i = 0; i < b->nlots; i++)
		left += b->lot[i].n - b->lot[i].used;
	return left;
}

usec_t
bucket_first(const struct bucket *b)
{
	assert(b->nlots > 0);
	return lot_at(&b->lot[0], b->lot[0].used);
}

usec_t
bucket_last(const struct bucket *b)
{
	assert(b->nlots > 0);
	const struct bucket_lot *last = &b->lot[b->nlots - 1];
	return lot_at(last, last->n - 1);
}

int
bucket_due(const struct bucket *b, usec_t now)
{
	int due = 0;
	for (int i = 0; i < b->nlots; i++) {
		int n = due_before(&b->lot[i], now + 1);
		due += n > b->lot[i].used ? n - b->lot[i].used : 0;
	}
	return due;
}

bool
bucket_open(struct bucket *b, usec_t now)
{
	bucket_expire(b, now);
	return b->nlots > 0 && bucket_first(b) <= now;
}

usec_t
bucket_take(struct bucket *b)
{
	usec_t until = bucket_first(b) + bucket_late(b->lot[0].rate);
	if (++b->lot[0].used == b->lot[0].n)
		drop_first_lot(b);
	return until;
}
