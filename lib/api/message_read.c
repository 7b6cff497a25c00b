/* /app/{app}/msg: events read back. */
#include "api/handlers.h"
#include "api/log_list.h"
#include "api/message_out.h"
#include "statements.h"

/* Columns of message_get.sql and message_list_*.sql. */
enum {
	COL_ID,
	COL_EVENT_TYPE, /* and what message_out_read takes behind it */
	COL_NO_ROOM = COL_EVENT_TYPE + MESSAGE_COLUMNS,
	COL_ENDED,
};

static void
write_message(struct jw *j, const PGresult *r, int row, bool with_content)
{
	struct message_out m;
	message_out_read(r, row, COL_EVENT_TYPE, pg_int(r, row, COL_ID), with_content, &m);
	jw_open_object(j);
	message_put_fields(j, &m);
	jw_close_object(j);
}

/* ---- one ---- */

struct reading {
	bool with_content;
};

static void
on_got(struct call *c, const struct pg_result *r)
{
	const struct reading *g = c->state;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	struct jw *j = call_json(c);
	write_message(j, r->res[0], 0, g->with_content);
	call_reply_json(c, 200, j);
}

void
api_message_get(struct call *c)
{
	struct reading *g = arena_alloc(c->arena, sizeof(*g));
	g->with_content = true;
	if (call_query_bool(c, "with_content", &g->with_content))
		return;
	struct pg_args *a = message_args(c);
	pg_arg_bool(a, g->with_content);
	c->state = g;
	call_query_one(c, &stmt_message_get, a, on_got);
}

/* ---- lists ---- */

static void
write_row(struct call *c, struct jw *j, const PGresult *r, int row)
{
	const struct log_list *l = c->state;
	write_message(j, r, row, l->content_bytes > 0);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	struct log_list *l = c->state;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	if (log_list_again(c, l, r->res[0], COL_ENDED))
		return;
	log_list_cut(l, r->res[0], COL_NO_ROOM);
	page_reply(c, &l->page, r->res[0], write_row);
}

static void
ask(struct call *c)
{
	const struct log_list *l = c->state;
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	log_list_arg_range(a, l);
	log_list_arg_channel(a, l);
	pg_arg_int8(a, l->content_bytes);
	log_list_arg_scan(a);
	log_list_arg_tag(a, l);
	call_query_one(
	    c, page_up(&l->page) ? &stmt_message_list_up : &stmt_message_list_down, a, on_listed);
}

void
api_message_list(struct call *c)
{
	struct log_list *l = arena_alloc(c->arena, sizeof(*l));
	if (log_list_read(c, ID_MESSAGE, l))
		return;
	c->state = l;
	log_list_ask(c, l, ask);
}

/* ---- forgetting ---- */

static void
on_expunged(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		call_reply_empty(c, 204);
	else
		call_not_found(c);
}

void
api_message_expunge(struct call *c)
{
	call_query_one(c, &stmt_message_expunge, message_args(c), on_expunged);
}
