/* Replaying and discarding one dead letter. */
#include "api/dead_letter_act.h"

#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "rest/home.h"
#include "statements.h"

struct pg_args *
dead_letter_args(struct call *c)
{
	struct pg_args *a = call_args(c);
	int64_t id;
	if (id_from_text(ID_DEAD_LETTER, c->params[1], &id))
		id = -1;
	call_arg_app(c, a);
	pg_arg_int8(a, id);
	return a;
}

struct str
call_subject(const struct call *c)
{
	return str_of(c->token.app[0] ? c->token.app : c->token.org);
}

/* Columns of dead_letter_replay.sql. */
enum {
	REPLAY_APP_ID,
	REPLAY_ID,
	REPLAY_MSG_ID,
	REPLAY_ENDPOINT_ID,
	REPLAY_OPEN,
	REPLAY_PAYLOAD,
	REPLAY_LIVE,
	REPLAY_ENABLED,
	REPLAY_HELD,
	REPLAY_MARKED,
	REPLAY_UNVERIFIED,
};

static void
refuse_closed(struct call *c)
{
	call_fail_with(c, ERR_CONFLICT, "The dead letter was replayed or discarded before");
}

/* One that was open when the statement began, and could be delivered under a held slot, was closed
 * by somebody who was faster. */
static void
refuse_replay(struct call *c, const PGresult *r)
{
	bool open = pg_bool(r, 0, REPLAY_OPEN);
	if (open && !pg_bool(r, 0, REPLAY_PAYLOAD))
		call_fail_code(c, 400, "missing_payload", "The message's payload is gone");
	else if (open && !pg_bool(r, 0, REPLAY_LIVE))
		call_fail_code(c, 400, "endpoint_deleted", "The endpoint is deleted");
	else if (open && !pg_bool(r, 0, REPLAY_ENABLED))
		endpoint_refuses(c, !pg_bool(r, 0, REPLAY_UNVERIFIED), true);
	else if (open && !pg_bool(r, 0, REPLAY_HELD))
		call_fail_with(c, ERR_UNAVAILABLE, "this worker has lost its slot; try again");
	else
		refuse_closed(c);
}

static void
on_replayed(struct call *c, const struct pg_result *result)
{
	const PGresult *r = result->res[1];
	const struct home *home = c->state;
	if (!pg_rows(r)) {
		call_not_found(c);
	} else if (!pg_bool(r, 0, REPLAY_MARKED)) {
		refuse_replay(c, r);
	} else {
		home_replay(c->parts->sender, home, pg_int(r, 0, REPLAY_APP_ID),
		    pg_int(r, 0, REPLAY_MSG_ID), pg_int(r, 0, REPLAY_ENDPOINT_ID),
		    pg_int(r, 0, REPLAY_ID), TRIGGER_REPLAY);
		call_reply_empty(c, 202);
	}
}

void
api_dead_letter_replay(struct call *c)
{
	struct home *home = arena_alloc(c->arena, sizeof(*home));
	if (call_home(c, home))
		return;
	struct pg_args *a = dead_letter_args(c);
	pg_arg_int2(a, home->slot);
	pg_arg_int8(a, home->epoch);
	pg_arg_time(a, home->due);
	pg_arg_text(a, call_subject(c));
	const struct pg_call calls[] = { { &stmt_fence, home_fence_args(c->arena, home) },
		{ &stmt_dead_letter_replay, a } };
	c->state = home;
	call_query_home(c, home, calls, ARRAY_LEN(calls), on_replayed);
}

static void
on_discarded(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0]))
		call_not_found(c);
	else if (pg_bool(r->res[0], 0, 0))
		call_reply_empty(c, 204);
	else
		refuse_closed(c);
}

void
api_dead_letter_discard(struct call *c)
{
	struct pg_args *a = dead_letter_args(c);
	pg_arg_text(a, call_subject(c));
	call_query_one(c, &stmt_dead_letter_discard, a, on_discarded);
}
