/* posthorn event-type: the catalogue of event types. */
#include "base/buf.h"
#include "base/jw.h"

#include "body.h"
#include "call.h"
#include "command.h"
#include "input.h"

static const struct column columns[] = {
	{ "name", "NAME", 0 },
	{ "archived", "ARCHIVED", 0 },
	{ "description", "DESCRIPTION", COLUMN_LONG },
	{ "updatedAt", "UPDATED", COLUMN_TIME },
	{ 0 },
};

/* {"name", "description"} and the schemas byte for byte. */
static int
write_body(const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	struct str schemas;
	const char *name = flag_specs[FLAG_SCHEMAS].name;
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_put_text(&j, "name", str_of(a->word[0]));
	if (body_put_flags(&j, a, e))
		return -1;
	if (args_has(a, FLAG_SCHEMAS)) {
		if (input_value(name, args_text(a, FLAG_SCHEMAS), a->arena, &schemas, e) ||
		    body_check_json(name, schemas, true, &schemas, e))
			return -1;
		jw_put_raw(&j, "schemas", schemas);
	}
	jw_close_object(&j);
	jw_end(&j);
	return 0;
}

static int
run_create(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	if (call_write(s, a, "POST", "/event-type", write_body, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

static const struct command commands[] = {
	{ .verb = "list",
	    .summary = "list event types",
	    .example = "posthorn event-type list --archived",
	    .flags = FLAGS_PAGES | FLAG_BIT(ARCHIVED),
	    .run = call_run,
	    .method = "GET",
	    .path = "/event-type",
	    .show = SHOW_LIST,
	    .columns = columns },
	{ .verb = "get",
	    .words = "NAME",
	    .min = 1,
	    .max = 1,
	    .summary = "show an event type with its schemas",
	    .example = "posthorn event-type get invoice.paid -o json",
	    .run = call_run,
	    .method = "GET",
	    .path = "/event-type/*" },
	{ .verb = "create",
	    .words = "NAME",
	    .min = 1,
	    .max = 1,
	    .summary = "create an event type, or revive an archived one",
	    .example =
		"posthorn event-type create invoice.paid --description 'an invoice was paid'",
	    .flags = FLAG_BIT(DESCRIPTION) | FLAG_BIT(SCHEMAS) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_create },
	{ .verb = "delete",
	    .words = "NAME",
	    .min = 1,
	    .max = 1,
	    .summary = "archive an event type, or delete it for good",
	    .example = "posthorn event-type delete invoice.paid",
	    .flags = FLAG_BIT(EXPUNGE),
	    .run = call_run,
	    .method = "DELETE",
	    .path = "/event-type/*",
	    .show = SHOW_DONE,
	    .done = "deleted" },
	{ 0 },
};

const struct family family_event_type = {
	.name = "event-type",
	.summary = "event types: what can happen, with an optional JSON Schema",
	.commands = commands,
};
