/* POST /dead-letter/replay and /dead-letter/discard: everything that a filter selects, as a
 * background task. What is selected is fixed now: dead letters that come later are not meant. */
#include "api/dead_filter.h"
#include "api/handlers.h"
#include "api/task.h"
#include "rest/field.h"
#include "statements.h"

#define RATE_MAX   1000000
#define COUNT_ROWS 10000 /* looked at to say how many there are */

struct bulk {
	struct dead_filter filter;
	const char *name;
	bool dry_run;
	int64_t rate; /* 0: as fast as it goes */
};

static void
reply_count(struct call *c, int64_t count, bool more)
{
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_bool(j, "dryRun", true);
	jw_put_i64(j, "count", count);
	jw_put_i64(j, "total", count);
	jw_put_bool(j, "more", more); /* than were looked at: at least so many */
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

/* Columns of dead_letter_count.sql: application, count, whether there may be more. */
static void
on_counted(struct call *c, const struct pg_result *r)
{
	const struct bulk *b = c->state;
	int64_t app_id = pg_int(r->res[0], 0, 0), count = pg_int(r->res[0], 0, 1);
	if (ref_is_given(&b->filter.app) && app_id <= 0) {
		call_not_found(c);
		return;
	}
	if (b->dry_run) {
		reply_count(c, count, pg_bool(r->res[0], 0, 2));
		return;
	}
	struct jw *filter = call_json(c);
	dead_filter_put(filter, &b->filter);
	jw_end(filter);
	const struct task_in task = {
		.name = b->name,
		.app_id = app_id,
		.filter = { filter->out->data, filter->out->len },
		.rate = b->rate,
		.total = count,
		.cursor = b->filter.above,
	};
	task_start(c, &task);
}

static int
read_bulk(struct call *c, struct bulk *b)
{
	struct fields f;
	const char *wrong;
	if (call_body_or_empty(c))
		return -1;
	fields_begin(&f, c, BODY_WHOLE);
	field_bool(&f, "dryRun", &b->dry_run);
	field_int_or_null(&f, "ratePerSecond", NULL, 1, RATE_MAX, &b->rate);
	const struct wall now = loop_wall(c->parts->loop);
	if (dead_filter_from_json(c->body, now, &b->filter, &wrong))
		field_problem(&f, wrong, "is no such filter");
	else if (b->filter.below > log_below(now)) /* what is to come is not meant */
		b->filter.below = log_below(now);
	return fields_end(&f);
}

static void
start(struct call *c, const char *name)
{
	struct bulk *b = arena_zalloc(c->arena, sizeof(*b));
	b->name = name;
	if (read_bulk(c, b))
		return;
	struct pg_args *a = call_args(c);
	dead_filter_arg_all(a, str_of(c->token.org), &b->filter);
	call_arg_ref(a, &b->filter.app);
	pg_arg_int4(a, COUNT_ROWS);
	c->state = b;
	call_query_one(c, &stmt_dead_letter_count, a, on_counted);
}

void
api_dead_letter_replay_all(struct call *c)
{
	start(c, TASK_REPLAY);
}

void
api_dead_letter_discard_all(struct call *c)
{
	start(c, TASK_DISCARD);
}
