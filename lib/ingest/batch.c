/* Building the append. The buffers are kept between batches, so that a batch allocates nothing. */
#include "ingest/batch.h"

#include <endian.h>
#include <stdlib.h>

#include "base/mem.h"

#include "statements.h"

#define COLUMNS       14
#define QUEUE_COLUMNS 4
#define POLL_COLUMNS  3 /* and the times of what is polled later */
#define COLUMN_MAX                                                                                 \
	(BATCH_BYTES_MAX + (96 << 20)) /* one event of the largest body on top, and lengths */
#define KEY_PERIOD   (6 * 3600 * USEC_PER_SEC)
#define CLOCKS_APART (15 * 60 * USEC_PER_SEC) /* of two workers, at most */
#define UID_PERIOD   (7 * 24 * 3600 * USEC_PER_SEC)

struct batch {
	const struct config *config;
	struct arena *arena;
	struct buf column[COLUMNS], queue[QUEUE_COLUMNS], poll[POLL_COLUMNS],
	    poll_later[POLL_COLUMNS + 1];
	struct pg_args poll_args, later_args;
	struct buf scratch; /* one row's packed targets or joined channels */
};

static struct str
packed_targets(struct batch *b, const struct batch_row *row)
{
	buf_clear(&b->scratch);
	for (int i = 0; i < row->targets.n; i++) {
		uint64_t wire = htobe64((uint64_t)row->targets.ids[i]);
		buf_add(&b->scratch, &wire, sizeof(wire));
	}
	return (struct str){ b->scratch.data, b->scratch.len };
}

static struct str
joined_channels(struct batch *b, const struct ingest_event *ev)
{
	if (ev->nchannels == 0)
		return (struct str){ NULL, 0 };
	buf_clear(&b->scratch);
	for (int i = 0; i < ev->nchannels; i++) {
		if (i > 0)
			buf_addc(&b->scratch, ',');
		buf_add(&b->scratch, ev->channels[i].p, ev->channels[i].n);
	}
	return (struct str){ b->scratch.data, b->scratch.len };
}

#define COLUMN(kind, type, value)                                                                  \
	do {                                                                                       \
		struct pg_array array;                                                             \
		pg_array_begin(&array, &b->column[column++], type);                                \
		for (int i = 0; i < n; i++) {                                                      \
			const struct batch_row *row = &rows[i];                                    \
			pg_array_##kind(&array, value);                                            \
		}                                                                                  \
		pg_array_end(&array, args);                                                        \
	} while (0)

static int
build_plain(struct batch *b, struct pg_args *args, const struct batch_row *rows, int n, int column)
{
	COLUMN(int8, PG_INT8, row->message->app_id);
	COLUMN(int8, PG_INT8, row->message->id);
	COLUMN(int8, PG_INT8, row->app->version);
	COLUMN(bytes, PG_TEXT, row->event->event_type);
	COLUMN(bytes, PG_TEXT, joined_channels(b, row->event));
	COLUMN(bytes, PG_BYTEA, packed_targets(b, row));
	COLUMN(bytes, PG_BYTEA, row->message->payload);
	return column;
}

static struct str
digest(bool has, const unsigned char *bytes)
{
	return has ? (struct str){ (const char *)bytes, FINGERPRINT_SIZE }
		   : (struct str){ NULL, 0 };
}

static int
build_keyed(struct batch *b, struct pg_args *args, const struct batch_row *rows, int n, int column,
    struct wall now)
{
	COLUMN(bytes, PG_BYTEA, digest(row->event->has_key, row->event->key));
	COLUMN(bytes, PG_BYTEA, digest(row->event->has_key, row->event->body));
	pg_arg_int4(args, (int32_t)(now.us / KEY_PERIOD));
	pg_arg_int4(args, batch_key_bucket_oldest(b, now));
	pg_arg_int4(args, (int32_t)((now.us + CLOCKS_APART) / KEY_PERIOD));
	return column;
}

static int
build_named(struct batch *b, struct pg_args *args, const struct batch_row *rows, int n, int column,
    struct wall now)
{
	COLUMN(bytes, PG_TEXT, row->event->event_id);
	pg_arg_int4(args, (int32_t)(now.us / UID_PERIOD));
	pg_arg_int4(args, batch_uid_bucket_oldest(b, now));
	return column;
}

/* ---- what is rare ---- */

static const struct ingest_extra *
extra_of(const struct batch_row *row)
{
	static const struct ingest_extra none;
	return row->event->extra ? row->event->extra : &none;
}

/* The bucket that another worker's clock may name at this moment; -1: none but ours. */
static int64_t
other_bucket(struct wall now, usec_t period)
{
	int64_t mine = now.us / period, before = (now.us - CLOCKS_APART) / period;
	return before < mine ? before : (now.us + CLOCKS_APART) / period > mine ? mine + 1 : -1;
}

static void
arg_bucket_or_null(struct pg_args *args, int64_t bucket)
{
	if (bucket < 0)
		pg_arg_null(args);
	else
		pg_arg_int4(args, (int32_t)bucket);
}

static void
build_full(struct batch *b, struct pg_args *args, const struct batch_row *rows, int n, int column,
    struct wall now)
{
	arg_bucket_or_null(args, other_bucket(now, KEY_PERIOD));
	arg_bucket_or_null(args, other_bucket(now, UID_PERIOD));
	COLUMN(bytes, PG_TEXT, extra_of(row)->tags);
	COLUMN(time, PG_TIMESTAMPTZ, extra_of(row)->deliver_at);
	COLUMN(time, PG_TIMESTAMPTZ, extra_of(row)->forget_at);
}

/* What the events of a batch have, and so which statement stores them. */
struct traits {
	bool keyed, named, extra;
};

static struct traits
traits_of(const struct batch_row *rows, int n)
{
	struct traits t = { 0 };
	for (int i = 0; i < n; i++) {
		t.keyed = t.keyed || rows[i].event->has_key;
		t.named = t.named || rows[i].event->event_id.p;
		t.extra = t.extra || rows[i].event->extra;
	}
	return t;
}

static const struct pg_stmt *
build_append(
    struct batch *b, struct pg_args *args, const struct batch_row *rows, int n, struct wall now)
{
	struct traits t = traits_of(rows, n);
	bool edge = (t.keyed && other_bucket(now, KEY_PERIOD) >= 0) ||
		    (t.named && other_bucket(now, UID_PERIOD) >= 0);
	bool full = t.extra || edge;
	int column = build_plain(b, args, rows, n, 1);
	if (!t.keyed && !t.named && !full)
		return &stmt_message_append;
	column = build_keyed(b, args, rows, n, column, now);
	if (!t.named && !full)
		return &stmt_message_append_keyed;
	column = build_named(b, args, rows, n, column, now);
	if (!full)
		return &stmt_message_append_named;
	build_full(b, args, rows, n, column, now);
	return &stmt_message_append_full;
}

/* ---- what has its order ---- */

static bool
has_queued(const struct batch_row *rows, int n)
{
	for (int i = 0; i < n; i++)
		if (rows[i].targets.nqueued)
			return true;
	return false;
}

/* By which number its events are in order at the endpoint: all of them by the same. */
static int64_t
order_key(const struct batch_row *row, int64_t endpoint_id)
{
	const struct cat_endpoint *e = cat_endpoint_get(row->app, endpoint_id);
	return e->ordering == ORDERING_KEY ? row->event->ordering_key : 0;
}

static void
build_queue(struct batch *b, struct pg_args *args, const struct batch_row *rows, int n)
{
	struct pg_array apps, messages, endpoints, keys;
	pg_array_begin(&apps, &b->queue[0], PG_INT8);
	pg_array_begin(&messages, &b->queue[1], PG_INT8);
	pg_array_begin(&endpoints, &b->queue[2], PG_INT8);
	pg_array_begin(&keys, &b->queue[3], PG_INT8);
	for (int i = 0; i < n; i++) {
		const struct targets *t = &rows[i].targets;
		for (int k = t->n - t->nqueued; k < t->n; k++) {
			pg_array_int8(&apps, rows[i].message->app_id);
			pg_array_int8(&messages, rows[i].message->id);
			pg_array_int8(&endpoints, t->ids[k]);
			pg_array_int8(&keys, order_key(&rows[i], t->ids[k]));
		}
	}
	pg_array_end(&apps, args);
	pg_array_end(&messages, args);
	pg_array_end(&endpoints, args);
	pg_array_end(&keys, args);
}

/* ---- what is there to be polled ---- */

enum polled {
	POLLED_NOW = 1,
	POLLED_LATER = 2, /* not before its time */
};

static enum polled
when_polled(const struct batch_row *row)
{
	return row->targets.deliver_at.us ? POLLED_LATER : POLLED_NOW;
}

static unsigned
all_polled(const struct batch_row *rows, int n)
{
	unsigned found = 0;
	for (int i = 0; i < n; i++)
		if (rows[i].targets.npolled)
			found |= when_polled(&rows[i]);
	return found;
}

/* Of the rows that are polled then. */
static void
build_poll(
    struct buf *column, struct pg_args *args, const struct batch_row *rows, int n, enum polled when)
{
	struct pg_array apps, messages, endpoints, times;
	pg_array_begin(&apps, &column[0], PG_INT8);
	pg_array_begin(&messages, &column[1], PG_INT8);
	pg_array_begin(&endpoints, &column[2], PG_INT8);
	if (when == POLLED_LATER)
		pg_array_begin(&times, &column[POLL_COLUMNS], PG_TIMESTAMPTZ);
	for (int i = 0; i < n; i++) {
		const struct targets *t = &rows[i].targets;
		if (when_polled(&rows[i]) != when)
			continue;
		for (int k = t->n; k < t->n + t->npolled; k++) {
			pg_array_int8(&apps, rows[i].message->app_id);
			pg_array_int8(&messages, rows[i].message->id);
			pg_array_int8(&endpoints, t->ids[k]);
			if (when == POLLED_LATER)
				pg_array_time(&times, t->deliver_at);
		}
	}
	pg_array_end(&apps, args);
	pg_array_end(&messages, args);
	pg_array_end(&endpoints, args);
	if (when == POLLED_LATER)
		pg_array_end(&times, args);
}

/* Their statements behind the others; how many there are. */
static int
add_polls(struct batch *b, struct pg_call *calls, const struct batch_row *rows, int n)
{
	unsigned polled = all_polled(rows, n);
	int ncalls = 0;
	if (polled & POLLED_NOW) {
		pg_args_init(&b->poll_args, b->arena);
		build_poll(b->poll, &b->poll_args, rows, n, POLLED_NOW);
		calls[ncalls++] = (struct pg_call){ &stmt_poll_append, &b->poll_args };
	}
	if (polled & POLLED_LATER) {
		pg_args_init(&b->later_args, b->arena);
		build_poll(b->poll_later, &b->later_args, rows, n, POLLED_LATER);
		calls[ncalls++] = (struct pg_call){ &stmt_poll_append_later, &b->later_args };
	}
	return ncalls;
}

int32_t
batch_key_bucket_oldest(const struct batch *b, struct wall now)
{
	return (int32_t)((now.us - b->config->idempotency_ttl * USEC_PER_MS) / KEY_PERIOD);
}

int32_t
batch_uid_bucket_oldest(const struct batch *b, struct wall now)
{
	int64_t from = now.us - b->config->retention * USEC_PER_MS;
	return from > 0 ? (int32_t)(from / UID_PERIOD) : 0;
}

struct pg_ticket *
batch_submit(struct batch *b, struct pg_pool *pool, int slot, int64_t epoch, struct wall now,
    const struct batch_row *rows, int n, pg_fn fn, void *arg)
{
	struct pg_args lock, args, queue;
	arena_reset(b->arena);
	pg_args_init(&lock, b->arena);
	struct pg_array slots;
	pg_array_begin(&slots, &b->column[0], PG_INT2);
	pg_array_int2(&slots, (int16_t)slot);
	pg_array_end(&slots, &lock);
	pg_args_init(&queue, b->arena);
	pg_args_init(&args, b->arena);
	pg_arg_int2(&args, (int16_t)slot);
	pg_arg_int8(&args, epoch);
	const struct pg_stmt *append = build_append(b, &args, rows, n, now);
	struct pg_call calls[5] = { { &stmt_fence, &lock }, [BATCH_STORED] = { append, &args },
		[BATCH_NOT_QUEUED] = { &stmt_queue_append, &queue } };
	int ncalls = BATCH_NOT_QUEUED;
	if (has_queued(rows, n)) {
		pg_arg_int2(&queue, (int16_t)slot);
		pg_arg_time(&queue, now);
		build_queue(b, &queue, rows, n);
		ncalls++;
	}
	ncalls += add_polls(b, calls + ncalls, rows, n);
	return pg_submit_at(APPEND, pool, calls, ncalls, fn, arg);
}

struct batch *
batch_new(const struct config *c)
{
	struct batch *b = mem_zalloc(sizeof(*b));
	b->config = c;
	b->arena = arena_new();
	for (int i = 0; i < COLUMNS; i++)
		buf_init(&b->column[i], COLUMN_MAX);
	for (int i = 0; i < QUEUE_COLUMNS; i++)
		buf_init(&b->queue[i], COLUMN_MAX);
	for (int i = 0; i < POLL_COLUMNS; i++)
		buf_init(&b->poll[i], COLUMN_MAX);
	for (int i = 0; i <= POLL_COLUMNS; i++)
		buf_init(&b->poll_later[i], COLUMN_MAX);
	buf_init(&b->scratch, COLUMN_MAX);
	return b;
}

void
batch_free(struct batch *b)
{
	if (!b)
		return;
	for (int i = 0; i < COLUMNS; i++)
		buf_free(&b->column[i]);
	for (int i = 0; i < QUEUE_COLUMNS; i++)
		buf_free(&b->queue[i]);
	for (int i = 0; i < POLL_COLUMNS; i++)
		buf_free(&b->poll[i]);
	for (int i = 0; i <= POLL_COLUMNS; i++)
		buf_free(&b->poll_later[i]);
	buf_free(&b->scratch);
	arena_free(b->arena);
	free(b);
}
