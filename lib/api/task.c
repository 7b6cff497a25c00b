/* /background-task: work that goes on after the answer (task_runner.h does it).
 *
 * The published SDKs know fewer words than we have, and fail on others: a list with one task that
 * an operator has paused could not be read at all. A caller that is one of them (it sends
 * svix-req-id) is told of a paused task that it runs, of a cancelled one that it failed, and its
 * lists leave out the tasks whose names it does not know. */
#include "api/task.h"

#include "base/attr.h"

#include "api/dead_letter_act.h"
#include "api/handlers.h"
#include "api/task_runner.h"
#include "api/usage_out.h"
#include "statements.h"

/* Columns of every statement that returns tasks. */
enum {
	COL_ID,
	COL_NAME,
	COL_STATUS,
	COL_TOTAL,
	COL_DONE,
	COL_FAILED,
	COL_RATE,
	COL_APP_ID,
	COL_FILTER,
	COL_BY,
	COL_CREATED_AT,
	COL_UPDATED_AT,
	COL_CURSOR,
};

/* ---- words -------------------------------------------------------------------------------- */

static const struct {
	const char *ours, *sdk;
} statuses[] = {
	{ "running", "running" },
	{ "finished", "finished" },
	{ "failed", "failed" },
	{ "paused", "running" },
	{ "canceled", "failed" },
};

static bool
is_sdk(const struct call *c)
{
	return http_header_get(c->rq, "svix-req-id").p;
}

static struct str
status_for(const struct call *c, struct str status)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (is_sdk(c) && str_eq(str_of(statuses[i].ours), status))
			return str_of(statuses[i].sdk);
	return status;
}

/* The stored ones that are meant by a word; returns how many. */
static int
statuses_of(const struct call *c, struct str word, struct str ret[ARRAY_LEN(statuses)])
{
	int n = 0;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (str_eq(str_of(is_sdk(c) ? statuses[i].sdk : statuses[i].ours), word))
			ret[n++] = str_of(statuses[i].ours);
	return n;
}

/* ---- as JSON ------------------------------------------------------------------------------ */

static void
write_members(struct call *c, struct jw *j, const PGresult *r, int row, const PGresult *results)
{
	jw_put_id(j, "id", ID_TASK, pg_int(r, row, COL_ID));
	jw_put_text(j, "task", pg_str(r, row, COL_NAME));
	jw_put_text(j, "status", status_for(c, pg_str(r, row, COL_STATUS)));
	jw_put_i64(j, "total", pg_int(r, row, COL_TOTAL));
	jw_put_i64(j, "done", pg_int(r, row, COL_DONE));
	jw_put_i64(j, "failed", pg_int(r, row, COL_FAILED));
	if (pg_null(r, row, COL_RATE))
		jw_put_null(j, "ratePerSecond");
	else
		jw_put_i64(j, "ratePerSecond", pg_int(r, row, COL_RATE));
	if (!pg_null(r, row, COL_APP_ID))
		jw_put_id(j, "appId", ID_APP, pg_int(r, row, COL_APP_ID));
	jw_put_text(j, "by", pg_str(r, row, COL_BY));
	jw_key(j, "data");
	if (results)
		usage_put(c, j, pg_str(r, row, COL_NAME), results);
	else
		jw_raw(j, pg_str(r, row, COL_FILTER));
	/* What was made up to here has been looked at. */
	if (pg_int(r, row, COL_CURSOR) > 0)
		jw_put_time(j, "position", id_time(pg_int(r, row, COL_CURSOR)));
	jw_put_time(j, "createdAt", pg_time(r, row, COL_CREATED_AT));
	jw_put_time(j, "updatedAt", pg_time(r, row, COL_UPDATED_AT));
}

static void
write_task(struct call *c, struct jw *j, const PGresult *r, int row)
{
	jw_open_object(j);
	write_members(c, j, r, row, NULL);
	jw_close_object(j);
}

static void
reply_task(struct call *c, int status, const PGresult *r)
{
	struct jw *j = call_json(c);
	write_task(c, j, r, 0);
	call_reply_json(c, status, j);
}

/* ---- making one ---- */

static void
on_created(struct call *c, const struct pg_result *r)
{
	const struct names *unresolved = c->state;
	struct jw *j = call_json(c);
	task_runner_kick(c->parts->tasks);
	jw_open_object(j);
	write_members(c, j, r->res[0], 0, NULL);
	if (unresolved) {
		jw_key(j, "unresolvedAppIds");
		jw_open_array(j);
		for (int i = 0; i < unresolved->n; i++)
			jw_text(j, unresolved->name[i]);
		jw_close_array(j);
	}
	jw_close_object(j);
	call_reply_json(c, 202, j);
}

void
task_start(struct call *c, const struct task_in *in)
{
	struct pg_args *a = call_args(c);
	int64_t id;
	if (call_new_id(c, &id))
		return;
	pg_arg_int8(a, id);
	pg_arg_text(a, str_of(c->token.org));
	if (in->app_id)
		pg_arg_int8(a, in->app_id);
	else
		pg_arg_null(a);
	pg_arg_text(a, str_of(in->name));
	pg_arg_text(a, in->filter);
	if (in->rate)
		pg_arg_int4(a, (int32_t)in->rate);
	else
		pg_arg_null(a);
	pg_arg_int8(a, in->total);
	pg_arg_int8(a, in->cursor);
	pg_arg_text(a, call_subject(c));
	c->state = (void *)(uintptr_t)in->unresolved;
	call_query_one(c, &stmt_task_create, a, on_created);
}

/* ---- reading ---- */

static struct pg_args *
task_args(struct call *c)
{
	struct pg_args *a = call_args(c);
	int64_t id;
	if (id_from_text(ID_TASK, c->params[0], &id))
		id = -1;
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_int8(a, id);
	return a;
}

static void
on_got(struct call *c, const struct pg_result *r)
{
	const PGresult *task = r->res[0];
	if (!pg_rows(task)) {
		call_not_found(c);
		return;
	}
	/* What was found, until it is forgotten; before and afterwards what was asked for. */
	bool found = str_eq(pg_str(task, 0, COL_STATUS), STR("finished")) &&
		     usage_is(pg_str(task, 0, COL_NAME)) &&
		     (pg_rows(r->res[1]) || pg_int(task, 0, COL_DONE) == 0);
	struct jw *j = call_json(c);
	jw_open_object(j);
	write_members(c, j, task, 0, found ? r->res[1] : NULL);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

void
api_task_get(struct call *c)
{
	const struct pg_call calls[] = { { &stmt_task_get, task_args(c) },
		{ &stmt_task_results, task_args(c) } };
	call_query_db(c, calls, ARRAY_LEN(calls), on_got);
}

static void
on_listed(struct call *c, const struct pg_result *r)
{
	page_reply(c, c->state, r->res[0], write_task);
}

/* Two arguments: statuses or null, names or null. */
static int
arg_filters(struct call *c, struct pg_args *a)
{
	const struct str sdk_names[] = { STR(TASK_RECOVER), STR(TASK_REPLAY_MISSING),
		STR(TASK_BULK_REPLAY), STR(TASK_EXPUNGE), STR(TASK_APP_STATS),
		STR(TASK_EVENT_TYPES) };
	struct str stored[ARRAY_LEN(statuses)];
	struct str status = call_query(c, "status"), task = call_query(c, "task");
	int n = statuses_of(c, status, stored);
	if (status.p && n == 0) {
		call_invalid_query(c, "status", "is none of the words there are");
		return -1;
	}
	if (status.p)
		pg_arg_texts(a, stored, n);
	else
		pg_arg_null(a);
	if (task.p)
		pg_arg_texts(a, &task, 1);
	else if (is_sdk(c))
		pg_arg_texts(a, sdk_names, ARRAY_LEN(sdk_names));
	else
		pg_arg_null(a);
	return 0;
}

void
api_task_list(struct call *c)
{
	struct page *p = arena_alloc(c->arena, sizeof(*p));
	if (call_page(c, ID_TASK, true, p))
		return;
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_int8(a, p->cursor);
	pg_arg_int4(a, page_rows(p));
	if (arg_filters(c, a))
		return;
	c->state = p;
	call_query_one(c, page_up(p) ? &stmt_task_list_up : &stmt_task_list_down, a, on_listed);
}

/* ---- pausing and the like ---- */

static void
on_set(struct call *c, const struct pg_result *r)
{
	if (pg_rows(r->res[0])) {
		task_runner_kick(c->parts->tasks);
		reply_task(c, 200, r->res[0]);
	} else if (pg_rows(r->res[1])) {
		call_fail_with(
		    c, ERR_CONFLICT, "The task is %.*s", STR_FMT(pg_str(r->res[1], 0, COL_STATUS)));
	} else {
		call_not_found(c);
	}
}

/* What the task is already stays so: repeating a request does no harm. */
static void
set(struct call *c, const struct str *from, int nfrom, const char *to)
{
	struct pg_args *a = task_args(c);
	pg_arg_texts(a, from, nfrom);
	pg_arg_text(a, str_of(to));
	const struct pg_call calls[] = { { &stmt_task_set, a }, { &stmt_task_get, task_args(c) } };
	call_query_db(c, calls, ARRAY_LEN(calls), on_set);
}

void
api_task_pause(struct call *c)
{
	const struct str from[] = { STR("running"), STR("paused") };
	set(c, from, ARRAY_LEN(from), "paused");
}

void
api_task_resume(struct call *c)
{
	const struct str from[] = { STR("running"), STR("paused") };
	set(c, from, ARRAY_LEN(from), "running");
}

void
api_task_cancel(struct call *c)
{
	const struct str from[] = { STR("running"), STR("paused"), STR("canceled") };
	set(c, from, ARRAY_LEN(from), "canceled");
}
