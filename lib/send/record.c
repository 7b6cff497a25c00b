/* The record batches.
 *
 * One transaction: lock the slots shared, ask which are still held, insert attempts, retries and
 * dead letters. The inserts test the epochs again in their own snapshot, under the lock, so what
 * the question said holds for them too. A batch of successes alone needs none of that.
 *
 * A batch that the database refuses for its content (and not for its state) is cut into single
 * rows, and a single row loses its answer and error text before it is tried again: bad bytes from a
 * receiver must not stop the results of others. A row that is refused all the same is dropped here
 * after REFUSALS_MAX times; what it was about stays unresolved, and is delivered by the slot's next
 * adopter.
 *
 * A batch whose connection broke may be stored or not. It is sent again and told so (the inserts
 * then leave out what is there already); a retry stored twice does no harm (retry.h). */
#include "send/record.h"

#include <stdlib.h>

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "statements.h"

#define FLUSH_FLOOR  (5 * USEC_PER_MS) /* between flushes: halves PostgreSQL's cost against none */
#define BATCH_MAX    1000              /* results */
#define BATCH_BYTES  (4 << 20)         /* of answers in one batch */
#define COLUMN_MAX   (32 << 20) /* bytes of one array: BATCH_BYTES, one answer more, and lengths */
#define AGAIN_MIN    (20 * USEC_PER_MS)
#define AGAIN_MAX    USEC_PER_SEC
#define REFUSALS_MAX 6
#define SLOTS_MAX    64
#define COLUMNS_MAX  (2 + 17 + 9 + 8 + 13 + 7) /* the fence's and those of the inserts */

struct fence {
	int n;
	int16_t slot[SLOTS_MAX];
	int64_t epoch[SLOTS_MAX];
};

struct recorder {
	struct loop *loop;
	struct pg_pool *pool;
	struct recorder_events ev;
	struct result_list waiting, flying; /* flying: the batch on its way */
	int nwaiting, nflying;
	struct fence fence; /* of the flying batch; empty: it asked nothing */
	int parking;        /* which statement of the flying batch parks; 0: none */
	int doubtful;       /* of the first results: they may be stored already */
	int limit;          /* rows of the next batch: BATCH_MAX, or 1 after a refusal */
	int singles;        /* batches of one row still to go after a refusal */
	struct timer timer; /* the floor, or the pause after a failure */
	usec_t last_flush, pause, failing_since;
	struct pg_ticket *ticket;
	struct arena *arena;
	struct buf column[COLUMNS_MAX];
};

static void flush(struct recorder *rec);

/* ---- the fence ---------------------------------------------------------------------------- */

/* Successes are facts and need no fence. The inserts test one epoch for each slot: false when r is
 * of another one, or the fence is full. Then r belongs into a later batch. */
static bool
fence_add(struct fence *f, const struct result *r)
{
	const struct delivery *d = r->delivery;
	if (r->success)
		return true;
	for (int i = 0; i < f->n; i++)
		if (f->slot[i] == d->slot)
			return f->epoch[i] == d->epoch;
	if (f->n == SLOTS_MAX)
		return false;
	f->slot[f->n] = d->slot;
	f->epoch[f->n++] = d->epoch;
	return true;
}

/* ---- building ----------------------------------------------------------------------------- */

/* Arrays are built column by column over the same rows; each column is a line here. */
#define COLUMN(kind, type, value)                                                                  \
	do {                                                                                       \
		struct pg_array array;                                                             \
		pg_array_begin(&array, &rec->column[n++], type);                                   \
		TAILQ_FOREACH(r, &rec->flying, entry) {                                            \
			if (!SELECTED)                                                             \
				continue;                                                          \
			d = r->delivery;                                                           \
			pg_array_##kind(&array, value);                                            \
		}                                                                                  \
		pg_array_end(&array, args);                                                        \
	} while (0)

static void
build_fence(struct recorder *rec, struct pg_args *slots_only, struct pg_args *args)
{
	const struct fence *f = &rec->fence;
	struct pg_array slots, epochs;
	pg_array_begin(&slots, &rec->column[0], PG_INT2);
	pg_array_begin(&epochs, &rec->column[1], PG_INT8);
	for (int i = 0; i < f->n; i++) {
		pg_array_int2(&slots, f->slot[i]);
		pg_array_int8(&epochs, f->epoch[i]);
	}
	pg_array_end(&slots, args);
	pg_array_end(&epochs, args);
	pg_args_init(slots_only, rec->arena);
	slots_only->value[0] = args->value[0];
	slots_only->length[0] = args->length[0];
	slots_only->n = 1;
}

static struct str
text_or_null(const char *s)
{
	return s[0] ? str_of(s) : (struct str){ NULL, 0 };
}

/* The columns of attempt_append_facts.sql. */
static int
build_attempts(struct recorder *rec, struct pg_args *args, int n)
{
	const struct result *r;
	const struct delivery *d;
#define SELECTED r->attempted
	COLUMN(int8, PG_INT8, d->message->app_id);
	COLUMN(int8, PG_INT8, d->message->id);
	COLUMN(int8, PG_INT8, r->id);
	COLUMN(int8, PG_INT8, d->endpoint_id);
	COLUMN(int8, PG_INT8, d->chain);
	COLUMN(int2, PG_INT2, d->seq);
	COLUMN(int2, PG_INT2, (int16_t)(d->tries + 1));
	COLUMN(int2, PG_INT2, r->success ? 0 : 2);
	COLUMN(int2, PG_INT2, (int16_t)d->trigger);
	COLUMN(int2, PG_INT2, (int16_t)r->http_status);
	COLUMN(int2, PG_INT2, (int16_t)r->transport);
	COLUMN(int4, PG_INT4, r->duration_ms);
	COLUMN(int2, PG_INT2, r->url_no);
	COLUMN(time, PG_TIMESTAMPTZ, r->next);
	COLUMN(bytes, PG_BYTEA, r->response);
	COLUMN(bytes, PG_TEXT, text_or_null(r->error));
#undef SELECTED
	return n;
}

/* What attempt_append.sql has besides: the slot in front, the doubt behind. */
static int
build_fenced_attempts(struct recorder *rec, struct pg_args *args, int n)
{
	const struct result *r;
	const struct delivery *d;
#define SELECTED r->attempted
	COLUMN(int2, PG_INT2, d->slot);
#undef SELECTED
	n = build_attempts(rec, args, n);
	pg_arg_bool(args, rec->doubtful > 0);
	return n;
}

static int
build_retries(struct recorder *rec, struct pg_args *args, int n)
{
	const struct result *r;
	const struct delivery *d;
#define SELECTED (r->next.us && !r->stays)
	COLUMN(time, PG_TIMESTAMPTZ, r->next);
	COLUMN(int2, PG_INT2, d->slot);
	COLUMN(int2, PG_INT2, (int16_t)(d->seq + 1));
	COLUMN(int2, PG_INT2, (int16_t)(d->tries + (r->attempted ? 1 : 0)));
	COLUMN(int2, PG_INT2, (int16_t)d->trigger);
	COLUMN(int8, PG_INT8, d->message->app_id);
	COLUMN(int8, PG_INT8, d->message->id);
	COLUMN(int8, PG_INT8, d->endpoint_id);
	COLUMN(int8, PG_INT8, d->chain);
#undef SELECTED
	return n;
}

/* The columns of park_append.sql. */
static int
build_parked(struct recorder *rec, struct pg_args *args, int n)
{
	const struct result *r;
	const struct delivery *d;
#define SELECTED r->park
	COLUMN(int2, PG_INT2, d->slot);
	COLUMN(int8, PG_INT8, d->message->app_id);
	COLUMN(int8, PG_INT8, d->endpoint_id);
	COLUMN(int8, PG_INT8, d->message->id);
	COLUMN(int8, PG_INT8, d->chain);
	COLUMN(int2, PG_INT2, (int16_t)(d->seq + (r->attempted ? 1 : 0)));
	COLUMN(int2, PG_INT2, (int16_t)(d->tries + (r->attempted ? 1 : 0)));
	COLUMN(int2, PG_INT2, (int16_t)d->trigger);
#undef SELECTED
	pg_arg_time(args, loop_wall(rec->loop));
	return n;
}

static int
build_dead(struct recorder *rec, struct pg_args *args, int n)
{
	const struct result *r;
	const struct delivery *d;
	struct wall now = loop_wall(rec->loop);
#define SELECTED r->dead
	COLUMN(int2, PG_INT2, d->slot);
	COLUMN(int8, PG_INT8, d->message->app_id);
	COLUMN(int8, PG_INT8, r->dead_id);
	COLUMN(int8, PG_INT8, d->message->id);
	COLUMN(int8, PG_INT8, d->endpoint_id);
	COLUMN(bytes, PG_TEXT, d->message->event_type);
	COLUMN(int8, PG_INT8, d->chain);
	COLUMN(int2, PG_INT2, d->seq);
	COLUMN(int2, PG_INT2, (int16_t)r->dead);
	COLUMN(int2, PG_INT2, (int16_t)r->http_status);
	COLUMN(bytes, PG_TEXT, text_or_null(r->error));
	COLUMN(int2, PG_INT2, (int16_t)(d->tries + (r->attempted ? 1 : 0)));
	COLUMN(time, PG_TIMESTAMPTZ, r->attempted ? now : (struct wall){ 0 });
#undef SELECTED
	pg_arg_bool(args, rec->doubtful > 0);
	return n;
}

static struct str
event_type_of(enum telling what)
{
	static const char *const types[] = {
		[TELL_NOTHING] = "",
		[TELL_FAILING] = "message.attempt.failing",
		[TELL_EXHAUSTED] = "message.attempt.exhausted",
		[TELL_RECOVERED] = "message.attempt.recovered",
	};
	return str_of(types[what]);
}

/* The columns of notice_append.sql. */
static int
build_notices(struct recorder *rec, struct pg_args *args, int n)
{
	const struct result *r;
	const struct delivery *d;
#define SELECTED r->tells
	COLUMN(int2, PG_INT2, d->slot);
	COLUMN(bytes, PG_TEXT, event_type_of(r->tells));
	COLUMN(int8, PG_INT8, d->message->app_id);
	COLUMN(int8, PG_INT8, d->endpoint_id);
	COLUMN(int8, PG_INT8, d->message->id);
	COLUMN(int8, PG_INT8, r->id);
	COLUMN(int2, PG_INT2, (int16_t)r->http_status);
#undef SELECTED
	return n;
}

/* ---- flushing ----------------------------------------------------------------------------- */

/* fenced: the answer of fence_held.sql; NULL when nothing needed it. */
static bool
held(const PGresult *fenced, const struct result *x)
{
	if (x->success)
		return true;
	for (int row = 0; fenced && row < pg_rows(fenced); row++)
		if (pg_int(fenced, row, 0) == x->delivery->slot)
			return true;
	return false;
}

static void
stored(struct recorder *rec, const struct pg_result *r)
{
	struct result_list done;
	TAILQ_INIT(&done);
	TAILQ_CONCAT(&done, &rec->flying, entry);
	metric_add(METRIC_RECORD_BACKLOG, -rec->nflying);
	rec->doubtful = rec->doubtful > rec->nflying ? rec->doubtful - rec->nflying : 0;
	rec->nflying = 0;
	const PGresult *fenced = rec->fence.n ? r->res[1] : NULL;
	struct result *x;
	int dropped = 0;
	while ((x = TAILQ_FIRST(&done))) {
		TAILQ_REMOVE(&done, x, entry);
		bool ok = held(fenced, x);
		dropped += !ok;
		rec->ev.recorded(rec->ev.arg, x, ok);
	}
	if (dropped) {
		metric_add(METRIC_FENCED, 1);
		LOG_WARN(RECORD_FENCED, KV("results", dropped));
	}
}

/* Puts the batch back in front, to be tried again. */
static void
put_back(struct recorder *rec)
{
	TAILQ_CONCAT(&rec->flying, &rec->waiting, entry);
	TAILQ_CONCAT(&rec->waiting, &rec->flying, entry);
	rec->nwaiting += rec->nflying;
	rec->nflying = 0;
}

static void
strip(struct result *r)
{
	free((char *)(uintptr_t)r->response.p);
	r->response = (struct str){ NULL, 0 };
	r->error[0] = '\0';
}

/* Once more by itself, without what the receiver has said; at last not any more. */
static void
refused_single(struct recorder *rec)
{
	struct result *r = TAILQ_FIRST(&rec->flying);
	strip(r);
	if (++r->refusals < REFUSALS_MAX)
		return;
	TAILQ_REMOVE(&rec->flying, r, entry);
	rec->nflying--;
	rec->doubtful -= rec->doubtful > 0;
	metric_add(METRIC_RECORD_BACKLOG, -1);
	char message[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
	LOG_WARN(RECORD_DROP,
	    KV("message", id_to_text(ID_MESSAGE, r->delivery->message->id, message)),
	    KV("endpoint", id_to_text(ID_ENDPOINT, r->delivery->endpoint_id, endpoint)));
	rec->ev.recorded(rec->ev.arg, r, false);
}

/* Ids of the same slot that another worker made, by a clock ahead of ours, for the same message:
 * others. (What was never in doubt is not stored.) Fresh ones: the numbers next to them may be
 * those of other results here, and would go on with them for ever. */
static void
renumber(struct recorder *rec)
{
	struct result *r;
	TAILQ_FOREACH(r, &rec->flying, entry) {
		if (r->attempted)
			r->id = rec->ev.make_id(rec->ev.arg);
		if (r->dead)
			r->dead_id = rec->ev.make_id(rec->ev.arg);
	}
}

static void
refused(struct recorder *rec, const struct err *e)
{
	if (rec->failing_since == 0)
		rec->failing_since = loop_now(rec->loop);
	LOG_WARN(RECORD_RETRY, KV("results", rec->nflying), KV("reason", e->text),
	    KV("code", e->origin));
	if (e->kind == ERR_UNAVAILABLE) {
		rec->doubtful = rec->doubtful > rec->nflying ? rec->doubtful : rec->nflying;
	} else if (e->kind == ERR_CONFLICT && rec->doubtful == 0) {
		renumber(rec);
	} else {
		rec->singles = rec->nflying;
		rec->limit = 1;
		if (rec->nflying == 1)
			refused_single(rec);
	}
	put_back(rec);
	rec->pause = rec->pause ? rec->pause * 2 : AGAIN_MIN;
	if (rec->pause > AGAIN_MAX)
		rec->pause = AGAIN_MAX;
	timer_set(&rec->timer, rec->pause);
}

/* What could not be parked any more is due at once instead. */
static void
tell_unparked(struct recorder *rec, const PGresult *r)
{
	for (int row = 0; row < pg_rows(r); row++)
		rec->ev.unparked(rec->ev.arg, (int)pg_int(r, row, 0));
}

static void
on_flushed(void *arg, const struct pg_result *r, const struct err *e)
{
	struct recorder *rec = arg;
	rec->ticket = NULL;
	if (e) {
		refused(rec, e);
		return;
	}
	metric_observe(METRIC_H_RECORD, clock_mono() - rec->last_flush);
	rec->pause = rec->failing_since = 0;
	if (rec->parking)
		tell_unparked(rec, r->res[rec->parking]);
	if (rec->singles && --rec->singles == 0)
		rec->limit = BATCH_MAX;
	stored(rec, r);
	flush(rec);
}

/* Moves up to a batch from waiting to flying. */
static void
take_batch(struct recorder *rec)
{
	size_t bytes = 0;
	struct result *r;
	rec->fence.n = 0;
	while (rec->nflying < rec->limit && bytes < BATCH_BYTES &&
	       (r = TAILQ_FIRST(&rec->waiting)) && fence_add(&rec->fence, r)) {
		TAILQ_REMOVE(&rec->waiting, r, entry);
		TAILQ_INSERT_TAIL(&rec->flying, r, entry);
		rec->nwaiting--;
		rec->nflying++;
		bytes += r->response.n;
	}
}

static void
submit(struct recorder *rec)
{
	struct pg_args slots, fence, attempts, retries, parked, dead, notices;
	struct pg_call calls[7];
	const struct result *r;
	bool any_attempt = false, any_next = false, any_parked = false, any_dead = false,
	     any_told = false;
	TAILQ_FOREACH(r, &rec->flying, entry) {
		any_attempt = any_attempt || r->attempted;
		any_next = any_next || (r->next.us && !r->stays);
		any_parked = any_parked || r->park;
		any_dead = any_dead || r->dead;
		any_told = any_told || r->tells;
	}
	arena_reset(rec->arena);
	pg_args_init(&fence, rec->arena);
	int n = 2, k = 0; /* columns 0 and 1 are the fence's */
	build_fence(rec, &slots, &fence);
	if (rec->fence.n) {
		calls[k++] = (struct pg_call){ &stmt_fence, &slots };
		calls[k++] = (struct pg_call){ &stmt_fence_held, &fence };
	}
	if (any_attempt && rec->fence.n == 0 && !rec->doubtful) {
		pg_args_init(&attempts, rec->arena);
		n = build_attempts(rec, &attempts, n);
		calls[k++] = (struct pg_call){ &stmt_attempt_append_facts, &attempts };
	} else if (any_attempt) {
		attempts = fence; /* its two parameters stand in front */
		n = build_fenced_attempts(rec, &attempts, n);
		calls[k++] = (struct pg_call){ &stmt_attempt_append, &attempts };
	}
	if (any_next) {
		retries = fence;
		n = build_retries(rec, &retries, n);
		calls[k++] = (struct pg_call){ &stmt_retry_append, &retries };
	}
	rec->parking = any_parked ? k : 0;
	if (any_parked) {
		parked = fence;
		n = build_parked(rec, &parked, n);
		calls[k++] = (struct pg_call){ &stmt_park_append, &parked };
	}
	if (any_dead) {
		dead = fence;
		n = build_dead(rec, &dead, n);
		calls[k++] = (struct pg_call){ &stmt_dead_letter_append, &dead };
	}
	if (any_told) {
		notices = fence;
		build_notices(rec, &notices, n);
		calls[k++] = (struct pg_call){ &stmt_notice_append, &notices };
	}
	rec->ticket = pg_submit_at(RECORD, rec->pool, calls, k, on_flushed, rec);
}

static void
flush(struct recorder *rec)
{
	if (rec->ticket || rec->nwaiting == 0 || timer_pending(&rec->timer))
		return;
	usec_t now = clock_mono();
	if (now - rec->last_flush < FLUSH_FLOOR) {
		timer_set(&rec->timer, FLUSH_FLOOR - (now - rec->last_flush));
		return;
	}
	rec->last_flush = now;
	take_batch(rec);
	submit(rec);
}

static void
on_timer(void *arg)
{
	flush(arg);
}

void
recorder_add(struct recorder *rec, struct result *r)
{
	TAILQ_INSERT_TAIL(&rec->waiting, r, entry);
	rec->nwaiting++;
	metric_add(METRIC_RECORD_BACKLOG, 1);
	if (!rec->ticket && !timer_pending(&rec->timer)) {
		/* The first of a batch waits for the floor, so that others join it. */
		usec_t since = clock_mono() - rec->last_flush;
		timer_set(&rec->timer, since < FLUSH_FLOOR ? FLUSH_FLOOR - since : 0);
	}
}

int
recorder_backlog(const struct recorder *rec)
{
	return rec->nwaiting + rec->nflying;
}

static struct wall
retry_low(const struct result_list *list, int slot, struct wall low)
{
	const struct result *r;
	TAILQ_FOREACH(r, list, entry)
		if (r->next.us && r->next.us < low.us && r->delivery->slot == slot)
			low = r->next;
	return low;
}

struct wall
recorder_retry_low(const struct recorder *rec, int slot, struct wall none)
{
	return retry_low(&rec->flying, slot, retry_low(&rec->waiting, slot, none));
}

static bool
has_slot(const struct result_list *list, int slot)
{
	const struct result *r;
	TAILQ_FOREACH(r, list, entry)
		if (r->delivery->slot == slot)
			return true;
	return false;
}

bool
recorder_slot_busy(const struct recorder *rec, int slot)
{
	return has_slot(&rec->waiting, slot) || has_slot(&rec->flying, slot);
}

bool
recorder_stalled(const struct recorder *rec)
{
	return rec->failing_since && loop_now(rec->loop) - rec->failing_since > 2 * USEC_PER_SEC;
}

struct recorder *
recorder_new(struct loop *l, struct pg_pool *pool, const struct recorder_events *ev)
{
	struct recorder *rec = mem_zalloc(sizeof(*rec));
	rec->loop = l;
	rec->pool = pool;
	rec->ev = *ev;
	rec->limit = BATCH_MAX;
	rec->arena = arena_new();
	TAILQ_INIT(&rec->waiting);
	TAILQ_INIT(&rec->flying);
	timer_init(&rec->timer, l, on_timer, rec);
	for (int i = 0; i < COLUMNS_MAX; i++)
		buf_init(&rec->column[i], COLUMN_MAX);
	return rec;
}

void
recorder_free(struct recorder *rec)
{
	if (!rec)
		return;
	if (rec->ticket)
		pg_cancel(rec->ticket);
	put_back(rec);
	struct result *r;
	while ((r = TAILQ_FIRST(&rec->waiting))) {
		TAILQ_REMOVE(&rec->waiting, r, entry);
		result_free(r);
	}
	metric_add(METRIC_RECORD_BACKLOG, -rec->nwaiting);
	timer_done(&rec->timer);
	for (int i = 0; i < COLUMNS_MAX; i++)
		buf_free(&rec->column[i]);
	arena_free(rec->arena);
	free(rec);
}
