/* Forgetting payloads: of some messages at once, of all that an application has as a background
 * task (task_runner.h). What is forgotten reads {"expired": true}, and is delivered no more. */
#include "api/handlers.h"
#include "api/task.h"
#include "policy/name.h"
#include "rest/field.h"
#include "statements.h"

#define NAMES_MAX 500 /* messages of one request */

/* ---- some --------------------------------------------------------------------------------- */

/* Rows of message_expunge_many.sql: a boolean for each name; of app_get.sql when there is none. */
static void
on_expunged(struct call *c, const struct pg_result *r)
{
	const struct names *names = c->state;
	const PGresult *rows = r->res[0];
	if (!pg_rows(rows)) {
		call_not_found(c);
		return;
	}
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_key(j, "results");
	jw_open_object(j);
	for (int i = 0; i < names->n; i++) {
		const char *name = arena_strndup(c->arena, names->name[i].p, names->name[i].n);
		jw_put_text(j, name, pg_bool(rows, i, 0) ? STR("expunged") : STR("not-found"));
	}
	jw_close_object(j);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

/* Two arrays: ids, 0 where there is an eventId; eventIds. */
static void
arg_names(struct call *c, struct pg_args *a, const struct names *names)
{
	int64_t *ids = arena_alloc(c->arena, sizeof(*ids) * (size_t)(names->n + 1));
	struct str *uids = arena_alloc(c->arena, sizeof(*uids) * (size_t)(names->n + 1));
	for (int i = 0; i < names->n; i++) {
		struct ref ref = call_ref(ID_MESSAGE, names->name[i]);
		ids[i] = ref.id;
		uids[i] = ref.uid;
	}
	pg_arg_int8s(a, ids, names->n);
	pg_arg_texts(a, uids, names->n);
}

void
api_message_expunge_many(struct call *c)
{
	static const struct name_rule rule = { name_valid, 0, NAMES_MAX };
	struct names *names = arena_zalloc(c->arena, sizeof(*names));
	struct fields f;
	if (call_body(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	field_names(&f, "ids", NULL, &rule, names);
	if (fields_end(&f))
		return;
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	if (names->n)
		arg_names(c, a, names);
	c->state = names;
	call_query_one(c, names->n ? &stmt_message_expunge_many : &stmt_app_get, a, on_expunged);
}

/* ---- all ---------------------------------------------------------------------------------- */

/* What comes from now on is not meant: the task ends with the newest message there is. */
static void
on_newest(struct call *c, const struct pg_result *r)
{
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	struct jw *data = call_json(c);
	jw_open_object(data);
	if (!pg_null(r->res[0], 0, 1))
		jw_put_id(data, "lastMsgId", ID_MESSAGE, pg_int(r->res[0], 0, 1));
	jw_close_object(data);
	jw_end(data);
	const struct task_in task = {
		.name = TASK_EXPUNGE,
		.app_id = pg_int(r->res[0], 0, 0),
		.filter = { data->out->data, data->out->len },
	};
	task_start(c, &task);
}

void
api_message_expunge_all(struct call *c)
{
	struct pg_args *a = call_args(c);
	call_arg_app(c, a);
	call_query_one(c, &stmt_message_newest, a, on_newest);
}
