/* posthorn message: events that were accepted. */
#include "body.h"
#include "call.h"
#include "command.h"

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
	    .flags = FLAGS_PAGES | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(CHANNEL) | FLAG_BIT(BEFORE) |
		     FLAG_BIT(AFTER) | FLAG_BIT(CONTENT),
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
	{ 0 },
};

const struct family family_message = {
	.name = "message",
	.summary = "messages: events that were accepted",
	.commands = commands,
};
