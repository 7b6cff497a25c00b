/* The query parameters of lists over the log (log_list.h). */
#include "api/log_list.h"

#include "base/attr.h"

#define DAY_US      (24 * 3600 * USEC_PER_SEC)
#define WINDOW_US   (90 * DAY_US)
#define FUTURE_US   (3600 * USEC_PER_SEC) /* clocks of machines differ */
#define CONTENT_MAX (16 << 20)            /* bytes of payloads in one answer */
#define STATUS_MAX  4
#define SCAN_ROWS   300                /* looked at by one statement */
#define SCAN_TIME   (10 * USEC_PER_MS) /* for which one statement follows another */

/* ---- the stretch of time ---- */

/* Ids hold milliseconds: what was made in the millisecond of `after` is not after it, and what was
 * made in that of `before` is before it only when it has microseconds more. */
int64_t
log_below(struct wall before)
{
	before.us += USEC_PER_MS - 1;
	return id_floor(before);
}

int64_t
log_above(struct wall after)
{
	after.us += USEC_PER_MS;
	return id_floor(after) - 1;
}

static int
read_times(struct call *c, struct log_list *l)
{
	const struct wall latest = { loop_wall(c->parts->loop).us + FUTURE_US };
	struct wall before = latest, after = { 0 };
	if (call_query_time(c, "before", &before) || call_query_time(c, "after", &after))
		return -1;
	if (before.us > latest.us) /* the window lies before it, and would miss what there is */
		before = latest;
	l->below = log_below(before);
	l->above = call_query(c, "after").p ? log_above(after) : -1;
	return 0;
}

static void
narrow(struct log_list *l)
{
	const struct page *p = &l->page;
	if (page_up(p) && p->has_cursor && p->cursor > l->above)
		l->above = p->cursor;
	if (!page_up(p) && p->has_cursor && p->cursor < l->below)
		l->below = p->cursor;
	struct wall oldest = { id_time(l->below).us - WINDOW_US };
	if (!(page_up(p) && p->has_cursor) && l->above < id_floor(oldest))
		l->above = id_floor(oldest);
}

/* ---- filters ---- */

static int
read_status(struct call *c, struct log_list *l)
{
	int64_t status = 0, class = 0;
	if (call_query_int(c, "status", &status) || call_query_int(c, "status_code_class", &class))
		return -1;
	if (status < 0 || status > STATUS_MAX) {
		call_invalid_query(c, "status", "must be from 0 to %d", STATUS_MAX);
		return -1;
	}
	if (class % 100 || class < 0 || class > 500) {
		call_invalid_query(c, "status_code_class", "must be 0, 100, 200, 300, 400 or 500");
		return -1;
	}
	l->status = call_query(c, "status").p ? status : -1;
	l->class = call_query(c, "status_code_class").p ? class / 100 : -1;
	return 0;
}

static int
read_content(struct call *c, struct log_list *l)
{
	bool content = true;
	if (call_query_bool(c, "with_content", &content))
		return -1;
	l->content_bytes = content ? CONTENT_MAX : 0;
	return 0;
}

int
log_list_read(struct call *c, enum id_kind kind, struct log_list *ret)
{
	if (call_page(c, kind, true, &ret->page) || read_times(c, ret) || read_status(c, ret) ||
	    read_content(c, ret))
		return -1;
	narrow(ret);
	ret->channel = call_query(c, "channel");
	ret->tag = call_query(c, "tag");
	ret->ntypes = call_query_list(c, "event_types", ret->types, LOG_TYPES_MAX);
	return ret->ntypes < 0 ? -1 : 0;
}

/* ---- arguments ---- */

void
log_list_arg_range(struct pg_args *a, const struct log_list *l)
{
	pg_arg_int8(a, l->above);
	pg_arg_int8(a, l->below);
	pg_arg_int4(a, page_rows(&l->page));
}

void
log_list_arg_channel(struct pg_args *a, const struct log_list *l)
{
	if (l->ntypes)
		pg_arg_texts(a, l->types, l->ntypes);
	else
		pg_arg_null(a);
	pg_arg_text(a, l->channel);
}

static void
arg_small_or_null(struct pg_args *a, int64_t v)
{
	if (v >= 0)
		pg_arg_int2(a, (int16_t)v);
	else
		pg_arg_null(a);
}

void
log_list_arg_status(struct pg_args *a, const struct log_list *l)
{
	arg_small_or_null(a, l->status);
}

void
log_list_arg_class(struct pg_args *a, const struct log_list *l)
{
	arg_small_or_null(a, l->class);
}

void
log_list_arg_tag(struct pg_args *a, const struct log_list *l)
{
	pg_arg_text(a, l->tag);
}

void
log_list_arg_scan(struct pg_args *a)
{
	pg_arg_int4(a, SCAN_ROWS);
}

/* ---- asking ---- */

void
log_list_ask(struct call *c, struct log_list *l, call_go_fn ask)
{
	l->ask = ask;
	l->since = clock_mono();
	ask(c);
}

bool
log_list_again(struct call *c, struct log_list *l, const PGresult *r, int column)
{
	int rows = pg_rows(r), last = rows - 1;
	l->page.is_cut = rows > 0 && pg_bool(r, last, column);
	l->page.hides_last = rows > 0 && pg_bool(r, last, column + 1);
	if (rows != 1 || !l->page.hides_last || clock_mono() - l->since > SCAN_TIME)
		return false;
	if (page_up(&l->page))
		l->above = pg_int(r, last, 0);
	else
		l->below = pg_int(r, last, 0);
	l->ask(c);
	return true;
}

/* ---- answers ---- */

void
log_list_cut(struct log_list *l, const PGresult *r, int column)
{
	for (int row = 0; row < pg_rows(r) && row < l->page.limit; row++)
		if (pg_bool(r, row, column))
			l->page.limit = row;
}

void
log_put_status(struct jw *j, enum log_status status)
{
	static const char *const texts[] = { "success", "pending", "fail", "sending" };
	jw_put_i64(j, "status", status);
	jw_put_text(j, "statusText", str_of(texts[status]));
}
