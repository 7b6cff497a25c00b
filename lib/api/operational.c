/* /operational-webhook/endpoint: who is told what happens in an organisation.
 *
 * They are endpoints of an application like any other: the one in NOTICES_ORG whose uid is the
 * organisation's id (ops/notices.h). So a call becomes one of that application's, made when it is
 * not there yet, and goes to the handler of endpoints. */
#include "api/operational.h"

#include <stdio.h>

#include "api/app_in.h"
#include "statements.h"
#include "store/watched.h"

/* As if /app/{organisation}/endpoint had been asked for with a token of NOTICES_ORG. */
static void
become_managers(struct call *c)
{
	c->app = (struct ref){ .uid = str_of(arena_strdup(c->arena, c->token.org)) };
	snprintf(c->token.org, sizeof(c->token.org), "%s", NOTICES_ORG);
	for (int i = c->nparams; i > 0; i--)
		c->params[i] = c->params[i - 1];
	c->params[0] = c->app.uid;
	c->nparams++;
}

static void
on_made(struct call *c, const struct pg_result *r)
{
	(void)r; /* no row: it is there */
	c->route->handle(c);
}

static void
make_app(struct call *c)
{
	const struct app_in in = {
		.name = STR("Operational webhooks"), .uid = c->app.uid, .metadata = STR("{}")
	};
	int64_t id;
	if (call_new_id(c, &id) == 0)
		call_query_one(c, &stmt_app_create, app_in_create_args(c, id, &in), on_made);
}

void
operational_handle(struct call *c)
{
	bool makes = c->nparams == 0 || c->rq->method == HTTP_PUT;
	become_managers(c);
	if (makes)
		make_app(c);
	else
		c->route->handle(c);
}
