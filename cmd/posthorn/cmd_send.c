/* posthorn send: one event. The payload travels byte for byte: it is checked, never re-encoded. */
#include "base/buf.h"
#include "base/jw.h"

#include "body.h"
#include "call.h"
#include "command.h"
#include "input.h"

/* {"eventType", "payload", ...}; the payload is the user's bytes. */
static int
write_body(const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	struct str payload;
	const char *name = flag_specs[FLAG_DATA].name;
	if (!args_has(a, FLAG_DATA))
		return err_set(
		    e, ERR_USAGE, "no payload: give --data JSON, --data @FILE or --data -");
	if (input_value(name, args_text(a, FLAG_DATA), a->arena, &payload, e) ||
	    body_check_json(name, payload, true, &payload, e))
		return -1;
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_put_text(&j, "eventType", str_of(a->word[1]));
	if (body_put_flags(&j, a, e))
		return -1;
	jw_put_raw(&j, "payload", payload);
	jw_close_object(&j);
	jw_end(&j);
	return 0;
}

static int
run_send(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	const char *path = rest_path(s->arena, "/app/*/msg", a->word, e);
	if (!path)
		return -1;
	path = rest_query(s->arena, path, "with_content", "false");
	if (call_write(s, a, "POST", path, write_body, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

static const struct command commands[] = {
	{ .words = "APP EVENT_TYPE",
	    .min = 2,
	    .max = 2,
	    .summary = "send an event to the endpoints of an application",
	    .detail = "It is durable when the command ends with success.",
	    .example = "posthorn send acme invoice.paid --data '{\"amount\": 1.10}'",
	    .flags = FLAG_BIT(DATA) | FLAG_BIT(EVENT_ID) | FLAG_BIT(CHANNEL) | FLAG_BIT(TAG) |
		     FLAG_BIT(DELIVER_AT) | FLAG_BIT(ORDERING_KEY) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_send },
	{ 0 },
};

const struct family family_send = {
	.name = "send",
	.summary = "send an event",
	.commands = commands,
};
