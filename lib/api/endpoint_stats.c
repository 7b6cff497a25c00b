/* /app/{app}/endpoint/{endpoint}/stats and …/attempt-stats: how its attempts of a stretch of time
 * went.
 *
 * Answered from the tally (send/tally.h), never by counting the log: whole hours, those in which
 * the stretch begins and ends included; behind by a second to a minute; and without what a worker
 * that was killed had not written yet. */
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "statements.h"

#define DAY_US        (24 * 3600 * USEC_PER_SEC)
#define WINDOW_MAX_US (28 * DAY_US)
#define SLACK_US      (300 * USEC_PER_SEC) /* clocks differ, and requests take time */

/* ended_only: without what attempts under way would be counted as. They are none, for attempts are
 * recorded when they have ended. */
static void
reply_counts(struct call *c, const PGresult *counts, bool ended_only)
{
	if (!pg_rows(counts)) {
		call_not_found(c);
		return;
	}
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_i64(j, "success", pg_int(counts, 0, 0));
	if (!ended_only) {
		jw_put_i64(j, "pending", 0);
		jw_put_i64(j, "sending", 0);
	}
	jw_put_i64(j, "fail", pg_int(counts, 0, 1));
	jw_put_i64(j, "canceled", 0);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

static void
on_counted(struct call *c, const struct pg_result *r)
{
	reply_counts(c, r->res[0], false);
}

static void
on_attempts_counted(struct call *c, const struct pg_result *r)
{
	reply_counts(c, r->res[0], true);
}

/* The stretch asked for: by default as much as may be asked for, up to now. */
static int
read_window(struct call *c, struct wall *since, struct wall *until)
{
	struct wall now = loop_wall(c->parts->loop);
	*since = (struct wall){ 0 };
	*until = now;
	if (call_query_time(c, "since", since) || call_query_time(c, "until", until))
		return -1;
	if (since->us == 0)
		since->us = until->us - WINDOW_MAX_US;
	if (since->us > until->us || until->us - since->us > WINDOW_MAX_US + SLACK_US ||
	    until->us > now.us + SLACK_US) {
		call_fail_code(c, 400, "invalid_range",
		    "since and until must be at most 28 days apart, in order, and not in the future");
		return -1;
	}
	return 0;
}

static void
count(struct call *c, call_fn fn)
{
	struct wall since, until;
	if (read_window(c, &since, &until))
		return;
	struct pg_args *a = endpoint_args(c);
	pg_arg_time(a, since);
	pg_arg_time(a, until);
	call_query_one(c, &stmt_endpoint_stats, a, fn);
}

void
api_endpoint_stats(struct call *c)
{
	count(c, on_counted);
}

void
api_endpoint_attempt_stats(struct call *c)
{
	count(c, on_attempts_counted);
}
