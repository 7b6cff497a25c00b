/* /app/{app}/poller/{endpoint}: a polling endpoint is read.
 *
 *   read ─┬─> rows in order: a page
 *         ├─> none, and none behind: an empty page, done
 *         ├─> none in order, but some that will be: pause ─> horizon ─> read …
 *         └─> something waited for its time, and that has come: its place ─> read …
 *
 * Rows come in the order of their transactions (migrations/0012_polling.sql). One that was stored
 * and answered may have to wait for another transaction that began before it and is not over, since
 * what that stores comes first; for an append that is a few milliseconds, and so long a reader with
 * nothing else to get is kept. What runs and is no append does not count: poll_horizon.sql asks for
 * the appends alone. After WAIT_MAX the page is empty and says that it is not done.
 *
 * What has a time of delivery is in no order before it (migrations/0016_polled_later.sql): the
 * first that reads behind that time gives it its place, which is then the same for everybody.
 *
 * A consumer's place is stored when it comes back with the iterator of what it was given: what it
 * was given before is given again until then. */
#include "api/handlers.h"
#include "api/log_list.h"
#include "api/message_out.h"
#include "api/poll_place.h"
#include "policy/name.h"
#include "rest/field.h"
#include "rest/home.h"
#include "statements.h"

#define SCAN_ROWS     500        /* looked at for a page, where the caller selects */
#define CONTENT_MAX   (16 << 20) /* bytes of payloads in one answer */
#define CONSUMERS_MAX 1000       /* of a polling endpoint */
#define TIME_TEXT_MAX 64
#define PAUSE         (3 * USEC_PER_MS)
#define WAIT_MAX      USEC_PER_SEC
#define NO_SLOT       (-1) /* of the fence: nothing of a slot is touched */

/* Columns of poll_read.sql. */
enum {
	COL_FROM_POS,
	COL_FROM_MSG,
	COL_POS,
	COL_MSG,
	COL_IN_ORDER,
	COL_FITS,
	COL_EVENT_TYPE, /* and what message_out_read takes behind it */
	COL_NO_ROOM = COL_EVENT_TYPE + MESSAGE_COLUMNS,
	COL_WAITS,
};

struct reading {
	int limit;
	struct str consumer; /* {NULL, 0}: none */
	bool has_place;
	struct poll_place place; /* to go on behind */
	int64_t above;           /* only messages above this id */
	struct str event_type, channel;
	struct wall now;
	bool gave_places; /* to what had waited until now */
	bool asks_horizon;
	int64_t horizon; /* rows below it are in order; 0: not asked for yet */
	usec_t since;    /* when it was read first */
	struct timer pause;
};

/* The five arguments that every statement begins with. */
static struct pg_args *
endpoint_args(struct call *c)
{
	struct pg_args *a = call_args(c);
	struct ref ref = call_ref(ID_POLL, c->params[1]);
	call_arg_app(c, a);
	call_arg_ref(a, &ref);
	return a;
}

/* And the consumer or null. */
static struct pg_args *
stream_args(struct call *c, struct str consumer)
{
	struct pg_args *a = endpoint_args(c);
	pg_arg_text(a, consumer);
	return a;
}

/* ---- a page ---- */

/* What a page takes of the rows that were read. */
struct page_end {
	int n;          /* rows that are done with, */
	int given;      /* of them selected */
	bool out_order; /* the next one is not in order yet */
	bool full;      /* no more fit */
};

static struct page_end
page_end(const struct reading *g, const PGresult *r)
{
	struct page_end end = { 0 };
	int rows = pg_rows(r);
	for (; end.n < rows && !pg_null(r, end.n, COL_POS); end.n++) {
		bool fits = pg_bool(r, end.n, COL_FITS);
		end.out_order = !pg_bool(r, end.n, COL_IN_ORDER);
		end.full = fits && (end.given == g->limit || pg_bool(r, end.n, COL_NO_ROOM));
		if (end.out_order || end.full)
			break;
		end.given += fits;
	}
	return end;
}

static int
rows_to_look_at(const struct reading *g)
{
	bool selects = g->event_type.p || g->channel.p || g->above >= 0;
	return selects ? SCAN_ROWS : g->limit + 1;
}

static void
write_message(struct jw *j, const PGresult *r, int row)
{
	struct message_out m;
	message_out_read(r, row, COL_EVENT_TYPE, pg_int(r, row, COL_MSG), true, &m);
	jw_open_object(j);
	message_put_fields(j, &m);
	jw_close_object(j);
}

static void
reply_page(struct call *c, const PGresult *r, const struct page_end *end)
{
	const struct reading *g = c->state;
	int last = end->n - 1;
	struct poll_place place = { pg_int(r, 0, COL_FROM_POS), pg_int(r, 0, COL_FROM_MSG) };
	if (last >= 0)
		place = (struct poll_place){ pg_int(r, last, COL_POS), pg_int(r, last, COL_MSG) };
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_key(j, "data");
	jw_open_array(j);
	for (int row = 0; row < end->n; row++)
		if (pg_bool(r, row, COL_FITS))
			write_message(j, r, row);
	jw_close_array(j);
	char text[POLL_PLACE_SIZE];
	jw_put_text(j, "iterator", str_of(poll_place_to_text(place, text)));
	bool more = end->out_order || end->full || pg_bool(r, 0, COL_WAITS);
	jw_put_bool(j, "done", !more && end->n < rows_to_look_at(g));
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

/* ---- reading ---- */

static void read_on(struct call *c);

static void
on_horizon(struct call *c, const struct pg_result *r)
{
	struct reading *g = c->state;
	g->horizon = pg_int(r->res[0], 0, 0);
	read_on(c);
}

static void
on_pause_over(void *arg)
{
	struct call *c = arg;
	struct reading *g = c->state;
	/* The first time whatever it was has probably ended. */
	if (g->asks_horizon)
		call_query_one(c, &stmt_poll_horizon, call_args(c), on_horizon);
	else
		read_on(c);
	g->asks_horizon = true;
}

static void
on_places(struct call *c, const struct pg_result *r)
{
	(void)r;
	read_on(c);
}

static void
give_places(struct call *c)
{
	struct reading *g = c->state;
	const struct home none = { .slot = NO_SLOT };
	struct pg_args *a = endpoint_args(c);
	pg_arg_time(a, g->now);
	const struct pg_call calls[] = { { &stmt_fence, home_fence_args(c->arena, &none) },
		{ &stmt_poll_due, a } };
	g->gave_places = true;
	call_query_db(c, calls, ARRAY_LEN(calls), on_places);
}

static void
on_read(struct call *c, const struct pg_result *result)
{
	struct reading *g = c->state;
	const PGresult *r = result->res[0];
	if (!pg_rows(r)) {
		call_not_found(c);
		return;
	}
	if (pg_bool(r, 0, COL_WAITS) && !g->gave_places) {
		give_places(c);
		return;
	}
	struct page_end end = page_end(g, r);
	if (end.n == 0 && end.out_order && clock_mono() - g->since < WAIT_MAX) {
		timer_set(&g->pause, PAUSE);
		return;
	}
	reply_page(c, r, &end);
}

static void
read_on(struct call *c)
{
	const struct reading *g = c->state;
	struct pg_args *a = stream_args(c, g->consumer);
	if (g->has_place) {
		pg_arg_int8(a, g->place.pos);
		pg_arg_int8(a, g->place.msg_id);
	} else {
		pg_arg_null(a);
		pg_arg_null(a);
	}
	pg_arg_int8(a, g->above);
	pg_arg_text(a, g->event_type);
	pg_arg_text(a, g->channel);
	pg_arg_int8(a, CONTENT_MAX);
	pg_arg_int4(a, rows_to_look_at(g));
	pg_arg_int8(a, g->horizon);
	pg_arg_int4(a, g->limit);
	pg_arg_time(a, g->now);
	call_query_one(c, &stmt_poll_read, a, on_read);
}

/* ---- what is asked ---- */

static int
read_iterator(struct call *c, struct reading *g)
{
	struct str text = call_query(c, "iterator");
	g->has_place = text.p != NULL;
	if (!text.p || poll_place_from_text(text, &g->place) == 0)
		return 0;
	call_invalid_query(c, "iterator", "is not the iterator of an earlier page");
	return -1;
}

static void
release_timer(void *p)
{
	timer_done(p);
}

static struct reading *
reading_new(struct call *c)
{
	struct reading *g = arena_zalloc(c->arena, sizeof(*g));
	g->above = -1;
	g->since = clock_mono();
	g->now = loop_wall(c->parts->loop);
	timer_init(&g->pause, c->parts->loop, on_pause_over, c);
	arena_own(c->arena, &g->pause, release_timer);
	c->state = g;
	return call_limit(c, &g->limit) || read_iterator(c, g) ? NULL : g;
}

static void
on_start_found(struct call *c, const struct pg_result *r)
{
	struct reading *g = c->state;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	g->has_place = true;
	g->place = (struct poll_place){ pg_int(r->res[0], 0, 0), pg_int(r->res[0], 0, 1) };
	read_on(c);
}

/* The consumer may be null: then nothing is stored. */
static void
seek(struct call *c, struct str consumer, struct wall after, call_fn fn)
{
	struct pg_args *a = stream_args(c, consumer);
	pg_arg_int8(a, log_above(after));
	pg_arg_int4(a, CONSUMERS_MAX);
	call_query_one(c, &stmt_poll_seek, a, fn);
}

void
api_poll(struct call *c)
{
	struct wall after = { 0 };
	struct reading *g = reading_new(c);
	if (!g || call_query_time(c, "after", &after))
		return;
	g->event_type = call_query(c, "event_type");
	g->channel = call_query(c, "channel");
	if (call_query(c, "after").p)
		g->above = log_above(after);
	if (g->above >= 0 && !g->has_place)
		seek(c, (struct str){ NULL, 0 }, after, on_start_found);
	else
		read_on(c);
}

/* ---- consumers ---- */

static int
read_consumer(struct call *c, struct str *ret)
{
	static const char *const loc[] = { "path", "consumer_id", NULL };
	*ret = c->params[2];
	if (name_valid(*ret))
		return 0;
	call_invalid(c, loc, "must have 1 to %d of a-z, A-Z, 0-9, '-', '_' and '.'", NAME_MAX_LEN);
	return -1;
}

static void
refuse_consumer(struct call *c)
{
	call_fail_with(
	    c, ERR_CONFLICT, "a polling endpoint has %d consumers at most", CONSUMERS_MAX);
}

static void
on_committed(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0]))
		call_not_found(c);
	else if (!pg_bool(r->res[0], 0, 0))
		refuse_consumer(c);
	else
		read_on(c);
}

void
api_poll_consumer(struct call *c)
{
	struct reading *g = reading_new(c);
	if (!g || read_consumer(c, &g->consumer))
		return;
	if (!g->has_place) {
		read_on(c);
		return;
	}
	struct pg_args *a = stream_args(c, g->consumer);
	pg_arg_int8(a, g->place.pos);
	pg_arg_int8(a, g->place.msg_id);
	pg_arg_int4(a, CONSUMERS_MAX);
	call_query_one(c, &stmt_poll_commit, a, on_committed);
}

static void
on_sought(struct call *c, const struct pg_result *r)
{
	const PGresult *place = r->res[0];
	char text[POLL_PLACE_SIZE];
	if (!pg_rows(place)) {
		call_not_found(c);
		return;
	}
	if (pg_null(place, 0, 0)) {
		refuse_consumer(c);
		return;
	}
	struct poll_place p = { pg_int(place, 0, 0), pg_int(place, 0, 1) };
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_text(j, "iterator", str_of(poll_place_to_text(p, text)));
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

void
api_poll_seek(struct call *c)
{
	struct wall after = { 0 };
	struct fields f;
	struct str consumer, text = { NULL, 0 };
	if (read_consumer(c, &consumer) || call_body(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	field_text(&f, "after", 1, TIME_TEXT_MAX, &text);
	if (text.p && wall_from_text(text, &after))
		field_problem(&f, "after", "must be a time as in RFC 3339");
	if (fields_end(&f) == 0)
		seek(c, consumer, after, on_sought);
}
