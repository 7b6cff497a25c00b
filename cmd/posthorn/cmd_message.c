/* posthorn message: events that were accepted. */
#include "body.h"
#include "call.h"
#include "command.h"
#include "message_batch.h"

static const struct column columns[] = {
	{ "id", "ID", 0 },
	{ "eventType", "EVENT TYPE", 0 },
	{ "eventId", "EVENT ID", 0 },
	{ "channels", "CHANNELS", COLUMN_LONG },
	{ "timestamp", "ACCEPTED", COLUMN_TIME },
	{ 0 },
};

static const struct column columns_with_payload[] = {
	{ "id", "ID", 0 },
	{ "eventType", "EVENT TYPE", 0 },
	{ "timestamp", "ACCEPTED", COLUMN_TIME },
	{ "payload", "PAYLOAD", COLUMN_LONG },
	{ 0 },
};

static const struct column columns_of_explain[] = {
	{ "endpointId", "ENDPOINT", 0 },
	{ "url", "URL", COLUMN_LONG },
	{ "state", "STATE", 0 },
	{ "reason", "REASON", 0 },
	{ "attempts", "ATTEMPTS", COLUMN_RIGHT },
	{ "next", "NEXT", COLUMN_TIME },
	{ "explanation", "EXPLANATION", 0 },
	{ 0 },
};

static int
run_list(struct session *s, const struct args *a, struct err *e)
{
	bool content = args_has(a, FLAG_CONTENT);
	const char *path = rest_path(s->arena, "/app/*/msg", a->word, e);
	if (!path)
		return -1;
	path = rest_query(s->arena, path, "with_content", content ? "true" : "false");
	return call_list(s, a, body_query(a, path, 0), content ? columns_with_payload : columns, e);
}

static const struct command commands[] = {
	{ .verb = "list",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "list events, newest first",
	    .example = "posthorn message list acme --event-type invoice.paid --after 2h",
	    .flags = FLAGS_PAGES | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(CHANNEL) | FLAG_BIT(TAG) |
		     FLAG_BIT(BEFORE) | FLAG_BIT(AFTER) | FLAG_BIT(ORDER) | FLAG_BIT(CONTENT),
	    .run = run_list },
	{ .verb = "get",
	    .words = "APP MSG",
	    .min = 2,
	    .max = 2,
	    .summary = "show an event with its payload",
	    .example = "posthorn message get acme msg_01Fq8ZxYk3b -o json",
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/msg/*" },
	{ .verb = "explain",
	    .words = "APP MSG",
	    .min = 2,
	    .max = 2,
	    .summary = "tell where an event is, endpoint by endpoint, and what comes next",
	    .detail =
		"A row for every endpoint of the application: whether it was to get the event and "
		"why not; delivered, retrying, waiting for what, or given up why; when the next "
		"attempt is due.",
	    .example = "posthorn message explain acme msg_01Fq8ZxYk3b",
	    .flags = FLAGS_PAGES,
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/msg/*/explain",
	    .show = SHOW_LIST,
	    .columns = columns_of_explain },
	{ .verb = "expunge",
	    .words = "APP MSG",
	    .min = 2,
	    .max = 2,
	    .summary = "forget an event's payload",
	    .detail = "It cannot be delivered, resent or replayed any more.",
	    .example = "posthorn message expunge acme msg_01Fq8ZxYk3b",
	    .run = call_run,
	    .method = "DELETE",
	    .path = "/app/*/msg/*/content",
	    .show = SHOW_DONE,
	    .done = "forgotten" },
	{ .verb = "expunge-all",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "forget the payloads of all events of an application",
	    .detail =
		"As a background task, up to the newest event there is; posthorn task get shows how "
		"far it is. What is not delivered yet never will be.",
	    .example = "posthorn message expunge-all acme",
	    .run = call_run,
	    .method = "POST",
	    .path = "/app/*/msg/expunge-all-contents" },
	{ .verb = "create-batch",
	    .words = "APP [FILE]",
	    .min = 1,
	    .max = 2,
	    .summary = "send the events in a file, one JSON object a line",
	    .detail = "Each line is what POST /api/v1/app/APP/msg takes: {\"eventType\": ..., "
		      "\"payload\": {...}}. Without FILE, or with -, the lines come from standard "
		      "input. A row shows what became of each; the command fails when some were "
		      "refused. With --idempotency-key the same file can be sent again, with the "
		      "same --per-request, and no event twice.",
	    .example = "posthorn message create-batch acme events.ndjson",
	    .flags = FLAG_BIT(PER_REQUEST) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = message_batch_run },
	{ 0 },
};

const struct family family_message = {
	.name = "message",
	.summary = "messages: events that were accepted",
	.commands = commands,
};
