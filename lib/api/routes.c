/* Every route of the API, in one table, and the way from a path to its row.
 *
 * A path matches segment by segment; {name} takes any segment that is not empty. The first row that
 * fits path and method wins, so literal paths stand before those with a placeholder in their place.
 * The busiest route stands first. */
#include "api/routes.h"

#include <stdio.h>

#include "api/handlers.h"
#include "api/percent.h"

const struct route routes[] = {
	/* messages */
	{ HTTP_POST, "/app/{app}/msg", ACCESS_ORG, api_message_create, .own_keys = true },
	{ HTTP_POST, "/app/{app}/msg/batch", ACCESS_ORG, api_message_batch, .own_keys = true },
	{ HTTP_GET, "/app/{app}/msg", ACCESS_APP, api_message_list, .replica = true },
	{ HTTP_GET, "/app/{app}/msg/{msg}", ACCESS_APP, api_message_get },
	{ HTTP_GET, "/app/{app}/msg/{msg}/explain", ACCESS_APP, api_message_explain,
	    .id = "v1.message.explain",
	    .summary = "Tell what became of a message and what comes next",
	    .query = "limit iterator order", .out = "200 ListResponse_MessageExplainOut_" },
	{ HTTP_DELETE, "/app/{app}/msg/{msg}/content", ACCESS_ORG, api_message_expunge },

	/* attempts */
	{ HTTP_GET, "/app/{app}/attempt/endpoint/{endpoint}", ACCESS_APP, api_attempt_by_endpoint,
	    .replica = true },
	{ HTTP_GET, "/app/{app}/attempt/msg/{msg}", ACCESS_APP, api_attempt_by_msg,
	    .replica = true },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/msg", ACCESS_APP, api_endpoint_message_list,
	    .replica = true },
	{ HTTP_GET, "/app/{app}/msg/{msg}/endpoint", ACCESS_APP, api_message_endpoint_list,
	    .replica = true },
	{ HTTP_GET, "/app/{app}/msg/{msg}/attempt", ACCESS_APP, api_attempt_by_msg,
	    .replica = true },
	{ HTTP_GET, "/app/{app}/msg/{msg}/attempt/{attempt}", ACCESS_APP, api_attempt_get },
	{ HTTP_DELETE, "/app/{app}/msg/{msg}/attempt/{attempt}/content", ACCESS_ORG,
	    api_attempt_expunge },
	{ HTTP_GET, "/app/{app}/msg/{msg}/endpoint/{endpoint}/attempt", ACCESS_APP,
	    api_attempt_by_msg_and_endpoint, .replica = true },
	{ HTTP_POST, "/app/{app}/msg/{msg}/endpoint/{endpoint}/resend", ACCESS_APP, api_resend },

	/* dead letters */
	{ HTTP_GET, "/dead-letter", ACCESS_ORG, api_dead_letter_list, .replica = true },
	{ HTTP_GET, "/dead-letter/summary", ACCESS_ORG, api_dead_letter_summary, .replica = true },
	{ HTTP_POST, "/dead-letter/replay", ACCESS_ORG, api_dead_letter_replay_all },
	{ HTTP_POST, "/dead-letter/discard", ACCESS_ORG, api_dead_letter_discard_all },
	{ HTTP_GET, "/app/{app}/dead-letter", ACCESS_APP, api_dead_letter_app_list,
	    .replica = true },
	{ HTTP_GET, "/app/{app}/dead-letter/{dead_letter}", ACCESS_APP, api_dead_letter_get },
	{ HTTP_POST, "/app/{app}/dead-letter/{dead_letter}/replay", ACCESS_APP,
	    api_dead_letter_replay },
	{ HTTP_POST, "/app/{app}/dead-letter/{dead_letter}/discard", ACCESS_APP,
	    api_dead_letter_discard },

	/* background tasks */
	{ HTTP_GET, "/background-task", ACCESS_ORG, api_task_list },
	{ HTTP_GET, "/background-task/{task}", ACCESS_ORG, api_task_get },
	{ HTTP_POST, "/background-task/{task}/pause", ACCESS_ORG, api_task_pause },
	{ HTTP_POST, "/background-task/{task}/resume", ACCESS_ORG, api_task_resume },
	{ HTTP_POST, "/background-task/{task}/cancel", ACCESS_ORG, api_task_cancel },

	/* applications */
	{ HTTP_POST, "/app", ACCESS_ORG, api_app_create },
	{ HTTP_GET, "/app", ACCESS_ORG, api_app_list },
	{ HTTP_GET, "/app/{app}", ACCESS_APP, api_app_get },
	{ HTTP_PUT, "/app/{app}", ACCESS_ORG, api_app_put },
	{ HTTP_PATCH, "/app/{app}", ACCESS_ORG, api_app_patch },
	{ HTTP_DELETE, "/app/{app}", ACCESS_ORG, api_app_delete },

	/* endpoints */
	{ HTTP_POST, "/app/{app}/endpoint", ACCESS_APP, api_endpoint_create },
	{ HTTP_GET, "/app/{app}/endpoint", ACCESS_APP, api_endpoint_list },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_get },
	{ HTTP_PUT, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_put },
	{ HTTP_PATCH, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_patch },
	{ HTTP_DELETE, "/app/{app}/endpoint/{endpoint}", ACCESS_APP, api_endpoint_delete },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/secret", ACCESS_APP, api_endpoint_secret_get },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/secret/rotate", ACCESS_APP,
	    api_endpoint_secret_rotate },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/headers", ACCESS_APP,
	    api_endpoint_headers_get },
	{ HTTP_PUT, "/app/{app}/endpoint/{endpoint}/headers", ACCESS_APP,
	    api_endpoint_headers_put },
	{ HTTP_PATCH, "/app/{app}/endpoint/{endpoint}/headers", ACCESS_APP,
	    api_endpoint_headers_patch },
	{ HTTP_GET, "/app/{app}/endpoint/{endpoint}/stats", ACCESS_APP, api_endpoint_stats },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/send-example", ACCESS_ORG, call_not_offered },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/recover", ACCESS_APP, call_not_offered },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/replay-missing", ACCESS_APP,
	    call_not_offered },
	{ HTTP_POST, "/app/{app}/endpoint/{endpoint}/bulk-replay", ACCESS_APP, call_not_offered },

	/* event types */
	{ HTTP_POST, "/event-type", ACCESS_ORG, api_event_type_create },
	{ HTTP_GET, "/event-type", ACCESS_READ, api_event_type_list },
	{ HTTP_GET, "/event-type/{name}", ACCESS_READ, api_event_type_get },
	{ HTTP_PUT, "/event-type/{name}", ACCESS_ORG, api_event_type_put },
	{ HTTP_PATCH, "/event-type/{name}", ACCESS_ORG, api_event_type_patch },
	{ HTTP_DELETE, "/event-type/{name}", ACCESS_ORG, api_event_type_delete },

	/* tokens; a logout that forgets nothing would be a lie, so there is none */
	{ HTTP_POST, "/auth/app-portal-access/{app}", ACCESS_ORG, api_portal_access },
	{ HTTP_POST, "/auth/dashboard-access/{app}", ACCESS_ORG, api_dashboard_access },
	{ HTTP_POST, "/auth/logout", ACCESS_NONE, call_not_offered },
	{ HTTP_POST, "/auth/app/{app}/expire-all", ACCESS_ORG, call_not_offered },

	/* health */
	{ HTTP_GET, "/health", ACCESS_NONE, api_health },
	{ HTTP_GET, "/health/ping", ACCESS_NONE, api_health_ping },
};
const int routes_count = ARRAY_LEN(routes);

/* Families of the same API that Posthorn does not have: these paths and everything below them. */
static const char *const not_offered[] = {
	"/app/{app}/endpoint/{endpoint}/auto-config",
	"/app/{app}/endpoint/{endpoint}/transformation",
	"/app/{app}/integration",
	"/app/{app}/msg/bulk-expunge",
	"/app/{app}/msg/expunge-all-contents",
	"/app/{app}/msg/precheck",
	"/app/{app}/poller",
	"/app/{app}/polling-endpoint",
	"/auth/stream",
	"/autoconfig",
	"/connector",
	"/destination",
	"/environment",
	"/event-type/import",
	"/ingest",
	"/operational-webhook",
	"/stats",
	"/stream",
};

/* Takes "/segment" off the front of a path; false when there is none. */
static bool
next_segment(struct str *path, struct str *ret)
{
	if (path->n < 2 || path->p[0] != '/')
		return false;
	const char *start = path->p + 1;
	const char *slash = memchr(start, '/', path->n - 1);
	size_t n = slash ? (size_t)(slash - start) : path->n - 1;
	*ret = (struct str){ start, n };
	*path = (struct str){ start + n, path->n - 1 - n };
	return n > 0;
}

/* Walks pattern and path together. Parameters go to params (still encoded), their number to *ret_n.
 * *rest is what the path has more than the pattern. */
static bool
match(const char *pattern, struct str path, struct str params[CALL_PARAMS_MAX], int *ret_n,
    struct str *rest)
{
	struct str want = str_of(pattern), expected, given;
	int n = 0;
	while (next_segment(&want, &expected)) {
		if (!next_segment(&path, &given))
			return false;
		if (expected.p[0] == '{')
			params[n++] = given;
		else if (!str_eq(expected, given))
			return false;
	}
	*ret_n = n;
	*rest = path;
	return true;
}

static void
allow(struct route_match *m, enum http_method method)
{
	size_t n = strlen(m->allow);
	snprintf(m->allow + n, sizeof(m->allow) - n, "%s%s%s", n ? ", " : "",
	    http_method_to_text(method), method == HTTP_GET ? ", HEAD" : "");
}

static bool
is_not_offered(struct str path)
{
	struct str params[CALL_PARAMS_MAX], rest;
	int n;
	for (size_t i = 0; i < ARRAY_LEN(not_offered); i++)
		if (match(not_offered[i], path, params, &n, &rest))
			return true;
	return false;
}

static int
decode_params(struct route_match *m, struct arena *a, struct err *e)
{
	for (int i = 0; i < m->nparams; i++)
		if (percent_decode(m->params[i], false, a, &m->params[i]))
			return err_set(e, ERR_BAD_REQUEST, "the path is not well encoded");
	return 0;
}

int
route_find(enum http_method method, struct str path, struct arena *a, struct route_match *ret,
    struct err *e)
{
	*ret = (struct route_match){ 0 };
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	enum http_method as = method == HTTP_HEAD ? HTTP_GET : method;
	for (int i = 0; i < routes_count; i++) {
		struct str rest;
		if (!match(routes[i].path, path, ret->params, &ret->nparams, &rest) || rest.n)
			continue;
		if (routes[i].method == as) {
			ret->route = &routes[i];
			return decode_params(ret, a, e);
		}
		allow(ret, routes[i].method);
	}
	ret->not_offered = !ret->allow[0] && is_not_offered(path);
	return 0;
}
