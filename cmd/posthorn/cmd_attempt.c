/* posthorn attempt and posthorn resend: what was tried, and trying once more. */
#include "body.h"
#include "call.h"
#include "command.h"
#include "status.h"

static const struct column columns[] = {
	{ "id", "ID", 0 },
	{ "msgId", "MESSAGE", 0 },
	{ "endpointId", "ENDPOINT", 0 },
	{ "statusText", "STATUS", 0 },
	{ "responseStatusCode", "CODE", COLUMN_RIGHT },
	{ "responseDurationMs", "MS", COLUMN_RIGHT },
	{ "timestamp", "TIME", COLUMN_TIME },
	{ "response", "RESPONSE", COLUMN_LONG },
	{ 0 },
};

/* --status as the query parameter. */
static const char *
add_status(const struct args *a, const char *path, struct err *e)
{
	const char *text = args_text(a, FLAG_STATUS);
	int number;
	if (!text)
		return path;
	if (status_from_text(text, &number, e))
		return NULL;
	return rest_query(a->arena, path, "status", arena_printf(a->arena, "%d", number));
}

/* By message, or by endpoint; by message and endpoint when both are given. */
static int
run_list(struct session *s, const struct args *a, struct err *e)
{
	const char *message = args_text(a, FLAG_MESSAGE), *endpoint = args_text(a, FLAG_ENDPOINT);
	const char *words[] = { a->word[0], message ? message : endpoint };
	if (!message && !endpoint)
		return err_set(
		    e, ERR_USAGE, "attempt list needs --message MSG or --endpoint ENDPOINT");
	const char *path = rest_path(
	    s->arena, message ? "/app/*/attempt/msg/*" : "/app/*/attempt/endpoint/*", words, e);
	if (path)
		path = add_status(a, path, e);
	if (!path)
		return -1;
	return call_list(s, a, body_query(a, path, message ? 0 : FLAG_BIT(ENDPOINT)), columns, e);
}

static const struct command commands[] = {
	{ .verb = "list",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "list attempts of a message or to an endpoint, newest first",
	    .example = "posthorn attempt list acme --endpoint main --status fail --after 1d",
	    .flags = FLAGS_PAGES | FLAG_BIT(MESSAGE) | FLAG_BIT(ENDPOINT) | FLAG_BIT(STATUS) |
		     FLAG_BIT(STATUS_CLASS) | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(CHANNEL) |
		     FLAG_BIT(TAG) | FLAG_BIT(BEFORE) | FLAG_BIT(AFTER) | FLAG_BIT(ORDER),
	    .run = run_list },
	{ .verb = "get",
	    .words = "APP MSG ATTEMPT",
	    .min = 3,
	    .max = 3,
	    .summary = "show an attempt with the response",
	    .example = "posthorn attempt get acme msg_01Fq8ZxYk3b atmpt_01Fq8ZxYk3c",
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/msg/*/attempt/*" },
	{ .verb = "expunge",
	    .words = "APP MSG ATTEMPT",
	    .min = 3,
	    .max = 3,
	    .summary = "forget what an endpoint answered",
	    .example = "posthorn attempt expunge acme msg_01Fq8ZxYk3b atmpt_01Fq8ZxYk3c",
	    .run = call_run,
	    .method = "DELETE",
	    .path = "/app/*/msg/*/attempt/*/content",
	    .show = SHOW_DONE,
	    .done = "forgotten" },
	{ 0 },
};

const struct family family_attempt = {
	.name = "attempt",
	.summary = "attempts: each request to an endpoint, with its answer",
	.commands = commands,
};

static const struct command resend[] = {
	{ .words = "APP MSG ENDPOINT",
	    .min = 3,
	    .max = 3,
	    .summary = "deliver a message to an endpoint once more",
	    .detail = "Retries that are planned stay planned.",
	    .example = "posthorn resend acme msg_01Fq8ZxYk3b main",
	    .flags = FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/app/*/msg/*/endpoint/*/resend",
	    .show = SHOW_DONE,
	    .done = "accepted" },
	{ 0 },
};

const struct family family_resend = {
	.name = "resend",
	.summary = "deliver a message to an endpoint once more",
	.commands = resend,
};
