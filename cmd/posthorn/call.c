/* Running what a struct command describes: path and query, body, request, view.
 *
 * A list is followed from page to page. The server is not trusted to end: an iterator that does not
 * move, or an empty page that claims more, is an error, and so is a list without its members. */
#include "call.h"

#include <string.h>

#include "base/buf.h"
#include "base/jw.h"

#include "body.h"
#include "input.h"
#include "json_text.h"

#define LIMIT_DEFAULT 50
#define PAGE_MAX      250 /* rows a page that the API gives at most */

/* Room for a body: what was handed in, and its names and escapes. */
#define BODY_MAX (2 * (size_t)INPUT_MAX)

int
call_send(struct session *s, const char *method, const char *path, struct str body,
    const char *idempotency_key, struct str *ret_body, struct err *e)
{
	struct rest_answer answer;
	struct rest_request rq = { method, path, body, idempotency_key };
	if (rest_call(s->rest, &rq, &answer, e))
		return -1;
	*ret_body = answer.body;
	return 0;
}

/* How many words the path takes. */
static int
stars(const char *path)
{
	int n = 0;
	for (; *path; path++)
		n += *path == '*';
	return n;
}

/* The words behind those of the path and the options, as a JSON object; false in *ret_any when
 * there are none. */
static int
body_write(
    const struct command *c, const struct args *a, struct buf *out, bool *ret_any, struct err *e)
{
	struct jw j;
	jw_begin(&j, out);
	jw_open_object(&j);
	if (c->word_field)
		jw_put_text(&j, c->word_field, str_of(a->word[stars(c->path)]));
	if (body_put_flags(&j, a, e))
		return -1;
	for (int i = 0; i < a->arg[FLAG_CLEAR].n; i++)
		jw_put_null(&j, a->arg[FLAG_CLEAR].text[i]);
	jw_close_object(&j);
	jw_end(&j);
	*ret_any = out->len > strlen("{}");
	return 0;
}

/* The body of the command in the arena; {NULL, 0} for methods without one. */
static int
body_make(const struct command *c, const struct args *a, struct str *ret, struct err *e)
{
	*ret = (struct str){ NULL, 0 };
	if (c->body) {
		*ret = str_of(c->body);
		return 0;
	}
	if (strcmp(c->method, "GET") == 0 || strcmp(c->method, "DELETE") == 0)
		return 0;
	struct buf b;
	bool any = false;
	buf_init(&b, BODY_MAX);
	int rc = body_write(c, a, &b, &any, e);
	if (rc == 0 && !any && strcmp(c->method, "PATCH") == 0)
		rc = err_set(e, ERR_USAGE, "nothing to change: give at least one option");
	if (rc == 0 && b.failed)
		rc = err_set(e, ERR_TOO_LARGE, "the request is larger than %zu bytes", BODY_MAX);
	if (rc == 0)
		*ret = arena_str(a->arena, (struct str){ b.data, b.len });
	buf_free(&b);
	return rc;
}

int
call_run(struct session *s, const struct args *a, struct err *e)
{
	const struct command *c = s->command;
	const char *path = rest_path(s->arena, c->path, a->word, e);
	struct str body, answer;
	if (!path || body_make(c, a, &body, e))
		return -1;
	path = body_query(a, path, body.p ? body_flags() : 0);
	if (c->show == SHOW_LIST)
		return call_list(s, a, path, c->columns, e);
	if (call_send(s, c->method, path, body, args_text(a, FLAG_IDEMPOTENCY_KEY), &answer, e))
		return -1;
	if (c->show == SHOW_RECORD)
		return view_record(&s->view, answer, e);
	view_note(&s->view, "%s", c->done);
	return 0;
}

/* Rows of one page, at most *left of them. *ret_next: where the next page starts, in the arena;
 * NULL: there is none. */
static int
page_show(struct session *s, struct str answer, int64_t *left, const char **ret_next, struct err *e)
{
	struct slice page;
	struct str row;
	if (json_text_object(answer, "the answer", &page, e))
		return -1;
	const struct slice_member *data = slice_get(&page, "data");
	const struct slice_member *done = slice_get(&page, "done");
	const struct slice_member *next = slice_get(&page, "iterator");
	if (!data || data->kind != SLICE_ARRAY)
		return err_set(e, ERR_IO, "the answer is no list: it has no data");
	bool any = false;
	for (struct str rest = data->value; *left > 0 && json_text_next(&rest, &row); --*left) {
		any = true;
		if (view_list_row(&s->view, row, e))
			return -1;
	}
	*ret_next = NULL;
	if (*left == 0 || !next || next->kind != SLICE_STRING || !done || done->kind != SLICE_FALSE)
		return 0;
	if (!any)
		return err_set(e, ERR_IO, "the list does not end: an empty page claims more");
	*ret_next =
	    arena_strndup(s->arena, slice_string(next, s->arena).p, slice_string(next, s->arena).n);
	return 0;
}

int
call_list(struct session *s, const struct args *a, const char *path, const struct column *columns,
    struct err *e)
{
	int64_t left = args_has(a, FLAG_ALL) ? INT64_MAX : args_int(a, FLAG_LIMIT, LIMIT_DEFAULT);
	const char *at = "";
	struct str answer;

	if (args_has(a, FLAG_ALL) && args_has(a, FLAG_LIMIT))
		return err_set(e, ERR_USAGE, "--all and --limit exclude each other");
	bool begun = false;
	do {
		int64_t rows = left < PAGE_MAX ? left : PAGE_MAX;
		const char *page = rest_query(
		    s->arena, path, "limit", arena_printf(s->arena, "%lld", (long long)rows));
		if (*at)
			page = rest_query(s->arena, page, "iterator", at);
		if (call_send(s, "GET", page, (struct str){ NULL, 0 }, NULL, &answer, e))
			return -1;
		if (!begun)
			view_list_begin(&s->view, columns);
		begun = true;
		const char *before = at;
		if (page_show(s, answer, &left, &at, e))
			return -1;
		if (at && strcmp(at, before) == 0)
			return err_set(
			    e, ERR_IO, "the list does not end: its iterator stands still");
	} while (at);
	view_list_end(&s->view);
	return 0;
}
