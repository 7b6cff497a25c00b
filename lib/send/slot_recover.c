/* Recovery: reads the unresolved messages that an adopted slot left, a page at a time and as long
 * as there is room for them.
 *
 * A first step that was put off (the lane was full) has a retry row and nothing else. It is looked
 * for in the same statement, and not among the retries in memory (retry.c): these may be too many
 * for it, and come and go while the pages are read. All that count are due between the mark with
 * which the slot was adopted and what its last owner may have called soon.
 *
 * It ends at the newest message that the slot had when it was adopted. */
#include <endian.h>
#include <string.h>

#include "base/log.h"

#include "send/retry.h"
#include "send/slot-internal.h"
#include "statements.h"

#define RECOVER_ROWS 2000 /* per page */

static void recover_next(struct slots *s, struct slot *slot);

static bool
contains(const int64_t *list, int n, int64_t id)
{
	for (int i = 0; i < n; i++)
		if (list[i] == id)
			return true;
	return false;
}

static void
recover_row(struct slots *s, struct slot *slot, const PGresult *r, int row, struct arena *a)
{
	int64_t *done;
	int ndone = pg_int8s(r, row, 4, a, &done), n = 0;
	struct str targets = pg_str(r, row, 3);
	int64_t *open = arena_alloc(a, targets.n + 8);
	for (size_t at = 0; at + 8 <= targets.n; at += 8) {
		uint64_t wire;
		memcpy(&wire, targets.p + at, sizeof(wire));
		int64_t id = (int64_t)be64toh(wire);
		if (!contains(done, ndone, id))
			open[n++] = id;
	}
	if (n == 0)
		return;
	struct recovered m = { slot->id, slot->epoch, pg_int(r, row, 0), pg_int(r, row, 1),
		pg_str(r, row, 2), n, open };
	slot->restored++;
	s->ev.recovered(s->ev.arg, &m);
}

static void
recovery_over(struct slots *s, struct slot *slot)
{
	slot_set(slot, SLOT_HELD);
	LOG_INFO(SLOT_RECOVERED, KV("slot", (int)slot->id), KV("messages", slot->restored));
	if (s->home == slot)
		s->ev.ready(s->ev.arg);
}

static void
on_page(void *arg, const struct pg_result *r, const struct err *e)
{
	struct slot *slot = arg;
	struct slots *s = slot->set;
	int rows = e ? 0 : pg_rows(r->res[0]);
	bool more = e || rows == RECOVER_ROWS;
	for (int row = 0; row < rows; row++) {
		int64_t id = pg_int(r->res[0], row, 1);
		if (id > slot->until) {
			more = false;
			break;
		}
		recover_row(s, slot, r->res[0], row, slot->page_arena);
		slot->low_water = id;
	}
	slot->page = NULL;
	arena_free(slot->page_arena);
	if (!more)
		recovery_over(s, slot);
	else if (!e)
		recover_next(s, slot); /* after an error the next relief or beat goes on */
}

static void
recover_next(struct slots *s, struct slot *slot)
{
	if (slot->state != SLOT_RECOVERING || slot->page || slot->retry_mark.us ||
	    !s->ev.room(s->ev.arg))
		return;
	struct pg_args args;
	slot->page_arena = arena_new();
	pg_args_init(&args, slot->page_arena);
	pg_arg_int2(&args, slot->id);
	pg_arg_int8(&args, slot->low_water);
	pg_arg_int4(&args, RECOVER_ROWS);
	pg_arg_time(&args, slot->retry_since);
	pg_arg_time(&args, (struct wall){ loop_wall(s->loop).us + RETRY_PUT_OFF_MAX });
	struct pg_call call = { &stmt_slot_recover, &args };
	slot->page = pg_submit_at(RECOVER, s->load_pool, &call, 1, on_page, slot);
}

void
slots_continue(struct slots *s)
{
	for (int i = 0; i < s->n; i++)
		recover_next(s, s->slot[i]);
}
