/* posthorn app: applications. Each command is one call of the API. */
#include "call.h"
#include "command.h"

static const struct column columns[] = {
	{ "id", "ID", 0 },
	{ "uid", "UID", 0 },
	{ "name", "NAME", COLUMN_LONG },
	{ "throttleRate", "THROTTLE", COLUMN_RIGHT },
	{ "createdAt", "CREATED", COLUMN_TIME },
	{ 0 },
};

static const struct command commands[] = {
	{ .verb = "list",
	    .summary = "list applications",
	    .example = "posthorn app list --all -o tsv",
	    .flags = FLAGS_PAGES,
	    .run = call_run,
	    .method = "GET",
	    .path = "/app",
	    .show = SHOW_LIST,
	    .columns = columns },
	{ .verb = "get",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "show an application",
	    .example = "posthorn app get acme",
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*" },
	{ .verb = "create",
	    .words = "NAME",
	    .min = 1,
	    .max = 1,
	    .summary = "create an application",
	    .example = "posthorn app create 'Acme Inc.' --uid acme",
	    .flags = FLAG_BIT(UID) | FLAG_BIT(THROTTLE_RATE) | FLAG_BIT(METADATA) |
		     FLAG_BIT(GET_IF_EXISTS) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/app",
	    .word_field = "name" },
	{ .verb = "update",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "change what is given, keep the rest",
	    .example = "posthorn app update acme --throttle-rate 100",
	    .flags = FLAG_BIT(NAME) | FLAG_BIT(UID) | FLAG_BIT(THROTTLE_RATE) | FLAG_BIT(METADATA) |
		     FLAG_BIT(CLEAR),
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/app/*" },
	{ .verb = "delete",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "delete an application with its endpoints",
	    .example = "posthorn app delete acme",
	    .run = call_run,
	    .method = "DELETE",
	    .path = "/app/*",
	    .show = SHOW_DONE,
	    .done = "deleted" },
	{ 0 },
};

const struct family family_app = {
	.name = "app",
	.summary = "applications: your customers, each with endpoints of its own",
	.commands = commands,
};
