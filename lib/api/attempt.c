/* Attempts: what was tried, and what came back. */
#include "api/attempt_out.h"
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "api/log_list.h"
#include "api/message_out.h"
#include "statements.h"

/* Columns of the lists behind those of the attempt. */
enum {
	COL_EVENT_TYPE = ATTEMPT_COLUMNS, /* and what message_out_read takes behind it */
	COL_NO_ROOM = COL_EVENT_TYPE + MESSAGE_COLUMNS,
	COL_ENDED,
};

struct attempt_list {
	struct log_list log;
	bool with_content, with_msg;
};

/* ---- lists ---- */

static struct attempt_list *
read_list(struct call *c)
{
	struct attempt_list *l = arena_zalloc(c->arena, sizeof(*l));
	if (log_list_read(c, ID_ATTEMPT, &l->log) || call_query_bool(c, "with_msg", &l->with_msg))
		return NULL;
	l->with_content = l->log.content_bytes > 0;
	if (!l->with_msg)
		l->log.content_bytes = 0;
	c->state = l;
	return l;
}

static void
write_row(struct call *c, struct jw *j, const PGresult *r, int row)
{
	const struct attempt_list *l = c->state;
	jw_open_object(j);
	attempt_put_fields(c, j, r, row, l->with_content);
	if (l->with_msg) {
		struct message_out m;
		int64_t id = pg_int(r, row, ATTEMPT_MSG_ID);
		message_out_read(r, row, COL_EVENT_TYPE, id, l->with_content, &m);
		jw_key(j, "msg");
		jw_open_object(j);
		message_put_fields(j, &m);
		jw_close_object(j);
	}
	jw_close_object(j);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	struct attempt_list *l = c->state;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	log_list_cut(&l->log, r->res[0], COL_NO_ROOM);
	page_reply(c, &l->log.page, r->res[0], write_row);
}

static void
on_listed_by_endpoint(struct call *c, const struct pg_result *r)
{
	struct attempt_list *l = c->state;
	if (!log_list_again(c, &l->log, r->res[0], COL_ENDED))
		on_listed(c, r);
}

/* The messages of attempts within a stretch of time are older, by as long as retries and replays
 * can come after them; or younger by a little, where clocks differ. */
static void
arg_messages(struct pg_args *a, const struct log_list *l)
{
	const int64_t day_us = 24 * 3600 * USEC_PER_SEC;
	struct wall oldest = { id_time(l->above < 0 ? 0 : l->above).us - 90 * day_us };
	struct wall newest = { id_time(l->below).us + day_us / 24 };
	pg_arg_int8(a, id_floor(oldest) - 1);
	pg_arg_int8(a, id_floor(newest));
}

static void
ask_by_endpoint(struct call *c)
{
	const struct attempt_list *l = c->state;
	struct pg_args *a = endpoint_args(c);
	log_list_arg_range(a, &l->log);
	log_list_arg_channel(a, &l->log);
	log_list_arg_status(a, &l->log);
	log_list_arg_class(a, &l->log);
	pg_arg_int8(a, l->log.content_bytes);
	log_list_arg_scan(a);
	arg_messages(a, &l->log);
	log_list_arg_tag(a, &l->log);
	call_query_one(c,
	    page_up(&l->log.page) ? &stmt_attempt_by_endpoint_up : &stmt_attempt_by_endpoint_down,
	    a, on_listed_by_endpoint);
}

void
api_attempt_by_endpoint(struct call *c)
{
	struct attempt_list *l = read_list(c);
	if (l)
		log_list_ask(c, &l->log, ask_by_endpoint);
}

/* in_path: the endpoint is named by the path and must be there; else it is a filter. */
static void
list_by_msg(struct call *c, struct str endpoint, bool in_path)
{
	struct attempt_list *l = read_list(c);
	if (!l)
		return;
	struct ref ref = { 0 };
	if (endpoint.p)
		ref = call_ref(ID_ENDPOINT, endpoint);
	struct pg_args *a = message_args(c);
	log_list_arg_range(a, &l->log);
	pg_arg_bool(a, !page_up(&l->log.page));
	log_list_arg_channel(a, &l->log);
	log_list_arg_status(a, &l->log);
	log_list_arg_class(a, &l->log);
	pg_arg_int8(a, l->log.content_bytes);
	call_arg_ref(a, &ref);
	log_list_arg_tag(a, &l->log);
	pg_arg_bool(a, in_path);
	call_query_one(c, &stmt_attempt_by_msg, a, on_listed);
}

void
api_attempt_by_msg(struct call *c)
{
	list_by_msg(c, call_query(c, "endpoint_id"), false);
}

/* An older route of the same. */
void
api_attempt_by_msg_and_endpoint(struct call *c)
{
	list_by_msg(c, c->params[2], true);
}

/* ---- one ---- */

/* An attempt has no other name than its id. */
static struct pg_args *
attempt_args(struct call *c)
{
	struct pg_args *a = message_args(c);
	int64_t id;
	if (id_from_text(ID_ATTEMPT, c->params[2], &id))
		id = -1;
	pg_arg_int8(a, id);
	return a;
}

static void
on_got(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	struct jw *j = call_json(c);
	jw_open_object(j);
	attempt_put_fields(c, j, r->res[0], 0, true);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

void
api_attempt_get(struct call *c)
{
	call_query_one(c, &stmt_attempt_get, attempt_args(c), on_got);
}

static void
on_expunged(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		call_reply_empty(c, 204);
	else
		call_not_found(c);
}

void
api_attempt_expunge(struct call *c)
{
	call_query_one(c, &stmt_attempt_expunge, attempt_args(c), on_expunged);
}
