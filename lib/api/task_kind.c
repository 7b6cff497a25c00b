/* The kinds of background tasks (task_kind.h): one table. */
#include "api/task_kind.h"

#include "api/dead_filter.h"
#include "api/replay_filter.h"
#include "api/task_name.h"
#include "statements.h"

/* ---- filters ---- */

static void
release_json(void *p)
{
	json_decref(p);
}

/* What is no JSON is an empty object. */
static const json_t *
parse(struct arena *a, struct str text)
{
	json_t *filter = json_loadb(text.p, text.n, 0, NULL);
	if (!filter)
		filter = json_object();
	arena_own(a, filter, release_json);
	return filter;
}

static void *
read_dead(struct arena *a, struct str text, struct wall now, int64_t *ret_below)
{
	struct dead_filter *f = arena_alloc(a, sizeof(*f));
	const char *field;
	bool wrong = dead_filter_from_json(parse(a, text), now, f, &field);
	*ret_below = wrong ? 0 : f->below;
	return f;
}

static void
arg_dead(struct pg_args *a, const void *filter)
{
	dead_filter_arg(a, filter);
}

static void *
read_replay(struct arena *a, struct str text, struct wall now UNUSED, int64_t *ret_below)
{
	struct replay_filter *f = arena_alloc(a, sizeof(*f));
	bool wrong = replay_filter_from_json(parse(a, text), f);
	*ret_below = wrong ? 0 : f->below;
	return f;
}

static void
arg_recover(struct pg_args *a, const void *filter)
{
	replay_filter_arg(a, filter, REPLAY_UNSUCCESSFUL);
}

static void
arg_bulk(struct pg_args *a, const void *filter)
{
	replay_filter_arg(a, filter, REPLAY_ATTEMPTED);
}

static void
arg_missing(struct pg_args *a, const void *filter)
{
	replay_filter_arg(a, filter, REPLAY_MISSING);
}

static int64_t
replay_endpoint(const void *filter)
{
	const struct replay_filter *f = filter;
	return f->endpoint_id;
}

/* The id of the last message that is meant; none: there was none. */
static void *
read_expunge(struct arena *a, struct str text, struct wall now UNUSED, int64_t *ret_below)
{
	const json_t *last = json_object_get(parse(a, text), "lastMsgId");
	int64_t id = 0;
	struct str name = { json_string_value(last), json_string_length(last) };
	bool there = name.p && id_from_text(ID_MESSAGE, name, &id) == 0;
	*ret_below = there ? id + 1 : 0;
	return NULL;
}

/* {"since", "until", "appIds"}: the last only where some were asked for. */
struct usage {
	struct wall since, until;
	int n; /* -1: all */
	int64_t *ids;
};

static void *
read_usage(struct arena *a, struct str text, struct wall now UNUSED, int64_t *ret_below)
{
	const json_t *filter = parse(a, text), *ids = json_object_get(filter, "appIds");
	struct usage *u = arena_zalloc(a, sizeof(*u));
	const char *since = json_string_value(json_object_get(filter, "since"));
	const char *until = json_string_value(json_object_get(filter, "until"));
	bool good = since && until && wall_from_text(str_of(since), &u->since) == 0 &&
		    wall_from_text(str_of(until), &u->until) == 0;
	u->n = ids ? (int)json_array_size(ids) : -1;
	u->ids = arena_alloc(a, sizeof(*u->ids) * json_array_size(ids));
	for (int i = 0; good && i < u->n; i++) {
		const char *id = json_string_value(json_array_get(ids, (size_t)i));
		good = id && id_from_text(ID_APP, str_of(id), &u->ids[i]) == 0;
	}
	*ret_below = good ? INT64_MAX : 0;
	return u;
}

static void
arg_usage(struct pg_args *a, const void *filter)
{
	const struct usage *u = filter;
	pg_arg_time(a, u->since);
	pg_arg_time(a, u->until);
	if (u->n >= 0)
		pg_arg_int8s(a, u->ids, u->n);
	else
		pg_arg_null(a);
}

/* Without a stretch of time and of any application. */
static void
arg_types(struct pg_args *a, const void *filter UNUSED)
{
	pg_arg_null(a);
	pg_arg_null(a);
	pg_arg_null(a);
}

static void *
read_all(struct arena *a UNUSED, struct str text UNUSED, struct wall now UNUSED, int64_t *ret_below)
{
	*ret_below = INT64_MAX;
	return NULL;
}

static void
arg_nothing(struct pg_args *a UNUSED, const void *filter UNUSED)
{
}

/* ---- the table ---- */

static const struct task_kind kinds[] = {
	{ TASK_REPLAY, &stmt_task_replay_step, true, read_dead, arg_dead, NULL },
	{ TASK_DISCARD, &stmt_task_discard_step, false, read_dead, arg_dead, NULL },
	{ TASK_RECOVER, &stmt_task_endpoint_step, true, read_replay, arg_recover, replay_endpoint },
	{ TASK_BULK_REPLAY, &stmt_task_endpoint_step, true, read_replay, arg_bulk,
	    replay_endpoint },
	{ TASK_REPLAY_MISSING, &stmt_task_endpoint_step, true, read_replay, arg_missing,
	    replay_endpoint },
	{ TASK_EXPUNGE, &stmt_task_expunge_step, false, read_expunge, arg_nothing, NULL },
	{ TASK_APP_STATS, &stmt_task_usage_step, false, read_usage, arg_usage, NULL },
	{ TASK_EVENT_TYPES, &stmt_task_usage_step, false, read_all, arg_types, NULL },
};

const struct task_kind *
task_kind_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(str_of(kinds[i].name), name))
			return &kinds[i];
	return NULL;
}

void
task_kinds_arg(struct pg_args *a)
{
	struct str names[ARRAY_LEN(kinds)];
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		names[i] = str_of(kinds[i].name);
	pg_arg_texts(a, names, ARRAY_LEN(names));
}
