/* What an endpoint was sent, and where a message was sent to: each with how it stands there. */
#include "api/endpoint_out.h"
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "api/log_list.h"
#include "api/message_out.h"
#include "statements.h"
#include "store/endpoint.h"

static void
put_standing(struct jw *j, enum log_status status, struct wall next_at)
{
	log_put_status(j, status);
	if (status != STATUS_SENDING)
		return;
	if (next_at.us)
		jw_put_time(j, "nextAttempt", next_at);
	else
		jw_put_null(j, "nextAttempt"); /* parked: when its endpoint may have it */
}

/* ---- /app/{app}/endpoint/{endpoint}/msg ---- */

/* Columns of endpoint_message_list_*.sql. */
enum {
	COL_MSG_ID,
	COL_EVENT_TYPE, /* and what message_out_read takes behind it */
	COL_NO_ROOM = COL_EVENT_TYPE + MESSAGE_COLUMNS,
	COL_ENDED,
	COL_STATUS = COL_ENDED + 2,
	COL_NEXT_AT,
};

static void
write_message(struct call *c, struct jw *j, const PGresult *r, int row)
{
	const struct log_list *l = c->state;
	struct message_out m;
	int64_t id = pg_int(r, row, COL_MSG_ID);
	message_out_read(r, row, COL_EVENT_TYPE, id, l->content_bytes > 0, &m);
	jw_open_object(j);
	message_put_fields(j, &m);
	put_standing(j, (enum log_status)pg_int(r, row, COL_STATUS), pg_time(r, row, COL_NEXT_AT));
	jw_close_object(j);
}

static void
on_messages(struct call *c, const struct pg_result *r)
{
	struct log_list *l = c->state;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	if (log_list_again(c, l, r->res[0], COL_ENDED))
		return;
	log_list_cut(l, r->res[0], COL_NO_ROOM);
	page_reply(c, &l->page, r->res[0], write_message);
}

static void
ask_messages(struct call *c)
{
	const struct log_list *l = c->state;
	struct pg_args *a = endpoint_args(c);
	log_list_arg_range(a, l);
	log_list_arg_channel(a, l);
	log_list_arg_status(a, l);
	pg_arg_int8(a, l->content_bytes);
	log_list_arg_scan(a);
	log_list_arg_tag(a, l);
	call_query_one(c,
	    page_up(&l->page) ? &stmt_endpoint_message_list_up : &stmt_endpoint_message_list_down,
	    a, on_messages);
}

void
api_endpoint_message_list(struct call *c)
{
	struct log_list *l = arena_alloc(c->arena, sizeof(*l));
	if (log_list_read(c, ID_MESSAGE, l))
		return;
	c->state = l;
	log_list_ask(c, l, ask_messages);
}

/* ---- /app/{app}/msg/{msg}/endpoint ---- */

/* Columns of message_endpoints.sql behind those of the endpoint. */
enum {
	COL_SUCCESS = ENDPOINT_COLUMNS,
	COL_ATTEMPTS,
	COL_PLANNED_AT,
	COL_GIVEN_UP,
	COL_DELETED,
	COL_PARKED,
};

/* An endpoint that is disabled gets nothing more, except that a pause goes on to hold what is
 * parked. */
static enum log_status
standing(const PGresult *r, int row, const struct endpoint_row *e)
{
	bool held = pg_bool(r, row, COL_PARKED) && e->paused;
	if (pg_bool(r, row, COL_SUCCESS))
		return STATUS_SUCCESS;
	if (pg_bool(r, row, COL_DELETED) || ((e->disabled || e->unverified) && !held))
		return STATUS_FAIL;
	if (!pg_null(r, row, COL_PLANNED_AT))
		return STATUS_SENDING;
	if (!pg_int(r, row, COL_ATTEMPTS) && !pg_bool(r, row, COL_GIVEN_UP))
		return STATUS_PENDING;
	return pg_bool(r, row, COL_PARKED) ? STATUS_SENDING : STATUS_FAIL;
}

/* When the next attempt is planned. What is parked has no time of its own any more once its plan
 * has passed, and may be the endpoint's next probe at best. */
static struct wall
next_attempt(struct call *c, const PGresult *r, int row, const struct endpoint_row *e)
{
	struct wall planned = pg_time(r, row, COL_PLANNED_AT);
	if (!pg_bool(r, row, COL_PARKED) || planned.us > loop_wall(c->parts->loop).us)
		return planned;
	return e->hold == HOLD_OPEN ? e->probe_at : (struct wall){ 0 };
}

static void
write_endpoint(struct call *c, struct jw *j, const PGresult *r, int row)
{
	struct endpoint_row e;
	endpoint_row_read(r, row, c->arena, &e);
	jw_open_object(j);
	endpoint_put_fields(c, j, &e);
	jw_put_bool(j, "deleted", pg_bool(r, row, COL_DELETED));
	put_standing(j, standing(r, row, &e), next_attempt(c, r, row, &e));
	jw_close_object(j);
}

static void
on_endpoints(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		page_reply(c, c->state, r->res[0], write_endpoint);
	else
		call_not_found(c);
}

void
api_message_endpoint_list(struct call *c)
{
	struct page *p = arena_alloc(c->arena, sizeof(*p));
	if (call_page(c, ID_ENDPOINT, false, p))
		return;
	struct pg_args *a = message_args(c);
	pg_arg_int8(a, p->cursor);
	pg_arg_int4(a, page_rows(p));
	pg_arg_bool(a, !page_up(p));
	c->state = p;
	call_query_one(c, &stmt_message_endpoints, a, on_endpoints);
}
