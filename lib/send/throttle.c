/* Reserving (throttle.h).
 *
 *              short of deliveries           the question is sent
 *   AT REST ─────────────────────────> LISTED ──────────────────> ASKED
 *      ^                                                            │
 *      └─────── a lot, or when to ask again, or no answer ──────────┘
 *
 * Invariants
 *   1. A limit that is waited for and closed is listed, asked for, or has its timer set; the timer
 *      stays when it opens before it was told so.
 *   2. One question at a time, and GAP between two. */
#include "send/throttle.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"

#include "policy/bucket.h"
#include "statements.h"

#define GAP        (100 * USEC_PER_MS)
#define AHEAD      (150 * USEC_PER_MS) /* it is short with less than that: GAP and an answer's time */
#define GRAIN      (2 * USEC_PER_MS)   /* what falls due within goes out together */
#define JITTER     (20 * USEC_PER_MS)  /* among those who were told the same time to ask again */
#define FAILED     (500 * USEC_PER_MS) /* after a question without an answer */
#define ANSWER_MAX (2 * USEC_PER_SEC)  /* an older one says nothing about now */
#define ASKED_MAX  1000                /* in one question; the others are in the next one */

struct limit {
	struct throttle *throttle; /* borrowed */
	int64_t app_id, endpoint_id;
	int rate;
	int waiting;
	struct bucket bucket;
	usec_t not_before; /* nothing was left: when to ask again */
	int asked;         /* its place in the question; -1: it is not in it */
	bool listed;
	TAILQ_ENTRY(limit) entry; /* while listed */
	struct timer timer;       /* when it opens, or not_before */
	usec_t alarm;             /* what that is set to; 0: it is not set */
	void (*open)(void *arg);
	void *arg;
};
TAILQ_HEAD(limit_list, limit);

struct throttle {
	struct loop *loop;
	struct pg_pool *pool;
	struct limit_list list; /* for the next question */
	int nasked;
	struct limit *asked[ASKED_MAX]; /* NULL: it is gone */
	struct pg_ticket *ticket;
	struct arena *arena;
	usec_t sent; /* the last question */
	usec_t next; /* not before that time the next one */
	struct timer timer;
	struct rand rand;
	bool failing, stopped;
};

/* ---- a limit ------------------------------------------------------------------------------ */

static void
alarm_set(struct limit *limit, usec_t at)
{
	usec_t now = loop_now(limit->throttle->loop);
	if (limit->alarm == at)
		return;
	limit->alarm = at;
	if (at)
		timer_set(&limit->timer, at > now + GRAIN ? at - now : GRAIN);
	else
		timer_stop(&limit->timer);
}

static void
list_leave(struct limit *limit)
{
	if (limit->listed)
		TAILQ_REMOVE(&limit->throttle->list, limit, entry);
	limit->listed = false;
}

static void
list_join(struct limit *limit)
{
	struct throttle *t = limit->throttle;
	if (limit->listed)
		return;
	TAILQ_INSERT_TAIL(&t->list, limit, entry);
	limit->listed = true;
	if (!t->ticket && !timer_pending(&t->timer))
		timer_set(&t->timer, t->next - loop_now(t->loop));
}

static bool
is_short(const struct limit *limit)
{
	const struct bucket *b = &limit->bucket;
	int left = bucket_left(b);
	return limit->waiting > left && limit->asked < 0 && !bucket_full(b) &&
	       (left == 0 || bucket_last(b) < loop_now(limit->throttle->loop) + AHEAD);
}

/* Restores invariant 1 after the limit changed. */
static void
limit_judge(struct limit *limit)
{
	usec_t now = loop_now(limit->throttle->loop), at = 0;
	bool open = limit_open(limit);
	bool asks = is_short(limit);
	if (asks && limit->not_before <= now)
		list_join(limit);
	else
		list_leave(limit);
	if (limit->waiting > 0 && bucket_left(&limit->bucket) > 0)
		at = open ? limit->alarm : bucket_first(&limit->bucket);
	if (asks && limit->not_before > now && (at == 0 || limit->not_before < at))
		at = limit->not_before;
	alarm_set(limit, at);
}

static void
limit_tell(struct limit *limit)
{
	limit_judge(limit);
	if (limit->waiting > 0 && limit_open(limit))
		limit->open(limit->arg);
}

static void
on_alarm(void *arg)
{
	struct limit *limit = arg;
	limit->alarm = 0;
	limit_tell(limit);
}

struct limit *
limit_new(struct throttle *t, int64_t app_id, int64_t endpoint_id, int rate,
    void (*open)(void *arg), void *arg)
{
	struct limit *limit = mem_zalloc(sizeof(*limit));
	limit->throttle = t;
	limit->app_id = app_id;
	limit->endpoint_id = endpoint_id;
	limit->rate = rate;
	limit->asked = -1;
	limit->open = open;
	limit->arg = arg;
	timer_init(&limit->timer, t->loop, on_alarm, limit);
	return limit;
}

void
limit_free(struct limit *limit)
{
	if (!limit)
		return;
	list_leave(limit);
	if (limit->asked >= 0)
		limit->throttle->asked[limit->asked] = NULL;
	timer_done(&limit->timer);
	free(limit);
}

int
limit_rate(const struct limit *limit)
{
	return limit->rate;
}

bool
limit_open(struct limit *limit)
{
	return bucket_open(&limit->bucket, loop_now(limit->throttle->loop));
}

int
limit_due(const struct limit *limit)
{
	return bucket_due(&limit->bucket, loop_now(limit->throttle->loop));
}

int
limit_left(const struct limit *limit)
{
	return bucket_left(&limit->bucket);
}

usec_t
limit_take(struct limit *limit)
{
	return bucket_take(&limit->bucket);
}

void
limit_want(struct limit *limit, int waiting)
{
	limit->waiting = waiting;
	limit_judge(limit);
}

/* ---- asking ------------------------------------------------------------------------------- */

enum { /* columns of throttle_reserve.sql */
	COL_NO,
	COL_N,
	COL_START,
	COL_AGAIN,
};

/* The server's "from now" was said some time before now; to count from now is the safe side. */
static void
limit_answer(struct limit *limit, const PGresult *r, int row)
{
	usec_t now = clock_mono();
	if (!pg_null(r, row, COL_START)) {
		bucket_add(&limit->bucket, now + pg_int(r, row, COL_START),
		    (int)pg_int(r, row, COL_N), limit->rate);
		return;
	}
	usec_t wait = pg_int(r, row, COL_AGAIN);
	limit->not_before =
	    now + (wait > 0 ? wait : 0) + rand_between(&limit->throttle->rand, 0, JITTER);
}

static void
read_answer(struct throttle *t, const PGresult *r)
{
	for (int row = 0; row < pg_rows(r); row++) {
		struct limit *limit = t->asked[pg_int(r, row, COL_NO) - 1];
		if (limit)
			limit_answer(limit, r, row);
	}
}

static void
on_answer(void *arg, const struct pg_result *r, const struct err *e)
{
	struct throttle *t = arg;
	usec_t now = loop_now(t->loop);
	t->ticket = NULL;
	t->next = now + (e ? FAILED : GAP);
	if (e && !t->failing)
		LOG_WARN(THROTTLE_RETRY, KV("reason", e->text), KV("code", e->origin));
	t->failing = e != NULL;
	if (!e && now - t->sent <= ANSWER_MAX)
		read_answer(t, r->res[0]);
	int n = t->nasked;
	t->nasked = 0;
	for (int i = 0; i < n; i++) {
		struct limit *limit = t->asked[i];
		if (!limit)
			continue;
		limit->asked = -1;
		limit_tell(limit);
	}
	if (!TAILQ_EMPTY(&t->list))
		timer_set(&t->timer, t->next - now);
}

/* The columns of throttle_reserve.sql, of what is listed. */
static void
build(struct throttle *t, struct pg_args *args)
{
	static const enum pg_oid types[] = { PG_INT8, PG_INT8, PG_INT4, PG_INT4 };
	enum {
		COLUMNS = ARRAY_LEN(types)
	};
	struct buf *out = arena_zalloc(t->arena, sizeof(*out) * COLUMNS);
	struct pg_array column[COLUMNS];
	for (int i = 0; i < COLUMNS; i++) {
		buf_init(&out[i], ASKED_MAX * 16);
		arena_own(t->arena, &out[i], (void (*)(void *))buf_free);
		pg_array_begin(&column[i], &out[i], types[i]);
	}
	struct limit *limit;
	while (t->nasked < ASKED_MAX && (limit = TAILQ_FIRST(&t->list))) {
		list_leave(limit);
		limit->asked = t->nasked;
		t->asked[t->nasked++] = limit;
		pg_array_int8(&column[0], limit->app_id);
		pg_array_int8(&column[1], limit->endpoint_id);
		pg_array_int4(&column[2], limit->rate);
		pg_array_int4(&column[3], limit->waiting - bucket_left(&limit->bucket));
	}
	pg_args_init(args, t->arena);
	for (int i = 0; i < COLUMNS; i++)
		pg_array_end(&column[i], args);
}

static void
on_timer(void *arg)
{
	struct throttle *t = arg;
	struct pg_args args;
	if (t->ticket || t->stopped || TAILQ_EMPTY(&t->list))
		return;
	arena_reset(t->arena);
	build(t, &args);
	struct pg_call call = { &stmt_throttle_reserve, &args };
	t->sent = loop_now(t->loop);
	t->ticket = pg_submit(t->pool, &call, 1, on_answer, t);
}

struct throttle *
throttle_new(struct loop *l, struct pg_pool *pool)
{
	struct throttle *t = mem_zalloc(sizeof(*t));
	uint64_t seed;
	rand_bytes(&seed, sizeof(seed));
	rand_seed(&t->rand, seed);
	t->loop = l;
	t->pool = pool;
	t->arena = arena_new();
	TAILQ_INIT(&t->list);
	timer_init(&t->timer, l, on_timer, t);
	return t;
}

void
throttle_stop(struct throttle *t)
{
	t->stopped = true;
}

void
throttle_free(struct throttle *t)
{
	if (!t)
		return;
	if (t->ticket)
		pg_cancel(t->ticket);
	timer_done(&t->timer);
	arena_free(t->arena);
	free(t);
}
