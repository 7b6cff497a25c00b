/* posthorn send: one event. The payload travels byte for byte: it is checked, never re-encoded. */
#include "base/buf.h"
#include "base/jw.h"

#include "body.h"
#include "call.h"
#include "command.h"
#include "input.h"

/* {"rawPayload": text}: sent in the payload's place, whatever it is. */
static int
put_raw(struct jw *j, const struct args *a, struct err *e)
{
	struct str text;
	if (!args_has(a, FLAG_RAW))
		return 0;
	if (input_value(flag_specs[FLAG_RAW].name, args_text(a, FLAG_RAW), a->arena, &text, e))
		return -1;
	jw_key(j, "transformationsParams");
	jw_open_object(j);
	jw_put_text(j, "rawPayload", text);
	jw_close_object(j);
	return 0;
}

/* The user's bytes; with --raw, which stands in its place, it need not be given. */
static int
read_payload(const struct args *a, struct str *ret, struct err *e)
{
	const char *name = flag_specs[FLAG_DATA].name;
	*ret = STR("{}");
	if (!args_has(a, FLAG_DATA) && args_has(a, FLAG_RAW))
		return 0;
	if (!args_has(a, FLAG_DATA))
		return err_set(
		    e, ERR_USAGE, "no payload: give --data JSON, --data @FILE or --data -");
	return input_value(name, args_text(a, FLAG_DATA), a->arena, ret, e) ||
		       body_check_json(name, *ret, true, ret, e)
		   ? -1
		   : 0;
}

/* {"eventType", "payload", ...}. */
static int
write_body(const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	struct str payload;
	if (read_payload(a, &payload, e))
		return -1;
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_put_text(&j, "eventType", str_of(a->word[1]));
	if (body_put_flags(&j, a, e) || put_raw(&j, a, e))
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
		     FLAG_BIT(DELIVER_AT) | FLAG_BIT(ORDERING_KEY) | FLAG_BIT(RETENTION_DAYS) |
		     FLAG_BIT(RETENTION_HOURS) | FLAG_BIT(RAW) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_send },
	{ 0 },
};

const struct family family_send = {
	.name = "send",
	.summary = "send an event",
	.commands = commands,
};
