/* posthorn polling-endpoint, posthorn poll: events that are fetched instead of delivered. */
#include "body.h"
#include "call.h"
#include "command.h"
#include "json_text.h"

#define PAGE_DEFAULT 50

static const struct column columns[] = {
	{ "id", "ID", 0 },
	{ "uid", "UID", 0 },
	{ "eventTypes", "EVENT TYPES", COLUMN_LONG },
	{ "channels", "CHANNELS", COLUMN_LONG },
	{ "disabled", "DISABLED", 0 },
	{ "createdAt", "CREATED", COLUMN_TIME },
	{ 0 },
};

static const struct column event_columns[] = {
	{ "id", "ID", 0 },
	{ "eventType", "EVENT TYPE", 0 },
	{ "timestamp", "ACCEPTED", COLUMN_TIME },
	{ "payload", "PAYLOAD", COLUMN_LONG },
	{ 0 },
};

/* ---- reading ---- */

static const char *
page_path(struct session *s, const struct args *a, struct err *e)
{
	bool consumer = a->n > 2;
	const char *path = rest_path(
	    s->arena, consumer ? "/app/*/poller/*/consumer/*" : "/app/*/poller/*", a->word, e);
	if (!path)
		return NULL;
	if (consumer && (args_has(a, FLAG_EVENT_TYPE) || args_has(a, FLAG_CHANNEL) ||
			    args_has(a, FLAG_AFTER))) {
		err_set(e, ERR_USAGE,
		    "a consumer reads all of it: --event-type, --channel and --after are for reading "
		    "without one (posthorn polling-endpoint seek sets its place)");
		return NULL;
	}
	if (a->arg[FLAG_EVENT_TYPE].n > 1 || a->arg[FLAG_CHANNEL].n > 1) {
		err_set(e, ERR_USAGE, "--event-type and --channel may be given once here");
		return NULL;
	}
	if (args_has(a, FLAG_EVENT_TYPE))
		path = rest_query(s->arena, path, "event_type", args_text(a, FLAG_EVENT_TYPE));
	int64_t limit = args_int(a, FLAG_LIMIT, PAGE_DEFAULT);
	path =
	    rest_query(s->arena, path, "limit", arena_printf(s->arena, "%lld", (long long)limit));
	return body_query(a, path, FLAG_BIT(EVENT_TYPE));
}

/* The events as a list, and for people how to go on; JSON as it came. */
static int
run_poll(struct session *s, const struct args *a, struct err *e)
{
	struct str answer, row;
	struct slice page;
	const char *path = page_path(s, a, e);
	if (!path || call_send(s, a, "GET", path, (struct str){ NULL, 0 }, &answer, e))
		return -1;
	if (s->view.format == VIEW_JSON)
		return view_record(&s->view, answer, e);
	if (json_text_object(answer, "the answer", &page, e))
		return -1;
	const struct slice_member *data = slice_get(&page, "data");
	const struct slice_member *next = slice_get(&page, "iterator");
	const struct slice_member *done = slice_get(&page, "done");
	if (!data || data->kind != SLICE_ARRAY || !next || next->kind != SLICE_STRING || !done)
		return err_set(e, ERR_IO, "the answer is no page of events");
	view_list_begin(&s->view, event_columns);
	for (struct str rest = data->value; json_text_next(&rest, &row);)
		if (view_list_row(&s->view, row, e))
			return -1;
	view_list_end(&s->view);
	view_note(&s->view, "%s; to go on: --iterator %.*s",
	    done->kind == SLICE_TRUE ? "nothing more now" : "there is more",
	    STR_FMT(slice_string(next, s->arena)));
	return 0;
}

/* ---- the tables ---- */

#define FIELD_FLAGS                                                                                \
	(FLAG_BIT(UID) | FLAG_BIT(DESCRIPTION) | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(CHANNEL) |        \
	    FLAG_BIT(METADATA))

static const struct command commands[] = {
	{ .verb = "list",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "list the polling endpoints of an application",
	    .example = "posthorn polling-endpoint list acme",
	    .flags = FLAGS_PAGES,
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/polling-endpoint",
	    .show = SHOW_LIST,
	    .columns = columns },
	{ .verb = "get",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "show a polling endpoint",
	    .example = "posthorn polling-endpoint get acme erp",
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/polling-endpoint/*" },
	{ .verb = "create",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "keep events to be fetched",
	    .detail = "From now on. Without --event-type of every type, without --channel of every "
		      "channel.",
	    .example = "posthorn polling-endpoint create acme --uid erp -t invoice.paid",
	    .flags = FIELD_FLAGS | FLAG_BIT(DISABLED) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/app/*/polling-endpoint" },
	{ .verb = "update",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "change what is given, keep the rest",
	    .example = "posthorn polling-endpoint update acme erp --channel invoices",
	    .flags = FIELD_FLAGS | FLAG_BIT(CLEAR),
	    .clears = "uid eventTypes filterTypes channels metadata",
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/app/*/polling-endpoint/*" },
	{ .verb = "delete",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "delete a polling endpoint and its consumers",
	    .example = "posthorn polling-endpoint delete acme erp",
	    .run = call_run,
	    .method = "DELETE",
	    .path = "/app/*/polling-endpoint/*",
	    .show = SHOW_DONE,
	    .done = "deleted" },
	{ .verb = "seek",
	    .words = "APP ENDPOINT CONSUMER",
	    .min = 3,
	    .max = 3,
	    .summary = "set where a consumer reads on",
	    .detail = "Behind what was accepted up to the time of --after.",
	    .example = "posthorn polling-endpoint seek acme erp nightly --after 2h",
	    .flags = FLAG_BIT(AFTER) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/app/*/poller/*/consumer/*/seek" },
	{ 0 },
};

const struct family family_polling_endpoint = {
	.name = "polling-endpoint",
	.summary = "polling endpoints: events that a subscriber fetches",
	.commands = commands,
};

static const struct command poll_commands[] = {
	{ .words = "APP ENDPOINT [CONSUMER]",
	    .min = 2,
	    .max = 3,
	    .summary = "fetch a page of what a polling endpoint has",
	    .detail =
		"From the beginning, or on behind the page whose iterator is given. A consumer goes "
		"on where the server knows that it is; with --iterator it says that it has the page "
		"that came with it.",
	    .example = "posthorn poll acme erp nightly -o json",
	    .flags = FLAG_BIT(LIMIT) | FLAG_BIT(ITERATOR) | FLAG_BIT(EVENT_TYPE) |
		     FLAG_BIT(CHANNEL) | FLAG_BIT(AFTER),
	    .run = run_poll },
	{ 0 },
};

const struct family family_poll = {
	.name = "poll",
	.summary = "fetch events from a polling endpoint",
	.commands = poll_commands,
};
