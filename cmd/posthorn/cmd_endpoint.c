/* posthorn endpoint: where an application's events are delivered to. posthorn operational-webhook:
 * the same for what Posthorn tells about an organisation; its paths have no application. */
#include "base/buf.h"
#include "base/jw.h"

#include "body.h"
#include "call.h"
#include "command.h"
#include "endpoint_replay.h"
#include "json_text.h"

static const struct column columns[] = {
	{ "id", "ID", 0 },
	{ "uid", "UID", 0 },
	{ "url", "URL", COLUMN_LONG },
	{ "deliveryState", "STATE", 0 },
	{ "eventTypes", "EVENT TYPES", COLUMN_LONG },
	{ "channels", "CHANNELS", COLUMN_LONG },
	{ "createdAt", "CREATED", COLUMN_TIME },
	{ 0 },
};

/* What create and update take both. */
#define POLICY_FLAGS                                                                               \
	(FLAG_BIT(UID) | FLAG_BIT(DESCRIPTION) | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(CHANNEL) |        \
	    FLAG_BIT(METADATA) | FLAG_BIT(RETRY_SCHEDULE) | FLAG_BIT(ATTEMPT_TIMEOUT_MS) |         \
	    FLAG_BIT(MAX_IN_FLIGHT) | FLAG_BIT(THROTTLE_RATE) | FLAG_BIT(ORDERING) |               \
	    FLAG_BIT(HEAD_OF_LINE) | FLAG_BIT(SIGNATURE_PROFILE) | FLAG_BIT(SIGNATURE_TEMPLATE) |  \
	    FLAG_BIT(FORMAT) | FLAG_BIT(CHALLENGE))

#define REPLAY_FLAGS                                                                               \
	(FLAG_BIT(AFTER) | FLAG_BIT(BEFORE) | FLAG_BIT(RATE) | FLAG_BIT(IDEMPOTENCY_KEY))

/* … of operational webhooks. */
#define OPERATIONAL_FLAGS                                                                          \
	(FLAG_BIT(UID) | FLAG_BIT(DESCRIPTION) | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(METADATA) |       \
	    FLAG_BIT(RETRY_SCHEDULE) | FLAG_BIT(THROTTLE_RATE) | FLAG_BIT(ATTEMPT_TIMEOUT_MS) |    \
	    FLAG_BIT(MAX_IN_FLIGHT) | FLAG_BIT(SIGNATURE_PROFILE) | FLAG_BIT(SIGNATURE_TEMPLATE) | \
	    FLAG_BIT(FORMAT))
#define OPERATIONAL_CLEARS                                                                         \
	"uid eventTypes filterTypes throttleRate rateLimit metadata retrySchedule timeoutMs "      \
	"maxInFlight signatureProfile format"

/* The secret alone, so that it can be piped; JSON as it came. */
static int
run_secret(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	struct slice key;
	const char *path = rest_path(s->arena, s->command->path, a->word, e);
	if (!path || call_send(s, a, "GET", path, (struct str){ NULL, 0 }, &answer, e))
		return -1;
	if (s->view.format == VIEW_JSON)
		return view_record(&s->view, answer, e);
	if (json_text_object(answer, "the answer", &key, e))
		return -1;
	const struct slice_member *m = slice_get(&key, "key");
	if (!m || m->kind != SLICE_STRING)
		return err_set(e, ERR_IO, "the answer holds no key");
	view_line(&s->view, slice_string(m, s->arena));
	return 0;
}

/* {"headers": {"Name": "value", "Removed": null}} */
static int
write_headers(const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_key(&j, "headers");
	jw_open_object(&j);
	if (body_put_headers(&j, a, e))
		return -1;
	for (int i = 0; i < a->arg[FLAG_UNSET_HEADER].n; i++)
		jw_put_null(&j, a->arg[FLAG_UNSET_HEADER].text[i]);
	jw_close_object(&j);
	jw_close_object(&j);
	jw_end(&j);
	return 0;
}

/* Changes what is given, then shows what is there: values of sensitive headers stay on the server.
 */
static int
run_headers(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	const char *path = rest_path(s->arena, s->command->path, a->word, e);
	if (!path)
		return -1;
	bool change = args_has(a, FLAG_HEADER) || args_has(a, FLAG_UNSET_HEADER);
	if (change && call_write(s, a, "PATCH", path, write_headers, &answer, e))
		return -1;
	if (call_send(s, a, "GET", path, (struct str){ NULL, 0 }, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

/* The options --after and --before are the API's since and until. */
static int
run_stats(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	const char *since = args_text(a, FLAG_AFTER), *until = args_text(a, FLAG_BEFORE);
	const char *path = rest_path(s->arena, s->command->path, a->word, e);
	if (!path)
		return -1;
	if (since)
		path = rest_query(s->arena, path, "since", since);
	if (until)
		path = rest_query(s->arena, path, "until", until);
	if (call_send(s, a, "GET", path, (struct str){ NULL, 0 }, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

/* How it went is the exit code, too. */
static int
run_verify(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	struct slice endpoint;
	const char *path = rest_path(s->arena, s->command->path, a->word, e);
	if (!path || call_send(s, a, "POST", path, (struct str){ NULL, 0 }, &answer, e) ||
	    view_record(&s->view, answer, e) ||
	    json_text_object(answer, "the answer", &endpoint, e))
		return -1;
	const struct slice_member *why = slice_get(&endpoint, "challengeError");
	const struct slice_member *state = slice_get(&endpoint, "verification");
	if (state && str_eq(slice_string(state, s->arena), STR("verified")))
		return 0;
	struct str reason = why && why->kind == SLICE_STRING ? slice_string(why, s->arena)
							     : STR("it was changed meanwhile");
	return err_set(e, ERR_UNAVAILABLE, "the endpoint is unverified: %.*s", STR_FMT(reason));
}

static const struct command commands[] = {
	{ .verb = "list",
	    .words = "APP",
	    .min = 1,
	    .max = 1,
	    .summary = "list the endpoints of an application",
	    .example = "posthorn endpoint list acme",
	    .flags = FLAGS_PAGES,
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/endpoint",
	    .show = SHOW_LIST,
	    .columns = columns },
	{ .verb = "get",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "show an endpoint",
	    .detail =
		"deliveryState is active, paused, failing (it is probed now and then, and gets "
		"nothing else), draining (it gets what was kept), unverified (it gets nothing, "
		"see posthorn endpoint verify) or disabled; waiting counts what is kept for it, "
		"up to 1000.",
	    .example = "posthorn endpoint get acme ep_01Fq8ZxYk3b",
	    .run = call_run,
	    .method = "GET",
	    .path = "/app/*/endpoint/*" },
	{ .verb = "create",
	    .words = "APP URL",
	    .min = 2,
	    .max = 2,
	    .summary = "register a URL",
	    .detail =
		"Without --event-type it receives every type, without --channel every channel.",
	    .example = "posthorn endpoint create acme https://example.com/hook -t invoice.paid",
	    .flags = POLICY_FLAGS | FLAG_BIT(SECRET) | FLAG_BIT(DISABLED) | FLAG_BIT(PAUSED) |
		     FLAG_BIT(HEADER) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/app/*/endpoint",
	    .word_field = "url" },
	{ .verb = "update",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "change what is given, keep the rest",
	    .example = "posthorn endpoint update acme main --event-type invoice.paid",
	    .flags = POLICY_FLAGS | FLAG_BIT(ENDPOINT_URL) | FLAG_BIT(CLEAR),
	    .clears = OPERATIONAL_CLEARS " channels ordering challenge",
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/app/*/endpoint/*" },
	{ .verb = "delete",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "delete an endpoint",
	    .example = "posthorn endpoint delete acme main",
	    .run = call_run,
	    .method = "DELETE",
	    .path = "/app/*/endpoint/*",
	    .show = SHOW_DONE,
	    .done = "deleted" },
	{ .verb = "enable",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "deliver to it again",
	    .example = "posthorn endpoint enable acme main",
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/app/*/endpoint/*",
	    .body = "{\"disabled\":false}",
	    .show = SHOW_DONE,
	    .done = "enabled" },
	{ .verb = "disable",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "deliver nothing more to it",
	    .detail = "What is still due becomes dead letters.",
	    .example = "posthorn endpoint disable acme main",
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/app/*/endpoint/*",
	    .body = "{\"disabled\":true}",
	    .show = SHOW_DONE,
	    .done = "disabled" },
	{ .verb = "verify",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "challenge its URL again",
	    .detail =
		"It fails while the endpoint is unverified. One that was verified before stays so: "
		"challengeError tells.",
	    .example = "posthorn endpoint verify acme main",
	    .flags = FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_verify,
	    .path = "/app/*/endpoint/*/verify" },
	{ .verb = "pause",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "keep what is due to it until it is resumed",
	    .detail = "Nothing is lost, up to hold_max. What is on its way now still arrives.",
	    .example = "posthorn endpoint pause acme main",
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/app/*/endpoint/*",
	    .body = "{\"paused\":true}",
	    .show = SHOW_DONE,
	    .done = "paused" },
	{ .verb = "resume",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "deliver what was kept, oldest first, and what is new",
	    .example = "posthorn endpoint resume acme main",
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/app/*/endpoint/*",
	    .body = "{\"paused\":false}",
	    .show = SHOW_DONE,
	    .done = "resumed" },
	{ .verb = "secret",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "print the signing secret",
	    .example = "posthorn endpoint secret acme main >secret",
	    .run = run_secret,
	    .path = "/app/*/endpoint/*/secret" },
	{ .verb = "rotate-secret",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "sign with a new secret",
	    .detail =
		"The old one signs too until its grace has passed; posthorn endpoint secret prints the new one.",
	    .example = "posthorn endpoint rotate-secret acme main --grace 3600",
	    .flags = FLAG_BIT(KEY) | FLAG_BIT(GRACE) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/app/*/endpoint/*/secret/rotate",
	    .show = SHOW_DONE,
	    .done = "rotated" },
	{ .verb = "headers",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "show or change the headers of its deliveries",
	    .example = "posthorn endpoint headers acme main --header 'X-Tenant: 42'",
	    .flags = FLAG_BIT(HEADER) | FLAG_BIT(UNSET_HEADER),
	    .run = run_headers,
	    .path = "/app/*/endpoint/*/headers" },
	{ .verb = "stats",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "count its attempts",
	    .detail = "Of the last 28 days, or of what the options say (28 days at most): whole "
		      "hours, behind by a minute at most.",
	    .example = "posthorn endpoint stats acme main --after 1d",
	    .flags = FLAG_BIT(AFTER) | FLAG_BIT(BEFORE),
	    .run = run_stats,
	    .path = "/app/*/endpoint/*/attempt-stats" },
	{ .verb = "recover",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "deliver again what failed and never succeeded",
	    .detail = "A background task (see posthorn task); --after may be 14 days back. What is "
		      "planned stays planned.",
	    .example = "posthorn endpoint recover acme main --after 2h",
	    .flags = REPLAY_FLAGS,
	    .run = endpoint_replay_run,
	    .path = "/app/*/endpoint/*/recover" },
	{ .verb = "replay-missing",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "deliver what matches its filter and was never attempted",
	    .detail = "For an endpoint that was added later, or was disabled. A background task.",
	    .example = "posthorn endpoint replay-missing acme main --after 7d",
	    .flags = REPLAY_FLAGS,
	    .run = endpoint_replay_run,
	    .path = "/app/*/endpoint/*/replay-missing" },
	{ .verb = "bulk-replay",
	    .words = "APP ENDPOINT",
	    .min = 2,
	    .max = 2,
	    .summary = "deliver again what the options select, also what succeeded",
	    .detail = "Only what was attempted for it before. A background task.",
	    .example = "posthorn endpoint bulk-replay acme main --after 1d -t invoice.paid",
	    .flags = REPLAY_FLAGS | FLAG_BIT(EVENT_TYPE) | FLAG_BIT(CHANNEL) | FLAG_BIT(TAG) |
		     FLAG_BIT(STATUS) | FLAG_BIT(STATUS_CLASS),
	    .run = endpoint_bulk_replay_run,
	    .path = "/app/*/endpoint/*/bulk-replay" },
	{ .verb = "send-example",
	    .words = "APP ENDPOINT TYPE",
	    .min = 3,
	    .max = 3,
	    .summary = "send it an example of an event type, and nobody else",
	    .detail = "TYPE is svix.ping, or an event type with an example in its newest schema.",
	    .example = "posthorn endpoint send-example acme main svix.ping",
	    .flags = FLAG_BIT(EXAMPLE_INDEX) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/app/*/endpoint/*/send-example",
	    .word_field = "eventType" },
	{ 0 },
};

const struct family family_endpoint = {
	.name = "endpoint",
	.summary = "endpoints: the URLs that an application's events are delivered to",
	.commands = commands,
};

static const struct command operational_commands[] = {
	{ .verb = "list",
	    .summary = "list who is told",
	    .example = "posthorn operational-webhook list",
	    .flags = FLAGS_PAGES,
	    .run = call_run,
	    .method = "GET",
	    .path = "/operational-webhook/endpoint",
	    .show = SHOW_LIST,
	    .columns = columns },
	{ .verb = "get",
	    .words = "ENDPOINT",
	    .min = 1,
	    .max = 1,
	    .summary = "show one of them",
	    .example = "posthorn operational-webhook get pager",
	    .run = call_run,
	    .method = "GET",
	    .path = "/operational-webhook/endpoint/*" },
	{ .verb = "create",
	    .words = "URL",
	    .min = 1,
	    .max = 1,
	    .summary = "tell a URL what happens to endpoints and attempts",
	    .detail = "Types: endpoint.created, .updated, .deleted, .disabled; "
		      "message.attempt.failing, .exhausted, .recovered. Without --event-type all.",
	    .example = "posthorn operational-webhook create https://example.com/pager "
		       "-t endpoint.disabled",
	    .flags = OPERATIONAL_FLAGS | FLAG_BIT(SECRET) | FLAG_BIT(DISABLED) | FLAG_BIT(HEADER) |
		     FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/operational-webhook/endpoint",
	    .word_field = "url" },
	{ .verb = "update",
	    .words = "ENDPOINT",
	    .min = 1,
	    .max = 1,
	    .summary = "change what is given, keep the rest",
	    .example = "posthorn operational-webhook update pager -t endpoint.disabled",
	    .flags = OPERATIONAL_FLAGS | FLAG_BIT(ENDPOINT_URL) | FLAG_BIT(CLEAR),
	    .clears = OPERATIONAL_CLEARS,
	    .run = call_run,
	    .method = "PATCH",
	    .path = "/operational-webhook/endpoint/*" },
	{ .verb = "delete",
	    .words = "ENDPOINT",
	    .min = 1,
	    .max = 1,
	    .summary = "tell it nothing more",
	    .example = "posthorn operational-webhook delete pager",
	    .run = call_run,
	    .method = "DELETE",
	    .path = "/operational-webhook/endpoint/*",
	    .show = SHOW_DONE,
	    .done = "deleted" },
	{ .verb = "secret",
	    .words = "ENDPOINT",
	    .min = 1,
	    .max = 1,
	    .summary = "print the signing secret",
	    .example = "posthorn operational-webhook secret pager >secret",
	    .run = run_secret,
	    .path = "/operational-webhook/endpoint/*/secret" },
	{ .verb = "rotate-secret",
	    .words = "ENDPOINT",
	    .min = 1,
	    .max = 1,
	    .summary = "sign with a new secret",
	    .detail = "The old one signs too until its grace has passed.",
	    .example = "posthorn operational-webhook rotate-secret pager --grace 3600",
	    .flags = FLAG_BIT(KEY) | FLAG_BIT(GRACE) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = call_run,
	    .method = "POST",
	    .path = "/operational-webhook/endpoint/*/secret/rotate",
	    .show = SHOW_DONE,
	    .done = "rotated" },
	{ .verb = "headers",
	    .words = "ENDPOINT",
	    .min = 1,
	    .max = 1,
	    .summary = "show or change the headers of what it is told",
	    .example = "posthorn operational-webhook headers pager --header 'X-Team: 42'",
	    .flags = FLAG_BIT(HEADER) | FLAG_BIT(UNSET_HEADER),
	    .run = run_headers,
	    .path = "/operational-webhook/endpoint/*/headers" },
	{ 0 },
};

const struct family family_operational_webhook = {
	.name = "operational-webhook",
	.summary = "operational webhooks: what Posthorn tells you about your customers' endpoints",
	.commands = operational_commands,
};
