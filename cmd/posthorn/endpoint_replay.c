/* Replays of an endpoint (endpoint_replay.h). The options --after and --before are the API's since
 * and until: here they mean what they mean everywhere else. */
#include "endpoint_replay.h"

#include "base/buf.h"
#include "base/jw.h"

#include "call.h"
#include "status.h"

/* {"since", "until", "ratePerSecond" */
static int
put_range(struct jw *j, const struct args *a, struct err *e)
{
	const char *since = args_text(a, FLAG_AFTER), *until = args_text(a, FLAG_BEFORE);
	if (!since)
		return err_set(e, ERR_USAGE, "--after is needed: RFC 3339, or an age such as 2h");
	jw_put_text(j, "since", str_of(since));
	if (until)
		jw_put_text(j, "until", str_of(until));
	if (args_has(a, FLAG_RATE))
		jw_put_i64(j, "ratePerSecond", args_int(a, FLAG_RATE, 0));
	return 0;
}

static int
write_range(const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	jw_begin(&j, out);
	jw_open_object(&j);
	if (put_range(&j, a, e))
		return -1;
	jw_close_object(&j);
	jw_end(&j);
	return 0;
}

/* , "eventTypes", "channel", "tag", "statusCodeClass", "status"} */
static int
put_selection(struct jw *j, const struct args *a, struct err *e)
{
	const char *status = args_text(a, FLAG_STATUS);
	int number;
	if (a->arg[FLAG_CHANNEL].n > 1 || a->arg[FLAG_TAG].n > 1)
		return err_set(e, ERR_USAGE, "--channel and --tag may be given once here");
	if (args_has(a, FLAG_EVENT_TYPE)) {
		jw_key(j, "eventTypes");
		jw_open_array(j);
		for (int i = 0; i < a->arg[FLAG_EVENT_TYPE].n; i++)
			jw_text(j, str_of(a->arg[FLAG_EVENT_TYPE].text[i]));
		jw_close_array(j);
	}
	if (args_has(a, FLAG_CHANNEL))
		jw_put_text(j, "channel", str_of(a->arg[FLAG_CHANNEL].text[0]));
	if (args_has(a, FLAG_TAG))
		jw_put_text(j, "tag", str_of(a->arg[FLAG_TAG].text[0]));
	if (args_has(a, FLAG_STATUS_CLASS))
		jw_put_i64(j, "statusCodeClass", args_int(a, FLAG_STATUS_CLASS, 0));
	if (!status)
		return 0;
	if (status_from_text(status, &number, e))
		return -1;
	jw_put_i64(j, "status", number);
	return 0;
}

static int
write_selection(
    const struct session *s UNUSED, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	jw_begin(&j, out);
	jw_open_object(&j);
	if (put_range(&j, a, e) || put_selection(&j, a, e))
		return -1;
	jw_close_object(&j);
	jw_end(&j);
	return 0;
}

static int
post(struct session *s, const struct args *a, call_body_fn *write, struct err *e)
{
	struct str answer;
	const char *path = rest_path(s->arena, s->command->path, a->word, e);
	if (!path || call_write(s, a, "POST", path, write, &answer, e))
		return -1;
	return view_record(&s->view, answer, e);
}

int
endpoint_replay_run(struct session *s, const struct args *a, struct err *e)
{
	return post(s, a, write_range, e);
}

int
endpoint_bulk_replay_run(struct session *s, const struct args *a, struct err *e)
{
	return post(s, a, write_selection, e);
}
