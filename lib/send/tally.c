/* The tally of attempts (tally.h): rows of attempt_tally that this worker writes.
 *
 *            add                    take                 written
 *   CLEAN ─────────> CHANGED ──────────────> FLYING ────────────────> CLEAN, or freed
 *                       ^   add, not written   │
 *                       └──────────────────────┘
 *
 * Invariants
 *   1. A row of the table has one writer, this process: its origin is an id made here. It holds all
 *      that was counted for it, so writing it twice does no harm, and a write that was not answered
 *      is just done again.
 *   2. A row that is CLEAN may be forgotten at any time: what comes later for the same endpoint and
 *      day gets a row of its own, with a new origin. So that those are few, it stays for an hour.
 *
 * The pace: ROWS_A_SECOND at most, unless what has changed would then take longer than a minute. */
#include "send/tally.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/mem.h"

#include "statements.h"

#define HOUR  (3600 * USEC_PER_SEC)
#define HOURS 24
#define ROWS_MAX                                                                                   \
	50000 /* in memory; beyond it clean rows go, and what finds no row is not counted */
#define BATCH_MAX     1000
#define ROWS_A_SECOND 100
#define BEHIND_MAX_S  60
#define PAUSE_MIN     USEC_PER_SEC
#define AGAIN_MAX     (60 * USEC_PER_SEC) /* after the database did not take a batch */
#define REFUSALS_MAX  6    /* of a batch, by a database that works; then it is dropped */
#define REST_MAX      HOUR /* how long a row that is written stays in memory */
#define FORGET_MAX    2    /* for each row that is made, so that nobody waits for many */

enum row_state {
	ROW_CLEAN,
	ROW_CHANGED,
	ROW_FLYING,
};

struct row {
	int64_t endpoint_id; /* the key of the table */
	int64_t app_id;
	int32_t day; /* since 1970 */
	int64_t origin, attempts;
	int32_t success[HOURS], fail[HOURS];
	enum row_state state;
	usec_t state_at;
	bool is_current; /* in by_endpoint */
	UT_hash_handle hh;
	TAILQ_ENTRY(row) entry; /* in the list of its state */
};
TAILQ_HEAD(row_list, row);

struct tally {
	struct loop *loop;
	struct pg_pool *pool;
	int64_t (*id)(void *arg);
	void *id_arg;
	struct row *by_endpoint; /* the rows that are counted up now */
	struct row_list list[ROW_FLYING + 1];
	int count, changed; /* rows; those of them that are in list[ROW_CHANGED] */
	int refusals;
	usec_t pause; /* after a failure; 0: the last write went well */
	struct timer timer;
	struct pg_ticket *ticket;
	struct arena *arena;
	bool finishing;
	void (*done)(void *arg);
	void *done_arg;
};

/* ---- rows --------------------------------------------------------------------------------- */

static void
row_set(struct tally *t, struct row *row, enum row_state state)
{
	TAILQ_REMOVE(&t->list[row->state], row, entry);
	t->changed += (state == ROW_CHANGED) - (row->state == ROW_CHANGED);
	row->state = state;
	row->state_at = loop_now(t->loop);
	TAILQ_INSERT_TAIL(&t->list[state], row, entry);
}

/* No more will be counted in it; it lives until it is written. */
static void
row_retire(struct tally *t, struct row *row)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the table */
	HASH_DEL(t->by_endpoint, row);
	row->is_current = false;
}

static void
row_free(struct tally *t, struct row *row)
{
	if (row->is_current)
		row_retire(t, row);
	TAILQ_REMOVE(&t->list[row->state], row, entry);
	t->changed -= row->state == ROW_CHANGED;
	t->count--;
	free(row);
}

/* Endpoints that fell silent: the rows that were written longest ago are the first of their list.
 */
static void
forget_some(struct tally *t, int32_t day)
{
	usec_t before = loop_now(t->loop) - REST_MAX;
	for (int i = 0; i < FORGET_MAX; i++) {
		struct row *row = TAILQ_FIRST(&t->list[ROW_CLEAN]);
		if (!row || (row->day >= day && row->state_at > before && t->count < ROWS_MAX))
			return;
		row_free(t, row);
	}
}

static struct row *
row_new(struct tally *t, int64_t app_id, int64_t endpoint_id, int32_t day)
{
	forget_some(t, day);
	if (t->count >= ROWS_MAX)
		return NULL;
	struct row *row = mem_zalloc(sizeof(*row));
	row->app_id = app_id;
	row->endpoint_id = endpoint_id;
	row->day = day;
	row->origin = t->id(t->id_arg);
	row->state_at = loop_now(t->loop);
	row->is_current = true;
	HASH_ADD(hh, t->by_endpoint, endpoint_id, sizeof(row->endpoint_id), row);
	TAILQ_INSERT_TAIL(&t->list[ROW_CLEAN], row, entry);
	t->count++;
	return row;
}

static struct row *
row_get(struct tally *t, int64_t app_id, int64_t endpoint_id, int32_t day)
{
	struct row *row;
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): uthash reads bytes */
	HASH_FIND(hh, t->by_endpoint, &endpoint_id, sizeof(endpoint_id), row);
	if (row && row->day == day && row->app_id == app_id)
		return row;
	if (row && row->state == ROW_CLEAN)
		row_free(t, row);
	else if (row)
		row_retire(t, row);
	return row_new(t, app_id, endpoint_id, day);
}

/* ---- writing ------------------------------------------------------------------------------ */

static void write_batch(struct tally *t);

static void
schedule(struct tally *t)
{
	if (t->ticket || timer_pending(&t->timer) || t->changed == 0)
		return;
	int batch = t->changed < BATCH_MAX ? t->changed : BATCH_MAX;
	int pace =
	    t->changed / BEHIND_MAX_S > ROWS_A_SECOND ? t->changed / BEHIND_MAX_S : ROWS_A_SECOND;
	usec_t pause = batch * USEC_PER_SEC / pace;
	if (pause < PAUSE_MIN)
		pause = PAUSE_MIN;
	timer_set(&t->timer, t->pause > pause ? t->pause : pause);
}

static void
finish(struct tally *t)
{
	t->finishing = false;
	t->done(t->done_arg);
}

/* What has flown lands. */
static void
land(struct tally *t, enum row_state state)
{
	struct row *row;
	while ((row = TAILQ_FIRST(&t->list[ROW_FLYING]))) {
		row_set(t, row, state);
		if (state == ROW_CLEAN && !row->is_current)
			row_free(t, row);
	}
}

static void
refused(struct tally *t, const struct err *e)
{
	LOG_WARN(TALLY_RETRY, KV("reason", e->text), KV("code", e->origin));
	bool hopeless = e->kind != ERR_UNAVAILABLE && ++t->refusals >= REFUSALS_MAX;
	land(t, hopeless ? ROW_CLEAN : ROW_CHANGED);
	if (hopeless)
		t->refusals = 0;
	t->pause = t->pause ? t->pause * 2 : PAUSE_MIN;
	if (t->pause > AGAIN_MAX)
		t->pause = AGAIN_MAX;
}

static void
on_written(void *arg, const struct pg_result *r, const struct err *e)
{
	struct tally *t = arg;
	(void)r;
	t->ticket = NULL;
	if (e) {
		refused(t, e);
	} else {
		land(t, ROW_CLEAN);
		t->refusals = 0;
		t->pause = 0;
	}
	if (!t->finishing)
		schedule(t);
	else if (e || t->changed == 0)
		finish(t);
	else
		write_batch(t);
}

/* The columns of attempt_tally.sql. */
static void
build(struct tally *t, struct pg_args *args)
{
	static const enum pg_oid types[] = { PG_INT8, PG_INT8, PG_INT4, PG_INT8, PG_INT8, PG_INT4,
		PG_INT4 };
	enum {
		COLUMNS = ARRAY_LEN(types)
	};
	struct buf *out = arena_zalloc(t->arena, sizeof(*out) * COLUMNS);
	struct pg_array column[COLUMNS];
	for (int i = 0; i < COLUMNS; i++) {
		buf_init(&out[i], BATCH_MAX * HOURS * 16);
		arena_own(t->arena, &out[i], (void (*)(void *))buf_free);
		pg_array_begin(&column[i], &out[i], types[i]);
	}
	const struct row *row;
	TAILQ_FOREACH(row, &t->list[ROW_FLYING], entry) {
		pg_array_int8(&column[0], row->app_id);
		pg_array_int8(&column[1], row->endpoint_id);
		pg_array_int4(&column[2], row->day);
		pg_array_int8(&column[3], row->origin);
		pg_array_int8(&column[4], row->attempts);
		for (int hour = 0; hour < HOURS; hour++) {
			pg_array_int4(&column[5], row->success[hour]);
			pg_array_int4(&column[6], row->fail[hour]);
		}
	}
	pg_args_init(args, t->arena);
	for (int i = 0; i < COLUMNS; i++)
		pg_array_end(&column[i], args);
}

static void
write_batch(struct tally *t)
{
	struct pg_args args;
	for (int n = 0; n < BATCH_MAX && t->changed > 0; n++)
		row_set(t, TAILQ_FIRST(&t->list[ROW_CHANGED]), ROW_FLYING);
	arena_reset(t->arena);
	build(t, &args);
	struct pg_call call = { &stmt_attempt_tally, &args };
	t->ticket = pg_submit_at(TALLY, t->pool, &call, 1, on_written, t);
}

static void
on_timer(void *arg)
{
	struct tally *t = arg;
	if (!t->ticket && t->changed > 0)
		write_batch(t);
}

/* ---- public ------------------------------------------------------------------------------- */

void
tally_add(struct tally *t, int64_t app_id, int64_t endpoint_id, struct wall ended, bool success)
{
	int64_t hours = ended.us / HOUR;
	struct row *row = row_get(t, app_id, endpoint_id, (int32_t)(hours / HOURS));
	if (!row)
		return;
	row->attempts++;
	(success ? row->success : row->fail)[hours % HOURS]++;
	if (row->state == ROW_CHANGED)
		return;
	row_set(t, row, ROW_CHANGED);
	schedule(t);
}

int
tally_rows(const struct tally *t)
{
	return t->count;
}

void
tally_finish(struct tally *t, void (*done)(void *arg), void *arg)
{
	t->finishing = true;
	t->done = done;
	t->done_arg = arg;
	timer_stop(&t->timer);
	if (t->ticket)
		return; /* on_written goes on */
	if (t->changed > 0)
		write_batch(t);
	else
		finish(t);
}

struct tally *
tally_new(struct loop *l, struct pg_pool *pool, int64_t (*id)(void *arg), void *arg)
{
	struct tally *t = mem_zalloc(sizeof(*t));
	t->loop = l;
	t->pool = pool;
	t->id = id;
	t->id_arg = arg;
	t->arena = arena_new();
	for (int i = 0; i <= ROW_FLYING; i++)
		TAILQ_INIT(&t->list[i]);
	timer_init(&t->timer, l, on_timer, t);
	return t;
}

void
tally_free(struct tally *t)
{
	if (!t)
		return;
	if (t->ticket)
		pg_cancel(t->ticket);
	struct row *row;
	for (int i = 0; i <= ROW_FLYING; i++)
		while ((row = TAILQ_FIRST(&t->list[i])))
			row_free(t, row);
	timer_done(&t->timer);
	arena_free(t->arena);
	free(t);
}
