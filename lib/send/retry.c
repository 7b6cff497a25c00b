/* Retries in memory.
 *
 * Invariants, for each slot (shard):
 *   1. Every unresolved retry due before `until` is in memory, except while a read up to `until` is
 *      under way: then what was committed before the read began comes with it. `until` goes back
 *      when there is no room, and to a row that may have been committed unseen.
 *   2. A row committed by us is offered after its commit (retries_add) and kept when it is due
 * before `until`. Whatever commits after a read's snapshot is therefore offered when `until`
 * already covers it; what commits before is in the snapshot. Both may bring the same row: the key
 *      (message, endpoint, chain) holds the highest step only. */
#include "send/retry.h"

#include <assert.h>
#include <bsd/sys/tree.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "statements.h"

#define AHEAD      (120 * USEC_PER_SEC) /* how far a read goes */
#define OPEN_AHEAD (RETRY_DEFER_MAX + RETRY_CLOCKS_APART)
#define CHECK      (15 * USEC_PER_SEC)
#define AGAIN      (500 * USEC_PER_MS) /* after a read that failed */
#define ROWS_MAX   50000               /* of one read; a fuller stretch is read in parts */
#define TOTAL_MAX  2000000 /* in memory; beyond it reads wait, but the first of a slot */
#define FIRE_MAX   512     /* per turn */
#define SHARDS_MAX 64

struct key {
	int64_t msg_id, endpoint_id, chain;
};

struct retry {
	struct key key;
	struct retry_row row;
	bool fired;
	RB_ENTRY(retry) by_slot; /* all of the shard, by due */
	RB_ENTRY(retry) by_due;  /* not fired yet, of all shards */
	UT_hash_handle hh;
};
RB_HEAD(slot_tree, retry);
RB_HEAD(due_tree, retry);

struct shard {
	struct retries *rs;
	int16_t slot;
	struct wall from; /* of the read under way */
	struct wall until;
	bool opening; /* the first read of an adopted slot */
	struct pg_ticket *ticket;
	struct arena *arena;
	struct slot_tree all;
};

struct retries {
	struct loop *loop;
	struct pg_pool *load;
	struct retries_events ev;
	int n;
	struct shard *shard[SHARDS_MAX];
	int64_t count;
	struct retry *by_key;
	struct due_tree pending;
	struct timer fire_timer, check_timer;
};

static int
compare(const struct retry *a, const struct retry *b)
{
	if (a->row.due.us != b->row.due.us)
		return a->row.due.us < b->row.due.us ? -1 : 1;
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

RB_GENERATE_INTERNAL(slot_tree, retry, by_slot, compare, UNUSED static)
RB_GENERATE_INTERNAL(due_tree, retry, by_due, compare, UNUSED static)

static void shard_read(struct shard *sh, struct wall from, struct wall until);

static struct shard *
shard_find(const struct retries *rs, int slot)
{
	for (int i = 0; i < rs->n; i++)
		if (rs->shard[i]->slot == slot)
			return rs->shard[i];
	return NULL;
}

/* The shard; made for a slot that was free, whose table is empty ahead. */
static struct shard *
shard_get(struct retries *rs, int slot)
{
	struct shard *sh = shard_find(rs, slot);
	if (sh)
		return sh;
	assert(rs->n < SHARDS_MAX);
	sh = mem_zalloc(sizeof(*sh));
	sh->rs = rs;
	sh->slot = (int16_t)slot;
	sh->until.us = loop_wall(rs->loop).us + AHEAD;
	sh->arena = arena_new();
	RB_INIT(&sh->all);
	rs->shard[rs->n++] = sh;
	return sh;
}

static struct retry *
find(const struct retries *rs, int64_t msg_id, int64_t endpoint_id, int64_t chain)
{
	struct key key = { 0 };
	struct retry *r;
	key.msg_id = msg_id;
	key.endpoint_id = endpoint_id;
	key.chain = chain;
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): uthash reads bytes */
	HASH_FIND(hh, rs->by_key, &key, sizeof(key), r);
	return r;
}

static void
set_fire_timer(struct retries *rs)
{
	const struct retry *first = RB_MIN(due_tree, &rs->pending);
	if (first)
		timer_set(&rs->fire_timer, first->row.due.us - clock_wall().us);
	else
		timer_stop(&rs->fire_timer);
}

static void
retry_remove(struct retries *rs, struct retry *r)
{
	struct shard *sh = shard_find(rs, r->row.slot);
	assert(sh);
	RB_REMOVE(slot_tree, &sh->all, r);
	if (!r->fired)
		RB_REMOVE(due_tree, &rs->pending, r);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): r is in the table */
	HASH_DEL(rs->by_key, r);
	rs->count--;
	metric_add(METRIC_RETRIES_LOADED, -1);
	free(r);
}

static void
keep(struct retries *rs, struct shard *sh, const struct retry_row *row)
{
	struct retry *r = find(rs, row->msg_id, row->endpoint_id, row->chain);
	if (r && r->row.seq >= row->seq)
		return;
	if (r)
		retry_remove(rs, r);
	r = mem_zalloc(sizeof(*r));
	r->key = (struct key){ row->msg_id, row->endpoint_id, row->chain };
	r->row = *row;
	HASH_ADD(hh, rs->by_key, key, sizeof(r->key), r);
	RB_INSERT(slot_tree, &sh->all, r);
	RB_INSERT(due_tree, &rs->pending, r);
	rs->count++;
	metric_add(METRIC_RETRIES_LOADED, 1);
}

void
retries_add(struct retries *rs, const struct retry_row *row)
{
	struct shard *sh = shard_get(rs, row->slot);
	/* Too many: this row and what is due after it are read again when there is room. */
	if (rs->count >= TOTAL_MAX && row->due.us < sh->until.us)
		sh->until = row->due;
	if (row->due.us >= sh->until.us)
		return;
	keep(rs, sh, row);
	set_fire_timer(rs);
}

void
retries_again(struct retries *rs, int slot, struct wall due)
{
	struct shard *sh = shard_get(rs, slot);
	if (due.us < sh->until.us)
		sh->until = due; /* on_check reads on from there */
}

void
retries_resolve(struct retries *rs, const struct retry_row *row)
{
	struct retry *r = find(rs, row->msg_id, row->endpoint_id, row->chain);
	if (r && r->row.slot == row->slot && r->row.seq <= row->seq)
		retry_remove(rs, r);
}

bool
retries_has(struct retries *rs, int slot, int64_t msg_id, int64_t endpoint_id, int64_t chain)
{
	const struct retry *r = find(rs, msg_id, endpoint_id, chain);
	return r && r->row.slot == slot;
}

/* ---- firing ------------------------------------------------------------------------------- */

static void
on_fire(void *arg)
{
	struct retries *rs = arg;
	struct wall now = clock_wall();
	for (int i = 0; i < FIRE_MAX; i++) {
		struct retry *r = RB_MIN(due_tree, &rs->pending);
		if (!r || r->row.due.us > now.us)
			break;
		RB_REMOVE(due_tree, &rs->pending, r);
		r->fired = true;
		struct retry_row row = r->row;
		rs->ev.due(rs->ev.arg, &row);
	}
	set_fire_timer(rs);
}

/* ---- reading ------------------------------------------------------------------------------ */

static void
read_row(struct shard *sh, const PGresult *res, int i)
{
	struct retry_row row = {
		.due = pg_time(res, i, 0),
		.slot = (int16_t)pg_int(res, i, 1),
		.seq = (int16_t)pg_int(res, i, 2),
		.tries = (int16_t)pg_int(res, i, 3),
		.trigger = (int16_t)pg_int(res, i, 4),
		.app_id = pg_int(res, i, 5),
		.msg_id = pg_int(res, i, 6),
		.endpoint_id = pg_int(res, i, 7),
		.chain = pg_int(res, i, 8),
	};
	keep(sh->rs, sh, &row);
}

static void
on_read(void *arg, const struct pg_result *r, const struct err *e)
{
	struct shard *sh = arg;
	struct retries *rs = sh->rs;
	sh->ticket = NULL;
	if (e) {
		/* Back to before the read, and soon again. */
		if (sh->from.us < sh->until.us)
			sh->until = sh->from;
		timer_set(&rs->check_timer, AGAIN);
		return;
	}
	const PGresult *res = r->res[0];
	int rows = pg_rows(res);
	for (int i = 0; i < rows; i++)
		read_row(sh, res, i);
	set_fire_timer(rs);
	if (rows == ROWS_MAX) {
		shard_read(sh, pg_time(res, rows - 1, 0), sh->until);
		return;
	}
	if (rows)
		LOG_DEBUG(RETRY_LOAD, KV("slot", (int)sh->slot), KV("rows", rows));
	if (sh->opening) {
		sh->opening = false;
		rs->ev.opened(rs->ev.arg, sh->slot);
	}
}

static void
shard_read(struct shard *sh, struct wall from, struct wall until)
{
	struct pg_args args;
	struct pg_array slots;
	arena_reset(sh->arena);
	pg_args_init(&args, sh->arena);
	struct buf *out = arena_zalloc(sh->arena, sizeof(*out));
	buf_init(out, 64);
	arena_own(sh->arena, out, (void (*)(void *))buf_free);
	pg_array_begin(&slots, out, PG_INT2);
	pg_array_int2(&slots, sh->slot);
	pg_array_end(&slots, &args);
	pg_arg_time(&args, from);
	pg_arg_time(&args, until);
	pg_arg_int4(&args, ROWS_MAX);
	struct pg_call call = { &stmt_retry_load, &args };
	sh->from = from;
	sh->until = until;
	sh->ticket = pg_submit_at(RETRY, sh->rs->load, &call, 1, on_read, sh);
}

static void
on_check(void *arg)
{
	struct retries *rs = arg;
	struct wall now = loop_wall(rs->loop);
	for (int i = 0; i < rs->n; i++) {
		struct shard *sh = rs->shard[i];
		bool wanted = sh->until.us < now.us + AHEAD / 2 && rs->count < TOTAL_MAX;
		if (!sh->ticket && (wanted || sh->opening)) {
			struct wall until = { now.us + (sh->opening ? OPEN_AHEAD : AHEAD) };
			shard_read(sh, sh->until, until);
		}
	}
	set_fire_timer(rs); /* the clock may have been set: due is a time of the day */
	timer_set(&rs->check_timer, CHECK);
}

void
retries_open(struct retries *rs, int slot, struct wall from)
{
	struct shard *sh = shard_get(rs, slot);
	struct wall until = { loop_wall(rs->loop).us + OPEN_AHEAD };
	sh->opening = true;
	shard_read(sh, from, until);
}

void
retries_close(struct retries *rs, int slot)
{
	struct shard *sh = shard_find(rs, slot);
	if (!sh)
		return;
	if (sh->ticket)
		pg_cancel(sh->ticket);
	struct retry *r;
	while ((r = RB_ROOT(&sh->all)))
		retry_remove(rs, r);
	for (int i = 0; i < rs->n; i++)
		if (rs->shard[i] == sh)
			rs->shard[i] = rs->shard[--rs->n];
	arena_free(sh->arena);
	free(sh);
	set_fire_timer(rs);
}

struct wall
retries_low(struct retries *rs, int slot)
{
	struct shard *sh = shard_get(rs, slot);
	const struct retry *first = RB_MIN(slot_tree, &sh->all);
	struct wall low = sh->ticket && sh->from.us < sh->until.us ? sh->from : sh->until;
	usec_t lag = loop_wall(rs->loop).us - RETRY_MARK_LAG;
	if (lag < low.us)
		low.us = lag;
	if (first && first->row.due.us < low.us)
		low = first->row.due;
	return low;
}

bool
retries_busy(struct retries *rs, int slot)
{
	const struct shard *sh = shard_find(rs, slot);
	return sh && (!RB_EMPTY(&sh->all) || sh->ticket);
}

struct retries *
retries_new(struct loop *l, struct pg_pool *load, const struct retries_events *ev)
{
	struct retries *rs = mem_zalloc(sizeof(*rs));
	rs->loop = l;
	rs->load = load;
	rs->ev = *ev;
	RB_INIT(&rs->pending);
	timer_init(&rs->fire_timer, l, on_fire, rs);
	timer_init(&rs->check_timer, l, on_check, rs);
	timer_set(&rs->check_timer, CHECK);
	return rs;
}

void
retries_free(struct retries *rs)
{
	if (!rs)
		return;
	while (rs->n > 0)
		retries_close(rs, rs->shard[0]->slot);
	timer_done(&rs->fire_timer);
	timer_done(&rs->check_timer);
	free(rs);
}
