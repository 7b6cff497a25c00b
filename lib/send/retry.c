/* Retries in memory.
 *
 * Invariants, for each slot (shard):
 *   1. Every unresolved retry before `until`, a place in the order of pages, is in memory, except
 *      while a read up to `until` is under way: then what was committed before the read began comes
 *      with it. `until` goes back behind the page when that is full, to a row that finds no room,
 *      and to one that may have been committed unseen.
 *   2. A row committed by us is offered after its commit (retries_add) and kept when its place is
 *      before `until`. Whatever commits after a read's snapshot is therefore offered when `until`
 *      already covers it; what commits before is in the snapshot. Both may bring the same row: the
 *   2. A row committed by us is offered after its commit (retries_add) and kept when its place is
 *      before `until`. Whatever commits after a read's snapshot is therefore offered when `until`
 *      already covers it; what commits before is in the snapshot. Both may bring the same row: the
 *      key (message, endpoint, chain) holds the highest step only.
 *   3. A read that goes back may bring what was resolved after its snapshot: that is remembered
 *      until the read has ended.
 *
 * Memory that is full stops the reads, and nothing else: everything in it falls due within
 * minutes, is fired and resolved, and makes room. Recovery of messages does not wait for it
 * (slot_recover.c). */
#include "send/retry.h"

#include <assert.h>
#include <bsd/sys/tree.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "statements.h"

#define AHEAD      (120 * USEC_PER_SEC) /* how far a read goes */
#define CHECK      (15 * USEC_PER_SEC)
#define AGAIN      (500 * USEC_PER_MS) /* after a read that failed */
#define ROWS_MAX   10000               /* of one read: a page */
#define FIRE_MAX   512                 /* per turn */
#define SHARDS_MAX 64

struct key {
	int64_t msg_id, endpoint_id, chain;
};

/* In the order of pages (retry_load.sql). */
struct place {
	struct wall due;
	struct key key;
};

struct retry {
	struct key key;
	struct retry_row row;
	bool fired;
	bool over; /* resolved while a read was under way; in no tree, but in the list of those */
	RB_ENTRY(retry) by_slot; /* all of the shard */
	RB_ENTRY(retry) by_due;  /* those that are not fired yet */
	LIST_ENTRY(retry) entry; /* while it is over */
	UT_hash_handle hh;
};
LIST_HEAD(retry_list, retry);
RB_HEAD(slot_tree, retry);
RB_HEAD(due_tree, retry);

struct shard {
	struct retries *rs;
	int16_t slot;
	struct place from; /* of the read under way */
	struct place until;
	struct wall doubt;  /* us != 0: what is due from then on is read again by each check … */
	usec_t doubt_until; /* … and by the first one after this for the last time */
	struct wall opens;  /* us != 0: adopted; none is fired before all are read up to here */
	struct pg_ticket *ticket;
	struct arena *arena;
	struct slot_tree all;
	struct due_tree pending;
	struct retry_list over;
};

struct retries {
	struct loop *loop;
	struct pg_pool *load;
	struct retries_events ev;
	int n;
	struct shard *shard[SHARDS_MAX];
	int64_t count, max;
	int reading; /* pages on their way */
	bool full;   /* a read waits for room */
	struct retry *by_key;
	struct timer fire_timer, check_timer;
};

static struct place
place_of(const struct retry_row *row)
{
	return (struct place){ row->due, { row->msg_id, row->endpoint_id, row->chain } };
}

static int
place_compare(const struct place *a, const struct place *b)
{
	const int64_t order[][2] = { { a->due.us, b->due.us }, { a->key.msg_id, b->key.msg_id },
		{ a->key.endpoint_id, b->key.endpoint_id }, { a->key.chain, b->key.chain } };
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (order[i][0] != order[i][1])
			return order[i][0] < order[i][1] ? -1 : 1;
	return 0;
}

static bool
is_before(const struct place *a, const struct place *b)
{
	return place_compare(a, b) < 0;
}

static int
compare(const struct retry *a, const struct retry *b)
{
	struct place left = place_of(&a->row), right = place_of(&b->row);
	return place_compare(&left, &right);
}

RB_GENERATE_INTERNAL(slot_tree, retry, by_slot, compare, UNUSED static)
RB_GENERATE_INTERNAL(due_tree, retry, by_due, compare, UNUSED static)

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
	sh->until.due.us = loop_wall(rs->loop).us + AHEAD;
	sh->arena = arena_new();
	RB_INIT(&sh->all);
	RB_INIT(&sh->pending);
	LIST_INIT(&sh->over);
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

/* The next one to fire, due or not. */
static struct retry *
first_pending(const struct retries *rs)
{
	struct retry *first = NULL;
	for (int i = 0; i < rs->n; i++) {
		struct shard *sh = rs->shard[i];
		struct retry *r = sh->opens.us ? NULL : RB_MIN(due_tree, &sh->pending);
		if (r && (!first || compare(r, first) < 0))
			first = r;
	}
	return first;
}

static void
set_fire_timer(struct retries *rs)
{
	const struct retry *first = first_pending(rs);
	if (first)
		timer_set(&rs->fire_timer, first->row.due.us - clock_wall().us);
	else
		timer_stop(&rs->fire_timer);
}

/* Out of the trees. */
static void
retry_unlist(struct shard *sh, struct retry *r)
{
	RB_REMOVE(slot_tree, &sh->all, r);
	if (!r->fired)
		RB_REMOVE(due_tree, &sh->pending, r);
}

static void
retry_remove(struct retries *rs, struct retry *r)
{
	struct shard *sh = shard_find(rs, r->row.slot);
	assert(sh);
	if (r->over)
		LIST_REMOVE(r, entry);
	else
		retry_unlist(sh, r);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): r is in the table */
	HASH_DEL(rs->by_key, r);
	rs->count--;
	metric_add(METRIC_RETRIES_LOADED, -1);
	free(r);
}

static void
retry_over(struct shard *sh, struct retry *r)
{
	retry_unlist(sh, r);
	r->over = true;
	LIST_INSERT_HEAD(&sh->over, r, entry);
}

/* No read is under way that could bring them again. */
static void
forget_over(struct shard *sh)
{
	struct retry *r;
	while ((r = LIST_FIRST(&sh->over)))
		retry_remove(sh->rs, r);
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
	RB_INSERT(due_tree, &sh->pending, r);
	rs->count++;
	metric_add(METRIC_RETRIES_LOADED, 1);
}

void
retries_add(struct retries *rs, const struct retry_row *row)
{
	struct shard *sh = shard_get(rs, row->slot);
	struct place place = place_of(row);
	if (!is_before(&place, &sh->until))
		return;
	if (rs->count >= rs->max) {
		sh->until = place; /* it and what comes after are read when there is room */
		rs->full = true;
		return;
	}
	keep(rs, sh, row);
	set_fire_timer(rs);
}

void
retries_again(struct retries *rs, int slot, struct wall due)
{
	struct shard *sh = shard_get(rs, slot);
	if (due.us < sh->until.due.us)
		sh->until = (struct place){ .due = due }; /* on_check reads on from there */
}

void
retries_doubt(struct retries *rs, int slot, struct wall due)
{
	struct shard *sh = shard_get(rs, slot);
	if (!sh->doubt.us || due.us < sh->doubt.us)
		sh->doubt = due;
	sh->doubt_until = loop_now(rs->loop) + RETRY_MARK_LAG;
	retries_again(rs, slot, due);
}

void
retries_resolve(struct retries *rs, const struct retry_row *row)
{
	struct retry *r = find(rs, row->msg_id, row->endpoint_id, row->chain);
	struct shard *sh = r && r->row.slot == row->slot ? shard_find(rs, row->slot) : NULL;
	if (sh && !r->over && r->row.seq <= row->seq) {
		if (sh->ticket)
			retry_over(sh, r);
		else
			retry_remove(rs, r);
	}
	if (rs->full && rs->count <= rs->max / 8 * 7) {
		rs->full = false;
		timer_set(&rs->check_timer, 0);
	}
}

/* ---- firing ------------------------------------------------------------------------------- */

static void
on_fire(void *arg)
{
	struct retries *rs = arg;
	struct wall now = clock_wall();
	for (int i = 0; i < FIRE_MAX; i++) {
		struct retry *r = first_pending(rs);
		if (!r || r->row.due.us > now.us)
			break;
		struct shard *sh = shard_find(rs, r->row.slot);
		assert(sh);
		RB_REMOVE(due_tree, &sh->pending, r);
		r->fired = true;
		struct retry_row row = r->row;
		rs->ev.due(rs->ev.arg, &row);
	}
	set_fire_timer(rs);
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool
has_room(const struct retries *rs)
{
	return rs->count + (int64_t)rs->reading * ROWS_MAX < rs->max;
}

/* Memory is full: what is in it must be fired to make room, whatever replaces it. */
static void
run_full(struct retries *rs)
{
	rs->full = true;
	if (rs->count < rs->max)
		return; /* pages on their way may fill it, and may not */
	for (int i = 0; i < rs->n; i++)
		rs->shard[i]->opens.us = 0;
	set_fire_timer(rs);
}

static void on_read(void *arg, const struct pg_result *r, const struct err *e);

/* Reads on from `until`, for as long as that is not far enough and there is room. */
static void
read_on(struct shard *sh)
{
	struct retries *rs = sh->rs;
	struct wall now = loop_wall(rs->loop);
	struct pg_args args;
	if (sh->ticket || (!sh->opens.us && sh->until.due.us >= now.us + AHEAD / 2))
		return;
	if (!has_room(rs)) {
		run_full(rs);
		return;
	}
	sh->from = sh->until;
	sh->until = (struct place){ .due.us = now.us + AHEAD };
	if (sh->until.due.us < sh->opens.us)
		sh->until.due = sh->opens;
	arena_reset(sh->arena);
	pg_args_init(&args, sh->arena);
	pg_arg_int2(&args, sh->slot);
	pg_arg_time(&args, sh->from.due);
	pg_arg_int8(&args, sh->from.key.msg_id);
	pg_arg_int8(&args, sh->from.key.endpoint_id);
	pg_arg_int8(&args, sh->from.key.chain);
	pg_arg_time(&args, sh->until.due);
	pg_arg_int4(&args, ROWS_MAX);
	struct pg_call call = { &stmt_retry_load, &args };
	rs->reading++;
	sh->ticket = pg_submit_at(RETRY, rs->load, &call, 1, on_read, sh);
}

/* The rows of a page. Behind a full one the next begins: `until` goes back to there. */
static void
take_page(struct shard *sh, const PGresult *res)
{
	int rows = pg_rows(res);
	struct retry_row row = { 0 };
	for (int i = 0; i < rows; i++) {
		row = (struct retry_row){
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
	if (rows == ROWS_MAX) {
		struct place next = place_of(&row);
		next.key.chain++; /* its lower steps, if there are any, are passed over */
		if (is_before(&next, &sh->until))
			sh->until = next;
	}
	if (rows)
		LOG_DEBUG(RETRY_LOAD, KV("slot", (int)sh->slot), KV("rows", rows));
}

static void
on_read(void *arg, const struct pg_result *r, const struct err *e)
{
	struct shard *sh = arg;
	struct retries *rs = sh->rs;
	sh->ticket = NULL;
	rs->reading--;
	if (e) {
		/* Back to before the read, and soon again. */
		forget_over(sh);
		if (is_before(&sh->from, &sh->until))
			sh->until = sh->from;
		timer_set(&rs->check_timer, AGAIN);
		return;
	}
	take_page(sh, r->res[0]);
	forget_over(sh);
	if (sh->until.due.us >= sh->opens.us)
		sh->opens.us = 0;
	set_fire_timer(rs);
	read_on(sh);
	if (rs->full && has_room(rs)) {
		rs->full = false;
		timer_set(&rs->check_timer, 0); /* for another slot */
	}
}

/* An answer that did not come says nothing about the transaction, which may go on for long. */
static void
doubt_step(struct shard *sh)
{
	struct retries *rs = sh->rs;
	if (!sh->doubt.us)
		return;
	retries_again(rs, sh->slot, sh->doubt);
	if (loop_now(rs->loop) > sh->doubt_until)
		sh->doubt.us = 0;
}

static void
on_check(void *arg)
{
	struct retries *rs = arg;
	for (int i = 0; i < rs->n; i++) {
		doubt_step(rs->shard[i]);
		read_on(rs->shard[i]);
	}
	set_fire_timer(rs); /* the clock may have been set: due is a time of the day */
	timer_set(&rs->check_timer, CHECK);
}

void
retries_open(struct retries *rs, int slot, struct wall from)
{
	struct shard *sh = shard_get(rs, slot);
	sh->opens.us = loop_wall(rs->loop).us + RETRY_PUT_OFF_MAX;
	sh->until = (struct place){ .due = from };
	read_on(sh);
}

void
retries_close(struct retries *rs, int slot)
{
	struct shard *sh = shard_find(rs, slot);
	if (!sh)
		return;
	if (sh->ticket) {
		pg_cancel(sh->ticket);
		rs->reading--;
	}
	struct retry *r;
	forget_over(sh);
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
	struct wall low = sh->until.due;
	if (sh->ticket && is_before(&sh->from, &sh->until))
		low = sh->from.due;
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
retries_new(struct loop *l, struct pg_pool *load, const struct retries_events *ev, int64_t max)
{
	struct retries *rs = mem_zalloc(sizeof(*rs));
	rs->loop = l;
	rs->load = load;
	rs->ev = *ev;
	rs->max = max;
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
