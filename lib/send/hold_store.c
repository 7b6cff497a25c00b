/* A hold's row (table `hold`). Everything that changes one runs under the fence of the slot that
 * keeps it, so that who has lost the slot cannot. */
#include "send/hold-internal.h"
#include "statements.h"

#define JUST_NOW (120 * USEC_PER_SEC)

enum column {
	COL_APP_ID,
	COL_ENDPOINT_ID,
	COL_SLOT,
	COL_STATE,
	COL_FAILING_MS,
	COL_PROBE_MS,
	COL_PROBES,
	COL_LOW_NO,
	COL_ORDERED,
};

void
hold_row_read(const PGresult *r, int row, struct hold_row *ret)
{
	*ret = (struct hold_row){
		.app_id = pg_int(r, row, COL_APP_ID),
		.endpoint_id = pg_int(r, row, COL_ENDPOINT_ID),
		.slot = (int)pg_int(r, row, COL_SLOT),
		.state = (enum hold_state)pg_int(r, row, COL_STATE),
		.failing = !pg_null(r, row, COL_FAILING_MS),
		.failing_for = pg_int(r, row, COL_FAILING_MS) * USEC_PER_MS,
		.probe_in = pg_int(r, row, COL_PROBE_MS) * USEC_PER_MS,
		.probes = (int)pg_int(r, row, COL_PROBES),
		.low_no = pg_int(r, row, COL_LOW_NO),
		.ordered = pg_bool(r, row, COL_ORDERED),
	};
}

/* The argument of fence.sql. */
static void
put_slots(struct pg_args *args, struct arena *a, const int *slots, int n)
{
	struct pg_array array;
	struct buf *out = arena_zalloc(a, sizeof(*out));
	buf_init(out, 64);
	arena_own(a, out, (void (*)(void *))buf_free);
	pg_args_init(args, a);
	pg_array_begin(&array, out, PG_INT2);
	for (int i = 0; i < n; i++)
		pg_array_int2(&array, (int16_t)slots[i]);
	pg_array_end(&array, args);
}

static void
put_hold(struct pg_args *args, const struct hold *h)
{
	pg_args_init(args, h->arena);
	pg_arg_int8(args, h->app_id);
	pg_arg_int8(args, h->endpoint_id);
}

static void
put_owner(struct pg_args *args, const struct hold *h)
{
	pg_arg_int2(args, h->slot);
	pg_arg_int8(args, h->epoch);
}

static int64_t
low_no(const struct hold *h, struct wall *ret_at)
{
	bool behind = h->sweeping && h->beyond < h->next_base;
	return entries_low(h, behind ? h->beyond : h->next_base, ret_at);
}

/* Whether what there was just now is resolved, all of it. */
static bool
nothing_left(const struct hold *h)
{
	const struct entries *es = &h->entries;
	return es->n == 0 && es->cut == 0 && !h->sweeping && !h->reading && h->read_at &&
	       loop_now(h->all->loop) - h->read_at < JUST_NOW;
}

/* Partitions before that time are dropped: when in doubt the row keeps what it has. */
static void
put_low_at(struct pg_args *args, const struct hold *h, struct wall at)
{
	static const struct wall long_ago = { 1 };
	if (at.us)
		pg_arg_time(args, at);
	else if (nothing_left(h))
		pg_arg_null(args);
	else
		pg_arg_time(args, long_ago);
}

void
hold_write(struct hold *h, pg_fn fn)
{
	const int slot = h->slot;
	struct pg_args fence, set;
	struct wall at;
	usec_t now = loop_now(h->all->loop);
	arena_reset(h->arena);
	put_slots(&fence, h->arena, &slot, 1);
	put_hold(&set, h);
	put_owner(&set, h);
	pg_arg_int2(&set, (int16_t)h->stored);
	pg_arg_int2(&set, (int16_t)h->state);
	if (h->failing_since)
		pg_arg_int8(&set, (now - h->failing_since) / USEC_PER_MS);
	else
		pg_arg_null(&set);
	if (h->state == HOLD_OPEN)
		pg_arg_int8(&set, (h->probe_at - now) / USEC_PER_MS);
	else
		pg_arg_null(&set);
	pg_arg_int4(&set, h->probes);
	pg_arg_int8(&set, low_no(h, &at));
	put_low_at(&set, h, at);
	struct pg_call calls[] = { { &stmt_fence, &fence }, { &stmt_hold_set, &set } };
	h->ticket = pg_submit_at(HOLD_SET, h->all->load, calls, 2, fn, h);
}

void
hold_write_closed(struct hold *h, pg_fn fn)
{
	const int slot = h->slot;
	struct pg_args fence, lock, close;
	struct wall at;
	arena_reset(h->arena);
	put_slots(&fence, h->arena, &slot, 1);
	put_hold(&lock, h);
	put_hold(&close, h);
	put_owner(&close, h);
	pg_arg_int8(&close, low_no(h, &at));
	struct pg_call calls[] = { { &stmt_fence, &fence }, { &stmt_hold_lock, &lock },
		{ &stmt_hold_close, &close } };
	h->ticket = pg_submit_at(HOLD_CLOSE, h->all->load, calls, 3, fn, h);
}

void
hold_ask(struct hold *h, pg_fn fn)
{
	struct pg_args get;
	arena_reset(h->arena);
	put_hold(&get, h);
	struct pg_call call = { &stmt_hold_get, &get };
	h->ticket = pg_submit_at(HOLD_GET, h->all->load, &call, 1, fn, h);
}

void
hold_trip(struct trip *t, usec_t failing_for, usec_t probe_in, pg_fn fn)
{
	struct pg_args fence, open;
	put_slots(&fence, t->arena, &t->slot, 1);
	pg_args_init(&open, t->arena);
	pg_arg_int8(&open, t->app_id);
	pg_arg_int8(&open, t->endpoint_id);
	pg_arg_int2(&open, (int16_t)t->slot);
	pg_arg_int8(&open, t->epoch);
	pg_arg_int8(&open, failing_for / USEC_PER_MS);
	pg_arg_int8(&open, probe_in / USEC_PER_MS);
	struct pg_call calls[] = { { &stmt_fence, &fence }, { &stmt_hold_open, &open } };
	t->ticket = pg_submit_at(HOLD_TRIP, t->all->load, calls, 2, fn, t);
}

void
hold_overflow(struct trip *t, pg_fn fn)
{
	struct pg_args fence, open;
	put_slots(&fence, t->arena, &t->slot, 1);
	pg_args_init(&open, t->arena);
	pg_arg_int8(&open, t->app_id);
	pg_arg_int8(&open, t->endpoint_id);
	pg_arg_int2(&open, (int16_t)t->slot);
	pg_arg_int8(&open, t->epoch);
	struct pg_call calls[] = { { &stmt_fence, &fence }, { &stmt_hold_overflow, &open } };
	t->ticket = pg_submit(t->all->load, calls, 2, fn, t);
}

void
hold_take(struct take *t, pg_fn fn)
{
	const int slots[] = { t->slot, t->home };
	struct pg_args fence, take;
	arena_reset(t->arena);
	put_slots(&fence, t->arena, slots, t->slot == t->home ? 1 : 2);
	pg_args_init(&take, t->arena);
	pg_arg_int2(&take, (int16_t)t->slot);
	pg_arg_int8(&take, t->epoch);
	pg_arg_int2(&take, (int16_t)t->home);
	pg_arg_int8(&take, t->home_epoch);
	struct pg_call calls[] = { { &stmt_fence, &fence }, { &stmt_hold_take, &take } };
	t->ticket = pg_submit_at(HOLD_TAKE, t->all->load, calls, 2, fn, t);
}
