/* posthorn dead-letter: deliveries that were given up, and what to do about them.
 *
 * replay and discard act on one dead letter, or on all that a filter selects. Acting on everything
 * must be said with --all: a forgotten filter is an error, not a flood. */
#include "base/buf.h"
#include "base/jw.h"

#include "body.h"
#include "call.h"
#include "command.h"

static const struct column columns[] = {
	{ "id", "ID", 0 },
	{ "appId", "APP", 0 },
	{ "endpointId", "ENDPOINT", 0 },
	{ "eventType", "EVENT TYPE", 0 },
	{ "reason", "REASON", 0 },
	{ "attempts", "TRIES", COLUMN_RIGHT },
	{ "lastStatus", "STATUS", COLUMN_RIGHT },
	{ "createdAt", "CREATED", COLUMN_TIME },
	{ "replayedAt", "REPLAYED", COLUMN_TIME },
	{ "discardedAt", "DISCARDED", COLUMN_TIME },
	{ "lastError", "LAST ERROR", COLUMN_LONG },
	{ 0 },
};

static const struct column summary_columns[] = {
	{ "appId", "APP", 0 },
	{ "endpointId", "ENDPOINT", 0 },
	{ "reason", "REASON", 0 },
	{ "count", "COUNT", COLUMN_RIGHT },
	{ 0 },
};

#define FLAGS_FILTER                                                                               \
	(FLAG_BIT(APP) | FLAG_BIT(ENDPOINT) | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(REASON) |            \
	    FLAG_BIT(STATUS_CLASS) | FLAG_BIT(BEFORE) | FLAG_BIT(AFTER))

/* What has been done about them, where they are looked at. */
#define FLAGS_CLOSED (FLAG_BIT(REPLAYED) | FLAG_BIT(DISCARDED))

static int
run_list(struct session *s, const struct args *a, struct err *e)
{
	const char *app = args_text(a, FLAG_APP);
	const char *path =
	    rest_path(s->arena, app ? "/app/*/dead-letter" : "/dead-letter", &app, e);
	if (!path)
		return -1;
	return call_list(s, a, body_query(a, path, FLAG_BIT(APP)), columns, e);
}

/* Counts: rows when the server gives rows, else what it gives. */
static int
run_summary(struct session *s, const struct args *a, struct err *e)
{
	return call_list(s, a, body_query(a, "/dead-letter/summary", 0), summary_columns, e);
}

static bool
any_filter(const struct args *a)
{
	for (int f = 0; f < FLAG_COUNT; f++)
		if (FLAGS_FILTER >> f & 1 && args_has(a, f))
			return true;
	return false;
}

/* What the words and options mean together must be plain. */
static int
check_selection(const struct command *c, const struct args *a, struct err *e)
{
	bool filter = any_filter(a), all = args_has(a, FLAG_ALL);
	if (a->n == 1)
		return err_set(
		    e, ERR_USAGE, "dead-letter %s needs APP and ID, or a filter", c->verb);
	if (a->n == 2 && (filter || all || args_has(a, FLAG_DRY_RUN) || args_has(a, FLAG_RATE)))
		return err_set(e, ERR_USAGE,
		    "dead-letter %s takes APP and ID, or options that select, not both", c->verb);
	if (filter && all)
		return err_set(e, ERR_USAGE, "--all means without a filter; leave one of them out");
	if (a->n == 0 && !filter && !all)
		return err_set(e, ERR_USAGE,
		    "dead-letter %s needs APP and ID, a filter such as --endpoint, or --all",
		    c->verb);
	return 0;
}

/* Shows what the answer holds; an empty one only means that it was accepted. */
static int
show_answer(struct session *s, struct str answer, struct err *e)
{
	struct slice members;
	if (answer.n == 0 || (slice_object(answer, &members, e) == 0 && members.n == 0)) {
		view_note(&s->view, "accepted");
		return 0;
	}
	return view_record(&s->view, answer, e);
}

/* The filter, empty for one or all: {"appId", "endpointId", "eventTypes", "reason", "before",
 * "after", "dryRun", ...}. */
static int
write_selection(
    const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	jw_begin(&j, out);
	jw_open_object(&j);
	if (body_put_flags(&j, a, e))
		return -1;
	jw_close_object(&j);
	jw_end(&j);
	return 0;
}

/* replay and discard; the verb is the last part of the path. */
static int
run_act(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	if (check_selection(s->command, a, e))
		return -1;
	const char *path =
	    a->n ? rest_path(s->arena, "/app/*/dead-letter/*", a->word, e) : "/dead-letter";
	if (!path)
		return -1;
	path = arena_printf(s->arena, "%s/%s", path, s->command->verb);
	if (call_write(s, a, "POST", path, write_selection, &answer, e))
		return -1;
	return show_answer(s, answer, e);
}

static const struct command commands[] = {
	{ .verb = "list",
	    .summary = "list dead letters, newest first",
	    .example = "posthorn dead-letter list --app acme --reason exhausted --after 1d",
	    .flags = FLAGS_PAGES | FLAGS_FILTER | FLAGS_CLOSED | FLAG_BIT(ORDER),
	    .run = run_list },
	{ .verb = "get",
	    .words = "APP ID",
	    .min = 2,
	    .max = 2,
	    .summary = "show a dead letter with its payload and attempts",
	    .example = "posthorn dead-letter get acme dl_01Fq8ZxYk3b -o json",
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/dead-letter/*" },
	{ .verb = "replay",
	    .words = "[APP ID]",
	    .max = 2,
	    .summary = "deliver again: one, those that a filter selects, or --all",
	    .detail = "A filter starts a background task; posthorn task get shows how far it is.",
	    .example = "posthorn dead-letter replay --endpoint ep_01Fq8ZxYk3b --after 2h --dry-run",
	    .flags = FLAGS_FILTER | FLAG_BIT(ALL) | FLAG_BIT(DRY_RUN) | FLAG_BIT(RATE) |
		     FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_act },
	{ .verb = "discard",
	    .words = "[APP ID]",
	    .max = 2,
	    .summary = "close without delivery: one, those that a filter selects, or --all",
	    .example = "posthorn dead-letter discard --reason deleted --before 7d",
	    .flags = FLAGS_FILTER | FLAG_BIT(ALL) | FLAG_BIT(DRY_RUN) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_act },
	{ .verb = "summary",
	    .summary = "count dead letters by endpoint and reason",
	    .example = "posthorn dead-letter summary",
	    .flags = FLAGS_PAGES | FLAGS_FILTER | FLAGS_CLOSED,
	    .run = run_summary },
	{ 0 },
};

const struct family family_dead_letter = {
	.name = "dead-letter",
	.summary = "dead letters: deliveries that were given up",
	.commands = commands,
};
