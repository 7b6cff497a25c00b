/* What must hold of what is owed (ledger.h). */
#include "base/id.h"

#include "ledger-internal.h"
#include "trace.h"

/* ---- at each commit: nothing would be lost ------------------------------------------------ */

static bool
somebody_looks(int slot)
{
	return db.slot[slot].now.owner || db.slot[slot].now.dirty;
}

static const char *
lost_parked(const struct obligation *o)
{
	const struct hold_values *h = &db.hold[o->number].now;
	if (!h->exists || (!h->state && !h->ordered))
		return "it is parked and its hold is closed";
	if (!somebody_looks(h->slot))
		return "it is parked and the slot of its hold is free";
	return o->no > h->low_no ? NULL : "it is parked below the mark";
}

/* Why nobody would find it; NULL: somebody would. */
static const char *
lost(const struct obligation *o)
{
	int slot = id_slot(o->message->id);
	bool is_parked = o->parked > o->resolved || (o->parked >= 0 && o->ordered);
	if (is_parked && o->parked >= o->announced)
		return lost_parked(o);
	bool is_announced = o->announced > o->resolved;
	if (is_announced)
		slot = o->retry_slot; /* the keeper's, when it was parked */
	if (!somebody_looks(slot))
		return "its slot is free";
	if (is_announced)
		return o->due.us >= db.slot[slot].now.retry_low.us ? NULL
								   : "its retry is below the mark";
	if (o->resolved < 0 && o->chain == 0)
		return o->message->id > db.slot[slot].now.low_water
			   ? NULL
			   : "it is below the low-water mark";
	return "its step is resolved and nothing follows";
}

void
ledger_judge(void)
{
	if (!owed.touched)
		return;
	owed.touched = false;
	for (int i = 0; i < owed.n; i++) {
		const struct obligation *o = owed.list[i];
		const char *why = lost(o);
		if (why)
			violation("%lld to r%d, chain %lld, would be lost: %s (step %d resolved, "
				  "%d announced, %d parked)",
			    (long long)o->message->id, o->number, (long long)o->chain, why,
			    o->resolved, o->announced, o->parked);
	}
}

/* ---- at each request: order --------------------------------------------------------------- */

/* Of what has its order only the oldest is under way: all before it are resolved. (Of two that were
 * stored at the same time, the one that was seen first may go first.) */
static bool
is_parked_before(const struct obligation *a, const struct obligation *b)
{
	return a->ordered && b->ordered && a->key == b->key && a->no < b->no &&
	       a->queued < b->queued;
}

/* As it is promised, whatever became of the rows: under the same order, what was acknowledged
 * before another one was posted comes before it. */
static bool
is_promised_before(const struct obligation *a, const struct obligation *b)
{
	const struct regime *x = &a->regime, *y = &b->regime;
	return a->chain == 0 && b->chain == 0 && x->queued && y->queued && x->orders == y->orders &&
	       x->key == y->key && a->message->acknowledged &&
	       a->message->acknowledged < b->message->posted;
}

void
rules_check_order(const struct obligation *o)
{
	for (int i = 0; i < owed.n; i++) {
		const struct obligation *other = owed.list[i];
		if (other->number == o->number &&
		    (is_parked_before(other, o) || is_promised_before(other, o)))
			violation("%lld goes to r%d before %lld", (long long)o->message->id,
			    o->number, (long long)other->message->id);
	}
}

/* What is appended to an ordered endpoint is parked only while its hold says that it is ordered;
 * and a hold that says so wrongly would never be closed. */
void
rules_check_hold(int endpoint)
{
	const struct endpoint_row *e = &db.endpoint[endpoint];
	const struct hold_values *h = &db.hold[endpoint].now;
	if (e->ordered && !e->deleted && !(h->exists && h->ordered))
		violation("r%d has an order and its hold has none", endpoint);
	if (!e->ordered && !e->deleted && h->exists && h->ordered)
		violation("r%d has no order and its hold has one", endpoint);
}

/* ---- at the end --------------------------------------------------------------------------- */

/* A delivery is repeated at most once by each change of owner: of its slot, or when it was parked
 * or asked for by hand, of any, since holds and chains move. */
static void
close_one(const struct obligation *o, bool calm)
{
	int64_t id = o->message->id;
	int64_t excused = db.slot[id_slot(id)].now.epoch - o->epoch;
	if (o->parked >= 0 || o->chain)
		excused = owed_epochs() - o->epochs;
	if (calm)
		excused = 0;
	if (!o->delivered && !o->dead && !o->tried)
		violation("%lld to r%d: no end", (long long)id, o->number);
	if (o->accepted > 1 + excused)
		violation("r%d took %lld, chain %lld, %d times, in %d takeovers", o->number,
		    (long long)id, (long long)o->chain, o->accepted, (int)excused);
}

void
ledger_close(bool calm)
{
	if (owed.n)
		violation("%d deliveries are still owed", owed.n);
	FOR_ROWS(m, message_row, TABLE_MESSAGE, NULL)
	for (const struct obligation *o = m->owed; o; o = o->next)
		close_one(o, calm);
}
