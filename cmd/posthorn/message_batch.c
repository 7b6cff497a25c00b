/* posthorn message create-batch: lines of a file become requests, results become rows.
 *
 * A line travels byte for byte; whether it is an event is for the server to say, line by line. A
 * request that fails as a whole ends the command: what was shown before it is stored. */
#include "message_batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#include "input.h"
#include "json_text.h"

#define PER_REQUEST 500       /* events, unless told otherwise; servers take 1000 by default */
#define BODY_SOON   (1 << 20) /* bytes of a request that is sent without waiting for more lines */
#define BODY_MAX    (2 * (size_t)INPUT_MAX)

static const struct column columns[] = {
	{ "line", "LINE", COLUMN_RIGHT },
	{ "status", "STATUS", COLUMN_RIGHT },
	{ "id", "ID", 0 },
	{ "eventType", "EVENT TYPE", 0 },
	{ "eventId", "EVENT ID", 0 },
	{ "detail", "DETAIL", COLUMN_LONG },
	{ 0 },
};

/* One run. */
struct feed {
	struct session *s;
	const char *path;
	const char *key; /* NULL: a random one for each request */
	struct buf body, row;
	int n, max;     /* events of the request being filled */
	int64_t *lines; /* where they came from; room for max */
	int64_t line;   /* the last one read */
	int64_t requests, events, refused;
	bool unavailable; /* some were refused that may pass when tried again */
};

/* {"status":202,…} as {"line":7,"status":202,…}. */
static int
show_result(struct feed *f, int64_t line, struct str result, struct err *e)
{
	struct slice s;
	int64_t status;
	if (json_text_object(result, "a result of the answer", &s, e))
		return -1;
	const struct slice_member *m = slice_get(&s, "status");
	if (!m || str_to_i64(m->value, 100, 599, &status))
		return err_set(e, ERR_IO, "the answer has a result without a status");
	f->refused += status > 299;
	f->unavailable = f->unavailable || status >= 500;
	buf_clear(&f->row);
	buf_addf(&f->row, "{\"line\":%lld,", (long long)line);
	buf_add(&f->row, result.p + 1, result.n - 1);
	return view_list_row(&f->s->view, (struct str){ f->row.data, f->row.len }, e);
}

static int
show_results(struct feed *f, struct str answer, struct err *e)
{
	struct slice s;
	struct str result;
	int n = 0;
	if (json_text_object(answer, "the answer", &s, e))
		return -1;
	const struct slice_member *data = slice_get(&s, "data");
	if (!data || data->kind != SLICE_ARRAY)
		return err_set(e, ERR_IO, "the answer is no list: it has no data");
	for (struct str rest = data->value; n < f->n && json_text_next(&rest, &result); n++)
		if (show_result(f, f->lines[n], result, e))
			return -1;
	if (n < f->n)
		return err_set(e, ERR_IO, "the answer has %d results for %d events", n, f->n);
	return 0;
}

static int
send_filled(struct feed *f, struct err *e)
{
	struct rest_answer answer;
	struct arena *a = f->s->arena;
	if (f->n == 0)
		return 0;
	f->requests++;
	const struct rest_request rq = {
		.method = "POST",
		.path = f->path,
		.body = { f->body.data, f->body.len },
		.content_type = "application/x-ndjson",
		.idempotency_key =
		    f->key ? arena_printf(a, "%s-%lld", f->key, (long long)f->requests) : NULL,
	};
	if (rest_call(f->s->rest, &rq, &answer, e) || show_results(f, answer.body, e)) {
		err_prefix(
		    e, "lines %lld to %lld", (long long)f->lines[0], (long long)f->lines[f->n - 1]);
		return -1;
	}
	f->events += f->n;
	f->n = 0;
	buf_clear(&f->body);
	return 0;
}

static bool
is_blank(const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\r\n", line[i]) || line[i] == '\0')
			return false;
	return true;
}

static int
take_line(struct feed *f, const char *line, size_t n, struct err *e)
{
	f->line++;
	if (is_blank(line, n))
		return 0;
	if (n > INPUT_MAX)
		return err_set(e, ERR_TOO_LARGE, "line %lld is larger than %d bytes",
		    (long long)f->line, INPUT_MAX);
	if ((f->n == f->max || f->body.len + n > BODY_SOON) && send_filled(f, e))
		return -1;
	f->lines[f->n++] = f->line;
	buf_add(&f->body, line, n);
	if (line[n - 1] != '\n')
		buf_addc(&f->body, '\n');
	return 0;
}

static int
feed_all(struct feed *f, FILE *in, struct err *e)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int rc = 0;
	while (rc == 0 && (n = getline(&line, &room, in)) >= 0)
		rc = take_line(f, line, (size_t)n, e);
	if (rc == 0 && ferror(in))
		rc = err_errno(e, ERR_IO, "cannot read the events");
	free(line);
	return rc ? rc : send_filled(f, e);
}

static int
feed_file(struct feed *f, const char *file, struct err *e)
{
	const bool standard = !file || strcmp(file, "-") == 0;
	FILE *in = standard ? stdin : fopen(file, "re");
	if (!in)
		return err_errno(e, ERR_IO, "cannot open %s", file);
	view_list_begin(&f->s->view, columns);
	int rc = feed_all(f, in, e);
	view_list_end(&f->s->view); /* whatever came last, what was shown is whole */
	if (!standard)
		fclose(in);
	return rc;
}

int
message_batch_run(struct session *s, const struct args *a, struct err *e)
{
	struct feed f = { .s = s, .key = args_text(a, FLAG_IDEMPOTENCY_KEY) };
	f.path = rest_path(s->arena, "/app/*/msg/batch", a->word, e);
	if (!f.path)
		return -1;
	f.max = (int)args_int(a, FLAG_PER_REQUEST, PER_REQUEST);
	f.lines = mem_zalloc(sizeof(*f.lines) * (size_t)f.max);
	buf_init(&f.body, BODY_MAX);
	buf_init(&f.row, BODY_MAX);
	int rc = feed_file(&f, a->n > 1 ? a->word[1] : NULL, e);
	if (rc == 0 && f.refused)
		rc = err_set(e, f.unavailable ? ERR_UNAVAILABLE : ERR_INVALID,
		    "%lld of %lld events were refused", (long long)f.refused, (long long)f.events);
	buf_free(&f.body);
	buf_free(&f.row);
	free(f.lines);
	return rc;
}
