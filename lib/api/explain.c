/* GET /app/{app}/msg/{msg}/explain: what became of a message, endpoint by endpoint, and what comes
 * next. The verdicts are explain_verdict.h's. */
#include "api/explain_verdict.h"
#include "api/handlers.h"
#include "api/message_out.h"
#include "statements.h"

/* Columns of message_explain.sql. */
enum {
	COL_ID,
	COL_UID,
	COL_URL,
	COL_MATCHED,
	COL_DISABLED,
	COL_DISABLED_REASON,
	COL_EVENT_TYPES,
	COL_CHANNELS,
	COL_THROTTLE_RATE,
	COL_PAUSED,
	COL_CREATED,
	COL_UPDATED,
	COL_DELETED,
	COL_HOLD,
	COL_PROBE,
	COL_SUCCESS_ID,
	COL_ATTEMPTS,
	COL_NEXT,
	COL_LAST_ID,
	COL_LAST_STATUS,
	COL_LAST_ERROR,
	COL_DEAD_ID,
	COL_DEAD_REASON,
	COL_REPLAYED,
	COL_DISCARDED,
	COL_TRIED_SINCE,
	COL_WAITS_IN_ORDER, /* null: nothing is parked */
	COL_MSG_ID,
	COL_MSG_TYPE,
	COL_MSG_CHANNELS,
	COL_PAYLOAD_GONE,
	COL_DELIVER_AT,
	COL_ADRIFT,
	COL_UNVERIFIED,
};

/* Ids hold the time at which they were made. */
static struct wall
made_at(const PGresult *r, int row, int col)
{
	struct wall never = { 0 };
	return pg_null(r, row, col) ? never : id_time(pg_int(r, row, col));
}

static void
read_message(const PGresult *r, int row, struct standing *s)
{
	s->accepted = made_at(r, row, COL_MSG_ID);
	s->event_type = pg_str(r, row, COL_MSG_TYPE);
	s->channels = pg_str(r, row, COL_MSG_CHANNELS);
	s->payload_gone = pg_bool(r, row, COL_PAYLOAD_GONE);
	s->deliver_at = pg_time(r, row, COL_DELIVER_AT);
	s->adrift = pg_bool(r, row, COL_ADRIFT);
}

static void
read_endpoint(const PGresult *r, int row, struct arena *a, struct standing *s)
{
	struct str *list;
	s->matched = pg_bool(r, row, COL_MATCHED);
	s->disabled = pg_bool(r, row, COL_DISABLED);
	s->unverified = pg_bool(r, row, COL_UNVERIFIED);
	s->disabled_reason = pg_str(r, row, COL_DISABLED_REASON);
	s->nevent_types = pg_strs(r, row, COL_EVENT_TYPES, a, &list);
	s->event_types = list;
	s->nchannels = pg_strs(r, row, COL_CHANNELS, a, &list);
	s->endpoint_channels = list;
	s->throttle_rate = pg_int(r, row, COL_THROTTLE_RATE);
	s->paused = pg_bool(r, row, COL_PAUSED);
	s->created = pg_time(r, row, COL_CREATED);
	s->updated = pg_time(r, row, COL_UPDATED);
	s->deleted = pg_time(r, row, COL_DELETED);
	s->hold = (enum hold_state)pg_int(r, row, COL_HOLD);
	s->probe = pg_time(r, row, COL_PROBE);
}

static void
read_outcome(const PGresult *r, int row, struct standing *s)
{
	s->attempts = pg_int(r, row, COL_ATTEMPTS);
	s->succeeded = made_at(r, row, COL_SUCCESS_ID);
	s->last_status = pg_int(r, row, COL_LAST_STATUS);
	s->last_error = pg_str(r, row, COL_LAST_ERROR);
	s->next = pg_time(r, row, COL_NEXT);
	s->waits = !pg_null(r, row, COL_WAITS_IN_ORDER);
	s->waits_in_order = pg_bool(r, row, COL_WAITS_IN_ORDER);
	s->given_up = !pg_null(r, row, COL_DEAD_ID);
	s->dead_reason = (enum dead_reason)pg_int(r, row, COL_DEAD_REASON);
	s->given_up_at = made_at(r, row, COL_DEAD_ID);
	s->replayed = pg_time(r, row, COL_REPLAYED);
	s->discarded = pg_time(r, row, COL_DISCARDED);
	s->tried_since = pg_bool(r, row, COL_TRIED_SINCE);
}

static void
put_time_or_null(struct jw *j, const char *key, struct wall t)
{
	if (t.us)
		jw_put_time(j, key, t);
	else
		jw_put_null(j, key);
}

static void
put_last_attempt(struct jw *j, const PGresult *r, int row)
{
	jw_key(j, "lastAttempt");
	if (pg_null(r, row, COL_LAST_ID)) {
		jw_null(j);
		return;
	}
	jw_open_object(j);
	jw_put_id(j, "id", ID_ATTEMPT, pg_int(r, row, COL_LAST_ID));
	jw_put_i64(j, "responseStatusCode", pg_int(r, row, COL_LAST_STATUS));
	jw_put_text_or_null(j, "error", pg_str(r, row, COL_LAST_ERROR));
	jw_put_time(j, "timestamp", made_at(r, row, COL_LAST_ID));
	jw_close_object(j);
}

static void
put_dead_letter(struct jw *j, const PGresult *r, int row)
{
	if (pg_null(r, row, COL_DEAD_ID))
		jw_put_null(j, "deadLetterId");
	else
		jw_put_id(j, "deadLetterId", ID_DEAD_LETTER, pg_int(r, row, COL_DEAD_ID));
}

static void
write_endpoint(struct call *c, struct jw *j, const PGresult *r, int row)
{
	struct standing s = { 0 };
	read_message(r, row, &s);
	read_endpoint(r, row, c->arena, &s);
	read_outcome(r, row, &s);
	struct verdict v = explain_verdict(&s, loop_wall(c->parts->loop), c->arena);
	jw_open_object(j);
	jw_put_id(j, "endpointId", ID_ENDPOINT, pg_int(r, row, COL_ID));
	jw_put_text_or_null(j, "endpointUid", pg_str(r, row, COL_UID));
	jw_put_text(j, "url", pg_str(r, row, COL_URL));
	jw_put_bool(j, "deleted", s.deleted.us != 0);
	jw_put_bool(j, "matched", s.matched);
	jw_put_text(j, "state", str_of(v.state));
	jw_put_text_or_null(j, "reason", v.reason ? str_of(v.reason) : (struct str){ NULL, 0 });
	jw_put_i64(j, "attempts", s.attempts);
	put_last_attempt(j, r, row);
	put_dead_letter(j, r, row);
	put_time_or_null(j, "next", v.next);
	jw_put_text(j, "explanation", str_of(v.because));
	jw_close_object(j);
}

static void
on_explained(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0]))
		page_reply(c, c->state, r->res[0], write_endpoint);
	else
		call_not_found(c);
}

void
api_message_explain(struct call *c)
{
	struct page *p = arena_alloc(c->arena, sizeof(*p));
	if (call_page(c, ID_ENDPOINT, false, p))
		return;
	struct pg_args *a = message_args(c);
	pg_arg_int8(a, p->cursor);
	pg_arg_int4(a, page_rows(p));
	pg_arg_bool(a, !page_up(p));
	c->state = p;
	call_query_one(c, &stmt_message_explain, a, on_explained);
}
