/* POST /app/{app}/msg/{msg}/endpoint/{endpoint}/resend: one more attempt, now, besides what is
 * planned. It is durable before it is answered: the attempt is a retry row that is due at once. */
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "api/message_out.h"
#include "rest/home.h"
#include "statements.h"

struct resending {
	struct home home;
	int64_t chain;
};

/* Columns of resend.sql. */
enum {
	COL_APP_ID,
	COL_MSG_ID,
	COL_ENDPOINT_ID,
	COL_NO_PAYLOAD,
	COL_DISABLED,
	COL_PLANNED,
	COL_UNVERIFIED,
};

static void
start(struct call *c, const PGresult *r)
{
	const struct resending *s = c->state;
	home_replay(c->parts->sender, &s->home, pg_int(r, 0, COL_APP_ID), pg_int(r, 0, COL_MSG_ID),
	    pg_int(r, 0, COL_ENDPOINT_ID), s->chain, TRIGGER_RESEND);
	call_reply_empty(c, 202);
}

static void
on_planned(struct call *c, const struct pg_result *result)
{
	const PGresult *r = result->res[1];
	if (!pg_rows(r))
		call_not_found(c);
	else if (pg_bool(r, 0, COL_PLANNED))
		start(c, r);
	else if (pg_bool(r, 0, COL_NO_PAYLOAD))
		call_fail_code(c, 400, "missing_payload", "The message's payload is gone");
	else if (!endpoint_refuses(c, pg_bool(r, 0, COL_DISABLED), pg_bool(r, 0, COL_UNVERIFIED)))
		call_fail_with(c, ERR_UNAVAILABLE, "this worker has lost its slot; try again");
}

void
api_resend(struct call *c)
{
	struct resending *s = arena_alloc(c->arena, sizeof(*s));
	struct ref endpoint = call_ref(ID_ENDPOINT, c->params[2]);
	if (call_home(c, &s->home))
		return;
	s->chain = sender_id(c->parts->sender);
	struct pg_args *a = message_args(c);
	call_arg_ref(a, &endpoint);
	pg_arg_int2(a, s->home.slot);
	pg_arg_int8(a, s->home.epoch);
	pg_arg_time(a, s->home.due);
	pg_arg_int8(a, s->chain);
	const struct pg_call calls[] = { { &stmt_fence, home_fence_args(c->arena, &s->home) },
		{ &stmt_resend, a } };
	c->state = s;
	call_query_home(c, &s->home, calls, ARRAY_LEN(calls), on_planned);
}
