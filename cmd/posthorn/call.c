/* Running what a struct command describes: path and query, body, request, view.
 *
 * A list is followed from page to page. The server is not trusted to end: an iterator that does not
 * move, or very many empty pages, are an error, and so is a list without its members. */
#include "call.h"

#include <string.h>

#include "base/buf.h"
#include "base/jw.h"

#include "body.h"
#include "input.h"
#include "json_text.h"
#include "printable.h"

#define LIMIT_DEFAULT 50
#define PAGE_MAX      250    /* rows a page that the API gives at most */
#define EMPTY_MAX     100000 /* pages without a row, one after the other */

/* Room for a body: what was handed in, and its names and escapes. */
#define BODY_MAX (2 * (size_t)INPUT_MAX)

int
call_send(struct session *s, const struct args *a, const char *method, const char *path,
    struct str body, struct str *ret_answer, struct err *e)
{
	struct rest_answer answer;
	struct rest_request rq = { .method = method,
		.path = path,
		.body = body,
		.idempotency_key = args_text(a, FLAG_IDEMPOTENCY_KEY) };
	if (rest_call(s->rest, &rq, &answer, e))
		return -1;
	*ret_answer = answer.body;
	return 0;
}

int
call_write(struct session *s, const struct args *a, const char *method, const char *path,
    call_body_fn *write, struct str *ret_answer, struct err *e)
{
	struct buf body;
	buf_init(&body, BODY_MAX);
	int rc = write(s, a, &body, e);
	if (rc == 0 && body.failed)
		rc = err_set(e, ERR_TOO_LARGE, "the request is larger than %zu bytes", BODY_MAX);
	if (rc == 0)
		rc = call_send(
		    s, a, method, path, (struct str){ body.data, body.len }, ret_answer, e);
	buf_free(&body);
	return rc;
}

static bool
is_among(const char *words, struct str word)
{
	struct str rest = str_of(words), one;
	while (str_split(&rest, ' ', &one))
		if (str_eq(one, word))
			return true;
	return false;
}

int
call_put_cleared(struct jw *j, const struct command *c, const struct args *a, struct err *e)
{
	for (int i = 0; i < a->arg[FLAG_CLEAR].n; i++) {
		const char *field = a->arg[FLAG_CLEAR].text[i];
		if (!is_among(c->clears, str_of(field)))
			return err_set(e, ERR_USAGE, "--clear %s: can be any of %s",
			    printable_line(a->arena, str_of(field), 30), c->clears);
		jw_put_null(j, field);
	}
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

/* The word behind those of the path and the options, as a JSON object. */
static int
write_body(const struct session *s, const struct args *a, struct buf *out, struct err *e)
{
	struct jw j;
	const struct command *c = s->command;
	if (c->body) {
		buf_adds(out, c->body);
		return 0;
	}
	jw_begin(&j, out);
	jw_open_object(&j);
	if (c->word_field)
		jw_put_text(&j, c->word_field, str_of(a->word[stars(c->path)]));
	if (body_put_flags(&j, a, e) || call_put_cleared(&j, c, a, e))
		return -1;
	jw_close_object(&j);
	jw_end(&j);
	if (strcmp(c->method, "PATCH") == 0 && out->len == strlen("{}"))
		return err_set(e, ERR_USAGE, "nothing to change: give at least one option");
	return 0;
}

/* GET and DELETE carry everything in the query, the others what they can in the body. */
static bool
has_body(const struct command *c)
{
	return strcmp(c->method, "GET") != 0 && strcmp(c->method, "DELETE") != 0;
}

int
call_run(struct session *s, const struct args *a, struct err *e)
{
	const struct command *c = s->command;
	const char *path = rest_path(s->arena, c->path, a->word, e);
	struct str answer;
	if (!path)
		return -1;
	path = body_query(a, path, has_body(c) ? body_flags() : 0);
	if (c->show == SHOW_LIST)
		return call_list(s, a, path, c->columns, e);
	if (has_body(c) ? call_write(s, a, c->method, path, write_body, &answer, e)
			: call_send(s, a, c->method, path, (struct str){ NULL, 0 }, &answer, e))
		return -1;
	if (c->show == SHOW_RECORD)
		return view_record(&s->view, answer, e);
	view_note(&s->view, "%s", c->done);
	return 0;
}

/* Rows of one page, at most *left of them. *ret_next: where the next page starts, in the arena;
 * NULL: there is none. *empty: pages before it without a row, and it. (The server looks at so many
 * rows a page, however few of them a filter selects.) */
static int
page_show(struct session *s, struct str answer, int64_t *left, int *empty, const char **ret_next,
    struct err *e)
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
	++*empty;
	for (struct str rest = data->value; *left > 0 && json_text_next(&rest, &row); --*left) {
		*empty = 0;
		if (view_list_row(&s->view, row, e))
			return -1;
	}
	*ret_next = NULL;
	if (*left == 0 || !next || next->kind != SLICE_STRING || !done || done->kind != SLICE_FALSE)
		return 0;
	if (*empty > EMPTY_MAX)
		return err_set(e, ERR_IO, "the list does not end: its pages are empty");
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
	int empty = 0;
	do {
		int64_t rows = left < PAGE_MAX ? left : PAGE_MAX;
		const char *page = rest_query(
		    s->arena, path, "limit", arena_printf(s->arena, "%lld", (long long)rows));
		if (*at)
			page = rest_query(s->arena, page, "iterator", at);
		if (call_send(s, a, "GET", page, (struct str){ NULL, 0 }, &answer, e))
			return -1;
		if (!begun)
			view_list_begin(&s->view, columns);
		begun = true;
		const char *before = at;
		if (page_show(s, answer, &left, &empty, &at, e))
			return -1;
		if (at && strcmp(at, before) == 0)
			return err_set(
			    e, ERR_IO, "the list does not end: its iterator stands still");
	} while (at);
	view_list_end(&s->view);
	return 0;
}
