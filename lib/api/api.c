/* The API's front door: a request comes in, is judged (path, method, caller, encoding) and handed
 * to the handler its route names. Nothing of a request outlives its answer; what is here for longer
 * is the memory of tokens and the paths that the layer above adds. */
#include "api/api.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#include "api/operational.h"
#include "api/routes.h"
#include "rest/admit.h"
#include "rest/auth.h"
#include "rest/call.h"
#include "rest/cors.h"
#include "rest/idempotency.h"
#include "rest/query.h"
#include "rest/reply.h"
#include "store/event_schemas.h"

#define PATHS_MAX 8
#define BASE      "/api/v1"
#define INGEST    "/ingest/" /* another API of the same clients, beside that one */

struct extra_path {
	const char *path;
	void (*fn)(void *ctx, struct http_request *rq);
	void *ctx;
};

struct api {
	struct rest_parts parts;
	int npaths;
	struct extra_path paths[PATHS_MAX];
};

struct api *
api_new(const struct rest_parts *parts)
{
	struct api *a = mem_zalloc(sizeof(*a));
	a->parts = *parts;
	if (parts->config->payload_validation != VALIDATION_OFF)
		a->parts.schemas = event_schemas_new();
	a->parts.auth = auth_new(parts->token_key);
	return a;
}

void
api_free(struct api *a)
{
	if (!a)
		return;
	auth_free(a->parts.auth);
	event_schemas_free(a->parts.schemas);
	free(a);
}

void
api_add_path(
    struct api *a, const char *path, void (*fn)(void *ctx, struct http_request *rq), void *ctx)
{
	assert(a->npaths < PATHS_MAX);
	a->paths[a->npaths++] = (struct extra_path){ path, fn, ctx };
}

/* ---- who may ---- */

static int
authenticate(struct call *c)
{
	struct err e;
	struct wall now = loop_wall(c->parts->loop);
	struct str header = http_header_get(c->rq, "authorization");
	if (auth_check(c->parts->auth, header, now, &c->token, &e) == 0)
		return 0;
	call_fail(c, &e);
	return -1;
}

/* The application of the path. An application token reaches its own only; every other one is as if
 * it did not exist. By uid the database decides: then id and uid must both fit. */
static int
resolve_app(struct call *c)
{
	c->app = call_ref(ID_APP, c->params[0]);
	if (!c->token.app[0])
		return 0;
	int64_t own;
	if (id_from_text(ID_APP, str_of(c->token.app), &own) || (c->app.id && c->app.id != own)) {
		call_not_found(c);
		return -1;
	}
	c->app.id = own;
	return 0;
}

static int
authorize(struct call *c)
{
	if (c->route->access == ACCESS_ORG && c->token.app[0]) {
		call_fail_with(c, ERR_FORBIDDEN, "An organisation token is needed");
		return -1;
	}
	if (c->nparams > 0 && strstr(c->route->path, "{app}") && resolve_app(c))
		return -1;
	return admit_route(c);
}

/* ---- dispatch ---- */

static struct call *
call_new(struct api *a, struct http_request *rq)
{
	struct call *c = arena_zalloc(rq->arena, sizeof(*c));
	c->parts = &a->parts;
	c->rq = rq;
	c->arena = rq->arena;
	return c;
}

static void
answer_not_allowed(struct call *c, const char *allow)
{
	char line[ROUTE_ALLOW_SIZE + 16];
	snprintf(line, sizeof(line), "allow: %s\r\n", allow);
	reply_send(c, 405,
	    STR("{\"code\":\"method_not_allowed\",\"detail\":\"Method not allowed\"}"), line);
}

static void
answer_no_route(struct call *c, const struct route_match *m)
{
	if (m->not_offered) {
		call_not_offered(c);
		return;
	}
	if (m->allow[0])
		answer_not_allowed(c, m->allow);
	else
		call_fail_with(c, ERR_NOT_FOUND, "There is nothing at this path");
}

static void
run(struct call *c)
{
	void (*handle)(struct call * c) =
	    c->route->operational ? operational_handle : c->route->handle;
	if (c->rq->method == HTTP_POST && !c->route->own_keys)
		key_guard(c, handle);
	else
		handle(c);
}

static void
authorize_and_run(struct call *c)
{
	if (authorize(c) == 0)
		run(c);
}

static void
dispatch(struct call *c, struct str path)
{
	struct route_match m;
	struct err e;
	if (route_find(c->rq->method, path, c->arena, &m, &e)) {
		call_fail(c, &e);
		return;
	}
	if (!m.route) {
		answer_no_route(c, &m);
		return;
	}
	c->route = m.route;
	c->replica = m.route->replica;
	c->nparams = m.nparams;
	memcpy(c->params, m.params, sizeof(c->params));
	if (!query_well_encoded(c)) {
		call_fail_with(c, ERR_BAD_REQUEST, "the query is not well encoded");
		return;
	}
	if (m.route->access == ACCESS_NONE)
		run(c);
	else if (authenticate(c) == 0)
		admit(c, authorize_and_run);
}

static const struct extra_path *
find_extra(const struct api *a, struct str path)
{
	for (int i = 0; i < a->npaths; i++)
		if (str_eq(path, str_of(a->paths[i].path)))
			return &a->paths[i];
	return NULL;
}

void
api_handle(void *ctx, struct http_request *rq)
{
	struct api *a = ctx;
	const struct extra_path *extra = find_extra(a, rq->path);
	if (extra) {
		if (rq->method == HTTP_GET || rq->method == HTTP_HEAD)
			extra->fn(extra->ctx, rq);
		else
			answer_not_allowed(call_new(a, rq), "GET, HEAD");
		return;
	}
	if (rq->method == HTTP_OPTIONS) {
		cors_preflight(rq);
		return;
	}
	struct call *c = call_new(a, rq);
	struct str path = rq->path;
	if (str_starts(path, STR(BASE "/")))
		dispatch(c, (struct str){ path.p + strlen(BASE), path.n - strlen(BASE) });
	else if (str_starts(path, STR(INGEST)))
		call_not_offered(c);
	else
		call_fail_with(c, ERR_NOT_FOUND, "There is nothing at this path");
}
