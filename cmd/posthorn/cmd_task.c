/* posthorn task: work that goes on in the background, such as a replay. */
#include "body.h"
#include "call.h"
#include "command.h"

static const struct column columns[] = {
	{ "id", "ID", 0 },
	{ "task", "TASK", 0 },
	{ "status", "STATUS", 0 },
	{ "total", "TOTAL", COLUMN_RIGHT },
	{ "done", "DONE", COLUMN_RIGHT },
	{ "failed", "FAILED", COLUMN_RIGHT },
	{ "updatedAt", "UPDATED", COLUMN_TIME },
	{ 0 },
};

/* --status names what the server names. */
static int
run_list(struct session *s, const struct args *a, struct err *e)
{
	const char *path = "/background-task", *status = args_text(a, FLAG_STATUS);
	if (status)
		path = rest_query(a->arena, path, "status", status);
	return call_list(s, a, body_query(a, path, 0), columns, e);
}

static const struct command commands[] = {
	{ .verb = "list",
	    .summary = "list background tasks, newest first",
	    .detail = "--status takes running, paused, finished, failed or canceled here.",
	    .example = "posthorn task list --status running",
	    .flags = FLAGS_PAGES | FLAG_BIT(STATUS) | FLAG_BIT(TASK_KIND) | FLAG_BIT(ORDER),
	    .run = run_list },
	{ .verb = "get",
	    .words = "TASK",
	    .min = 1,
	    .max = 1,
	    .summary = "show a task and how far it is",
	    .example = "posthorn task get qtask_01Fq8ZxYk3b",
	    .run = call_run,
	    .method = "GET",
	    .path = "/background-task/*" },
	{ .verb = "pause",
	    .words = "TASK",
	    .min = 1,
	    .max = 1,
	    .summary = "stop a task for now",
	    .example = "posthorn task pause qtask_01Fq8ZxYk3b",
	    .run = call_run,
	    .method = "POST",
	    .path = "/background-task/*/pause",
	    .show = SHOW_DONE,
	    .done = "paused" },
	{ .verb = "resume",
	    .words = "TASK",
	    .min = 1,
	    .max = 1,
	    .summary = "go on with a paused task",
	    .example = "posthorn task resume qtask_01Fq8ZxYk3b",
	    .run = call_run,
	    .method = "POST",
	    .path = "/background-task/*/resume",
	    .show = SHOW_DONE,
	    .done = "resumed" },
	{ .verb = "cancel",
	    .words = "TASK",
	    .min = 1,
	    .max = 1,
	    .summary = "end a task; what it has done stays done",
	    .example = "posthorn task cancel qtask_01Fq8ZxYk3b",
	    .run = call_run,
	    .method = "POST",
	    .path = "/background-task/*/cancel",
	    .show = SHOW_DONE,
	    .done = "cancelled" },
	{ 0 },
};

const struct family family_task = {
	.name = "task",
	.summary = "background tasks: replays and recoveries, with their progress",
	.commands = commands,
};
