/* /stats/usage: what an organisation's applications use. Each is a background task, which goes
 * through the applications in steps (task_usage_step.sql); attempts are taken from the tally
 * (send/tally.h) and never counted in the log. */
#include "api/handlers.h"
#include "api/task.h"
#include "rest/field.h"
#include "statements.h"

#define APPS_MAX      1000
#define WINDOW_MAX_US (92 * 24 * 3600 * USEC_PER_SEC)
#define SLACK_US      (300 * USEC_PER_SEC) /* clocks differ, and requests take time */

/* ---- what is asked for -------------------------------------------------------------------- */

struct asked {
	struct wall since, until;
	struct names apps; /* as they were named; n == 0: all */
	struct names unresolved;
};

static bool
is_ref(struct str s)
{
	return s.n >= 1 && s.n <= 256;
}

static void
read_time(struct fields *f, const char *name, struct wall *ret)
{
	struct str text = { NULL, 0 };
	int before = f->nproblems;
	field_text(f, name, 1, 64, &text);
	if (f->nproblems == before && wall_from_text(text, ret))
		field_problem(f, name, "must be a time (RFC 3339)");
}

static int
read_asked(struct call *c, struct asked *q)
{
	static const struct name_rule rule = { is_ref, 1, APPS_MAX };
	struct fields f;
	struct wall now = loop_wall(c->parts->loop);
	if (call_body(c))
		return -1;
	fields_begin(&f, c, BODY_WHOLE);
	read_time(&f, "since", &q->since);
	read_time(&f, "until", &q->until);
	field_names(&f, "appIds", NULL, &rule, &q->apps);
	if (f.nproblems == 0 && q->until.us > now.us + SLACK_US)
		field_problem(&f, "until", "may not be in the future");
	else if (f.nproblems == 0 &&
		 (q->since.us > q->until.us || q->until.us - q->since.us > WINDOW_MAX_US))
		field_problem(&f, "since", "must be before until, by 92 days at most");
	return fields_end(&f);
}

/* ---- starting ----------------------------------------------------------------------------- */

static void
put_time(struct jw *j, const char *name, struct wall t)
{
	char text[WALL_TEXT_SIZE];
	jw_put_text(j, name, str_of(wall_to_text(t, text)));
}

/* The task's filter, as task_kind.c reads it. */
static struct str
filter_of(struct call *c, const struct asked *q, const PGresult *apps)
{
	struct jw *j = call_json(c);
	jw_open_object(j);
	put_time(j, "since", q->since);
	put_time(j, "until", q->until);
	if (apps) {
		jw_key(j, "appIds");
		jw_open_array(j);
		for (int i = 0; i < pg_rows(apps); i++) {
			char id[ID_TEXT_SIZE];
			jw_text(j, str_of(id_to_text(ID_APP, pg_int(apps, i, 0), id)));
		}
		jw_close_array(j);
	}
	jw_close_object(j);
	jw_end(j);
	return (struct str){ j->out->data, j->out->len };
}

static void
start(struct call *c, const struct asked *q, const PGresult *apps)
{
	const struct task_in in = {
		.name = TASK_APP_STATS,
		.filter = filter_of(c, q, apps),
		.total = apps ? pg_rows(apps) : 0,
		.unresolved = &q->unresolved,
	};
	task_start(c, &in);
}

static bool
is_found(const PGresult *apps, struct str name)
{
	int64_t id;
	bool by_id = id_from_text(ID_APP, name, &id) == 0;
	for (int i = 0; i < pg_rows(apps); i++)
		if (by_id ? pg_int(apps, i, 0) == id : str_eq(pg_str(apps, i, 1), name))
			return true;
	return false;
}

static void
on_resolved(struct call *c, const struct pg_result *r)
{
	static const char *const loc[] = { "body", "appIds", NULL };
	struct asked *q = c->state;
	if (!pg_rows(r->res[0])) {
		call_invalid(c, loc, "names no application");
		return;
	}
	q->unresolved.name = arena_alloc(c->arena, sizeof(struct str) * (size_t)q->apps.n);
	for (int i = 0; i < q->apps.n; i++)
		if (!is_found(r->res[0], q->apps.name[i]))
			q->unresolved.name[q->unresolved.n++] = q->apps.name[i];
	start(c, q, r->res[0]);
}

static void
resolve(struct call *c, struct asked *q)
{
	struct pg_args *a = call_args(c);
	int64_t *ids = arena_alloc(c->arena, sizeof(*ids) * (size_t)q->apps.n);
	struct str *uids = arena_alloc(c->arena, sizeof(*uids) * (size_t)q->apps.n);
	int nids = 0, nuids = 0;
	for (int i = 0; i < q->apps.n; i++) {
		if (id_from_text(ID_APP, q->apps.name[i], &ids[nids]) == 0)
			nids++;
		else
			uids[nuids++] = q->apps.name[i];
	}
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_int8s(a, ids, nids);
	pg_arg_texts(a, uids, nuids);
	c->state = q;
	call_query_one(c, &stmt_app_resolve, a, on_resolved);
}

static void
on_app_expired(struct call *c, const struct pg_result *r)
{
	struct asked *q = c->state;
	(void)r;
	if (q->apps.n)
		resolve(c, q);
	else
		start(c, q, NULL);
}

static void
on_expired(struct call *c, const struct pg_result *r)
{
	const struct task_in in = { .name = TASK_EVENT_TYPES, .filter = STR("{}") };
	(void)r;
	task_start(c, &in);
}

/* Who makes new results sees to it that old ones go. */
static void
expire(struct call *c, call_fn then)
{
	call_query_one(c, &stmt_task_results_expire, call_args(c), then);
}

void
api_usage_app(struct call *c)
{
	struct asked *q = arena_zalloc(c->arena, sizeof(*q));
	if (read_asked(c, q))
		return;
	c->state = q;
	expire(c, on_app_expired);
}

void
api_usage_event_types(struct call *c)
{
	expire(c, on_expired);
}
