/* Dead letters: deliveries that were given up, for those who find out why and start them again. */
#include "api/attempt_out.h"
#include "api/dead_filter.h"
#include "api/dead_letter_act.h"
#include "api/handlers.h"
#include "api/message_out.h"
#include "statements.h"

#define ATTEMPTS_MAX 1000

/* Columns of every statement that returns dead letters. */
enum {
	COL_ID,
	COL_APP_ID,
	COL_MSG_ID,
	COL_ENDPOINT_ID,
	COL_EVENT_TYPE,
	COL_REASON,
	COL_LAST_STATUS,
	COL_LAST_ERROR,
	COL_ATTEMPTS,
	COL_FIRST_AT,
	COL_LAST_AT,
	COL_REPLAYED_AT,
	COL_REPLAYED_BY,
	COL_DISCARDED_AT,
	COL_DISCARDED_BY,
	COL_PAYLOAD, /* of dead_letter_get.sql */
	COL_NO_PAYLOAD,
	COL_LAST_RESPONSE,
};

static void
put_time_or_null(struct jw *j, const char *key, const PGresult *r, int row, int column)
{
	if (pg_null(r, row, column))
		jw_put_null(j, key);
	else
		jw_put_time(j, key, pg_time(r, row, column));
}

static void
put_reason(struct jw *j, int64_t reason)
{
	jw_put_text(j, "reason", str_of(dead_reason_to_text((enum dead_reason)reason)));
}

static void
put_fields(struct jw *j, const PGresult *r, int row)
{
	int64_t id = pg_int(r, row, COL_ID);
	jw_put_id(j, "id", ID_DEAD_LETTER, id);
	jw_put_id(j, "appId", ID_APP, pg_int(r, row, COL_APP_ID));
	jw_put_id(j, "endpointId", ID_ENDPOINT, pg_int(r, row, COL_ENDPOINT_ID));
	jw_put_id(j, "msgId", ID_MESSAGE, pg_int(r, row, COL_MSG_ID));
	jw_put_text(j, "eventType", pg_str(r, row, COL_EVENT_TYPE));
	put_reason(j, pg_int(r, row, COL_REASON));
	jw_put_i64(j, "lastStatus", pg_int(r, row, COL_LAST_STATUS));
	jw_put_text_or_null(j, "lastError", pg_str(r, row, COL_LAST_ERROR));
	jw_put_i64(j, "attempts", pg_int(r, row, COL_ATTEMPTS));
	put_time_or_null(j, "firstAttemptAt", r, row, COL_FIRST_AT);
	put_time_or_null(j, "lastAttemptAt", r, row, COL_LAST_AT);
	jw_put_time(j, "createdAt", id_time(id));
	put_time_or_null(j, "replayedAt", r, row, COL_REPLAYED_AT);
	jw_put_text_or_null(j, "replayedBy", pg_str(r, row, COL_REPLAYED_BY));
	put_time_or_null(j, "discardedAt", r, row, COL_DISCARDED_AT);
	jw_put_text_or_null(j, "discardedBy", pg_str(r, row, COL_DISCARDED_BY));
}

/* ---- lists ---- */

#define SUMMARY_SCAN_ROWS 10000

/* Column of the lists behind those of the dead letter. */
#define COL_ENDED (COL_DISCARDED_BY + 1)

enum tristate {
	EITHER,
	YES,
	NO,
};

struct dead_list {
	struct log_list log;
	struct dead_filter filter;
	enum tristate replayed, discarded;
	struct ref app; /* whose dead letters; id 0 without uid: all of the organisation */
	bool deleted_too;
};

static int
read_tristate(struct call *c, const char *name, enum tristate *ret)
{
	bool v;
	if (call_query_bool(c, name, &v))
		return -1;
	*ret = !call_query(c, name).p ? EITHER : v ? YES : NO;
	return 0;
}

static void
arg_tristate(struct pg_args *a, enum tristate v)
{
	if (v == EITHER)
		pg_arg_null(a);
	else
		pg_arg_bool(a, v == YES);
}

/* NULL after an answer. */
static struct dead_list *
read_list(struct call *c)
{
	struct dead_list *l = arena_zalloc(c->arena, sizeof(*l));
	if (log_list_read(c, ID_DEAD_LETTER, &l->log) ||
	    dead_filter_from_query(c, &l->log, &l->filter) ||
	    read_tristate(c, "replayed", &l->replayed) ||
	    read_tristate(c, "discarded", &l->discarded))
		return NULL;
	c->state = l;
	return l;
}

/* The first ten arguments of lists and of the summary. */
static struct pg_args *
list_args(struct call *c, struct dead_list *l)
{
	struct pg_args *a = call_args(c);
	l->filter.above = l->log.above;
	l->filter.below = l->log.below;
	dead_filter_arg_all(a, str_of(c->token.org), &l->filter);
	arg_tristate(a, l->replayed);
	arg_tristate(a, l->discarded);
	return a;
}

static void
write_row(struct call *c, struct jw *j, const PGresult *r, int row)
{
	(void)c;
	jw_open_object(j);
	put_fields(j, r, row);
	jw_close_object(j);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	struct dead_list *l = c->state;
	if (ref_is_given(&l->app) && !pg_rows(r->res[0]))
		call_not_found(c);
	else if (!log_list_again(c, &l->log, r->res[0], COL_ENDED))
		page_reply(c, &l->log.page, r->res[0], write_row);
}

static void
ask(struct call *c)
{
	struct dead_list *l = c->state;
	bool up = page_up(&l->log.page);
	struct pg_args *a = list_args(c, l);
	pg_arg_int4(a, page_rows(&l->log.page));
	log_list_arg_scan(a);
	if (!ref_is_given(&l->app)) {
		call_query_one(
		    c, up ? &stmt_dead_letter_list_up : &stmt_dead_letter_list_down, a, on_listed);
		return;
	}
	call_arg_ref(a, &l->app);
	pg_arg_bool(a, l->deleted_too);
	call_query_one(
	    c, up ? &stmt_dead_letter_app_list_up : &stmt_dead_letter_app_list_down, a, on_listed);
}

void
api_dead_letter_list(struct call *c)
{
	struct dead_list *l = read_list(c);
	if (!l)
		return;
	l->app = l->filter.app;
	l->deleted_too = true;
	log_list_ask(c, &l->log, ask);
}

void
api_dead_letter_app_list(struct call *c)
{
	struct dead_list *l = read_list(c);
	if (!l)
		return;
	l->app = c->app;
	log_list_ask(c, &l->log, ask);
}

/* ---- summary ---- */

/* Column of dead_letter_summary.sql: the oldest dead letter that was counted, or null. */
#define COL_GO_ON 5

static void
on_summed_up(struct call *c, const struct pg_result *result)
{
	const PGresult *r = result->res[0];
	if (!pg_rows(r)) {
		call_not_found(c);
		return;
	}
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_key(j, "data");
	jw_open_array(j);
	for (int row = 0; row < pg_rows(r) && !pg_null(r, row, 0); row++) {
		jw_open_object(j);
		jw_put_id(j, "appId", ID_APP, pg_int(r, row, 0));
		jw_put_id(j, "endpointId", ID_ENDPOINT, pg_int(r, row, 1));
		put_reason(j, pg_int(r, row, 2));
		jw_put_i64(j, "count", pg_int(r, row, 3));
		jw_put_i64(j, "open", pg_int(r, row, 4));
		jw_close_object(j);
	}
	jw_close_array(j);
	bool done = pg_null(r, 0, COL_GO_ON);
	if (done)
		jw_put_null(j, "iterator");
	else
		jw_put_id(j, "iterator", ID_DEAD_LETTER, pg_int(r, 0, COL_GO_ON));
	jw_put_bool(j, "done", done);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

/* Each page counts so many dead letters and no more; who wants to know of all adds them up. */
void
api_dead_letter_summary(struct call *c)
{
	struct dead_list *l = read_list(c);
	if (!l)
		return;
	struct pg_args *a = list_args(c, l);
	pg_arg_int4(a, SUMMARY_SCAN_ROWS);
	call_arg_ref(a, &l->filter.app);
	call_query_one(c, &stmt_dead_letter_summary, a, on_summed_up);
}

/* ---- one ---- */

static void
put_history(struct call *c, struct jw *j, const PGresult *r)
{
	jw_key(j, "history");
	jw_open_array(j);
	for (int row = 0; row < pg_rows(r); row++) {
		jw_open_object(j);
		attempt_put_fields(c, j, r, row, true);
		jw_close_object(j);
	}
	jw_close_array(j);
}

static void
on_got(struct call *c, const struct pg_result *result)
{
	const PGresult *r = result->res[0];
	if (!pg_rows(r)) {
		call_not_found(c);
		return;
	}
	struct jw *j = call_json(c);
	jw_open_object(j);
	put_fields(j, r, 0);
	message_put_payload(j, pg_str(r, 0, COL_PAYLOAD));
	attempt_put_response(c, j, "lastResponse", pg_str(r, 0, COL_LAST_RESPONSE));
	put_history(c, j, result->res[1]);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

void
api_dead_letter_get(struct call *c)
{
	struct pg_args *attempts = dead_letter_args(c);
	pg_arg_int4(attempts, ATTEMPTS_MAX);
	const struct pg_call calls[] = { { &stmt_dead_letter_get, dead_letter_args(c) },
		{ &stmt_dead_letter_attempts, attempts } };
	call_query_db(c, calls, ARRAY_LEN(calls), on_got);
}
