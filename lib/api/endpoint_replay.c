/* POST /app/{app}/endpoint/{endpoint}/recover, /replay-missing and /bulk-replay: messages of a
 * stretch of time go to the endpoint again, or for the first time, as a background task
 * (task_runner.h). What is planned for them stays planned. */
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "api/replay_filter.h"
#include "api/task.h"
#include "policy/name.h"
#include "rest/field.h"
#include "statements.h"
#include "store/endpoint.h"

#define WINDOW_MAX_US (14 * 24 * 3600 * USEC_PER_SEC)
#define SLACK_US      (5 * 60 * USEC_PER_SEC) /* for who reckons 14 days from a clock of their own */
#define RATE_MAX      1000000
#define STATUS_MAX    4
#define CLASS_MAX     500
#define TAG_MAX       512 /* bytes: a tag has 128 characters at most */

struct replay {
	struct replay_filter filter;
	const char *name; /* of the task */
	int64_t rate;     /* 0: as fast as it goes */
};

/* ---- the task ----------------------------------------------------------------------------- */

static void
start(struct call *c, const struct endpoint_row *e)
{
	struct replay *p = c->state;
	p->filter.endpoint_id = e->id;
	struct jw *data = call_json(c);
	replay_filter_put(data, &p->filter);
	jw_end(data);
	const struct task_in task = {
		.name = p->name,
		.app_id = e->app_id,
		.filter = { data->out->data, data->out->len },
		.rate = p->rate,
		.cursor = p->filter.above,
	};
	task_start(c, &task);
}

static void
on_endpoint(struct call *c, const struct pg_result *r)
{
	struct endpoint_row e;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	endpoint_row_read(r->res[0], 0, c->arena, &e);
	if (!endpoint_refuses(c, e.disabled, e.unverified))
		start(c, &e);
}

/* ---- the body ----------------------------------------------------------------------------- */

/* Messages to come are not meant: without `until`, or with one that lies ahead, it is now. */
static void
read_range(struct fields *f, struct replay_filter *ret)
{
	struct wall now = loop_wall(f->c->parts->loop);
	int before = f->nproblems;
	field_time(f, "since", &ret->since);
	field_time_or_null(f, "until", &ret->until);
	if (f->nproblems != before)
		return;
	if (!ret->until.us || ret->until.us > now.us)
		ret->until = now;
	if (ret->since.us > ret->until.us)
		field_problem(f, "since", "must be before until, and not ahead");
	else if (ret->until.us - ret->since.us > WINDOW_MAX_US + SLACK_US)
		field_problem(f, "since", "must be within 14 days before until");
	replay_filter_range(ret);
}

/* Null is the same as nothing here. */
static void
read_number(
    struct fields *f, const char *name, int64_t step, int64_t max, int64_t unit, int64_t *ret)
{
	const json_t *v = json_object_get(f->object, name);
	int64_t number = json_integer_value(v);
	if (!v || json_is_null(v))
		return;
	if (!json_is_integer(v) || number < 0 || number > max || number % step)
		field_problem(f, name, "is none of the values there are");
	else
		*ret = number / unit;
}

static void
read_types(struct fields *f, struct replay_filter *ret)
{
	static const struct name_rule types = { name_valid, 0, LOG_TYPES_MAX };
	struct names names = { 0 };
	field_names(f, "eventTypes", NULL, &types, &names);
	for (int i = 0; i < names.n; i++)
		ret->types[i] = names.name[i];
	ret->ntypes = names.n;
}

static void
read_selection(struct fields *f, struct replay_filter *ret)
{
	read_types(f, ret);
	field_text_or_null(f, "channel", NAME_MAX_LEN, &ret->channel);
	if (ret->channel.p && !name_channel_valid(ret->channel))
		field_problem(f, "channel", "is no channel");
	field_text_or_null(f, "tag", TAG_MAX, &ret->tag);
	read_number(f, "status", 1, STATUS_MAX, 1, &ret->status);
	read_number(f, "statusCodeClass", 100, CLASS_MAX, 100, &ret->class);
}

static void
replay(struct call *c, const char *name)
{
	struct replay *p = arena_zalloc(c->arena, sizeof(*p));
	struct fields f;
	if (call_body(c))
		return;
	p->name = name;
	p->filter.status = p->filter.class = -1;
	fields_begin(&f, c, BODY_WHOLE);
	read_range(&f, &p->filter);
	if (strcmp(name, TASK_BULK_REPLAY) == 0)
		read_selection(&f, &p->filter);
	field_int_or_null(&f, "ratePerSecond", NULL, 1, RATE_MAX, &p->rate);
	if (fields_end(&f))
		return;
	c->state = p;
	call_query_one(c, &stmt_endpoint_get, endpoint_args(c), on_endpoint);
}

void
api_endpoint_recover(struct call *c)
{
	replay(c, TASK_RECOVER);
}

void
api_endpoint_replay_missing(struct call *c)
{
	replay(c, TASK_REPLAY_MISSING);
}

void
api_endpoint_bulk_replay(struct call *c)
{
	replay(c, TASK_BULK_REPLAY);
}
