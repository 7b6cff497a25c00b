/* Whether this worker can do its work: the database answers, the sender moves. For load balancers
 * that want more detail than /readyz gives. */
#include "api/handlers.h"
#include "statements.h"

static void
put_status(struct jw *j, const char *part, bool ok)
{
	jw_key(j, part);
	jw_open_object(j);
	jw_put_text(j, "status", ok ? STR("ok") : STR("error"));
	jw_close_object(j);
}

static void
on_ping(struct call *c, const struct pg_result *r, const struct err *e)
{
	(void)e; /* the log of the connection says why */
	bool database = r != NULL;
	bool queue = !sender_stalled(c->parts->sender) && !ingest_stalled(c->parts->ingest);
	struct jw *j = call_json(c);
	jw_open_object(j);
	put_status(j, "database", database);
	put_status(j, "queue", queue);
	put_status(j, "cache", true); /* the catalogue: in memory, checked at every use */
	jw_close_object(j);
	call_reply_json(c, database && queue ? 200 : 500, j);
}

void
api_health(struct call *c)
{
	const struct pg_call ping = { &stmt_ping, NULL };
	call_query_either(c, &ping, 1, on_ping);
}

void
api_health_ping(struct call *c)
{
	call_reply_empty(c, 204);
}
