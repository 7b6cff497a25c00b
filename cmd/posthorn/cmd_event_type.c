/* posthorn event-type: the catalogue of event types. */
#include <string.h>

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

/* The schemas stand in it byte for byte. */
static int
write_fields(
    const struct command *c, const struct args *a, bool named, struct buf *out, struct err *e)
{
	struct jw j;
	struct str schemas;
	const char *name = flag_specs[FLAG_SCHEMAS].name;
	jw_begin(&j, out);
	jw_open_object(&j);
	if (named)
		jw_put_text(&j, "name", str_of(a->word[0]));
	if (body_put_flags(&j, a, e) || call_put_cleared(&j, c, a, e))
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
write_new(const struct session *s, const struct args *a, struct buf *out, struct err *e)
{
	return write_fields(s->command, a, true, out, e);
}

static int
write_change(const struct session *s, const struct args *a, struct buf *out, struct err *e)
{
	return write_fields(s->command, a, false, out, e);
}

static int
run_create(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	if (call_write(s, a, "POST", "/event-type", write_new, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

static int
run_update(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	const char *path = rest_path(s->arena, "/event-type/*", a->word, e);
	if (!path || call_write(s, a, "PATCH", path, write_change, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

/* The document as it stands in the file: the server reads JSON and YAML. */
static int
write_import(const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	struct str text;
	const char *file = a->word[0];
	const char *source = strcmp(file, "-") == 0 ? file : arena_printf(a->arena, "@%s", file);
	if (input_value(NULL, source, a->arena, &text, e))
		return -1;
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_put_text(&j, "specRaw", text);
	if (body_put_flags(&j, a, e))
		return -1;
	jw_close_object(&j);
	jw_end(&j);
	return 0;
}

static int
run_import(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	if (call_write(s, a, "POST", "/event-type/import/openapi", write_import, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

/* Without --expunge it is there still. */
static int
run_delete(struct session *s, const struct args *a, struct err *e)
{
	struct str answer;
	const char *path = rest_path(s->arena, "/event-type/*", a->word, e);
	if (!path)
		return -1;
	path = body_query(a, path, 0);
	if (call_send(s, a, "DELETE", path, (struct str){ NULL, 0 }, &answer, e))
		return -1;
	view_note(&s->view, "%s", args_has(a, FLAG_EXPUNGE) ? "deleted" : "archived");
	return 0;
}

#define FIELDS                                                                                     \
	(FLAG_BIT(DESCRIPTION) | FLAG_BIT(SCHEMAS) | FLAG_BIT(FEATURE_FLAG) | FLAG_BIT(GROUP) |    \
	    FLAG_BIT(DEPRECATED))

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
	    .flags = FIELDS | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_create },
	{ .verb = "update",
	    .words = "NAME",
	    .min = 1,
	    .max = 1,
	    .summary = "change what is given, keep the rest",
	    .example = "posthorn event-type update invoice.paid --schemas @schemas.json",
	    .flags = FIELDS | FLAG_BIT(CLEAR),
	    .clears = "schemas featureFlags featureFlag groupName",
	    .run = run_update },
	{ .verb = "import",
	    .words = "FILE",
	    .min = 1,
	    .max = 1,
	    .summary = "make event types of the webhooks of an OpenAPI document (JSON or YAML)",
	    .example = "posthorn event-type import openapi.yaml --dry-run -o json",
	    .flags = FLAG_BIT(DRY_RUN) | FLAG_BIT(REPLACE_ALL) | FLAG_BIT(IDEMPOTENCY_KEY),
	    .run = run_import },
	{ .verb = "delete",
	    .words = "NAME",
	    .min = 1,
	    .max = 1,
	    .summary = "archive an event type, or delete it for good",
	    .example = "posthorn event-type delete invoice.paid",
	    .flags = FLAG_BIT(EXPUNGE),
	    .run = run_delete },
	{ 0 },
};

const struct family family_event_type = {
	.name = "event-type",
	.summary = "event types: what can happen, with an optional JSON Schema",
	.commands = commands,
};
