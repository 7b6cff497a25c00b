/* The marks of a slot, as a beat or the release stores them.
 *
 * Invariants
 *   1. The low-water mark is below every unresolved message of the slot.
 *   2. New ids of the home slot are above every mark that was stored.
 *   3. No retry of the slot that is due before its retry mark is unresolved. */
#include "send/slot-internal.h"

int64_t
slot_low_water(struct slots *s, struct slot *slot)
{
	int64_t low;
	const struct message *old = TAILQ_FIRST(&slot->old), *fresh = TAILQ_FIRST(&slot->fresh);
	if (slot->state == SLOT_HELD)
		low = id_floor(loop_wall(s->loop)) - 1;
	else
		low = slot->low_water;
	if (old && old->id - 1 < low)
		low = old->id - 1;
	if (fresh && fresh->id - 1 < low)
		low = fresh->id - 1;
	/* With a clock set back the mark stays where it was; with nothing open new ids go above it.
	 */
	if (low < slot->low_water && !old && !fresh)
		low = slot->low_water;
	if (slot->state == SLOT_HELD)
		slot->low_water = low;
	if (slot == s->home && s->ids.last < low)
		s->ids.last = low;
	return low;
}

struct wall
slot_retry_low(struct slots *s, const struct slot *slot)
{
	if (slot->retry_mark.us)
		return slot->retry_mark;
	return s->ev.retry_low(s->ev.arg, slot->id);
}

void
slot_put_marks(struct slots *s, struct pg_args *args, struct slot *const *list, int n)
{
	struct arena *a = args->arena;
	struct buf *out = arena_zalloc(a, sizeof(*out) * 4);
	struct pg_array ids, epochs, lows, retries;
	for (int i = 0; i < 4; i++) {
		buf_init(&out[i], 4096);
		arena_own(a, &out[i], (void (*)(void *))buf_free);
	}
	pg_array_begin(&ids, &out[0], PG_INT2);
	pg_array_begin(&epochs, &out[1], PG_INT8);
	pg_array_begin(&lows, &out[2], PG_INT8);
	pg_array_begin(&retries, &out[3], PG_TIMESTAMPTZ);
	for (int i = 0; i < n; i++) {
		pg_array_int2(&ids, list[i]->id);
		pg_array_int8(&epochs, list[i]->epoch);
		pg_array_int8(&lows, slot_low_water(s, list[i]));
		pg_array_time(&retries, slot_retry_low(s, list[i]));
	}
	pg_array_end(&ids, args);
	pg_array_end(&epochs, args);
	pg_array_end(&lows, args);
	pg_array_end(&retries, args);
}
