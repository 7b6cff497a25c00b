/* Showing objects and lists. Every byte that came from the server passes through printable.h or
 * json_text.h on its way out; nothing else in the command writes server text to standard output. */
#include "view.h"

#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

#include "json_text.h"
#include "printable.h"

#define OUT_MAX        (256 << 20) /* bytes of one object laid out; an answer has at most 64 MiB */
#define TABLE_ROWS_MAX 1000        /* a longer list becomes several tables */

static const char *const formats[] = {
	[VIEW_TABLE] = "table",
	[VIEW_TSV] = "tsv",
	[VIEW_JSON] = "json",
};

static const struct column record_columns[] = {
	{ "field", "FIELD", 0 },
	{ "value", "VALUE", 0 },
	{ 0 },
};

/* Second spellings of fields that are there for older SDKs; people need one. */
static const char *const twins[] = { "filterTypes", "rateLimit", "version" };

void
view_init(struct view *v, enum view_format format)
{
	*v = (struct view){ .format = format };
	buf_init(&v->out, OUT_MAX);
}

void
view_done(struct view *v)
{
	scols_unref_table(v->table);
	v->table = NULL;
	buf_free(&v->out);
}

int
view_format_from_text(const char *text, enum view_format *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (strcmp(text, formats[i]) != 0)
			continue;
		*ret = (enum view_format)i;
		return 0;
	}
	return -1;
}

/* The table under way, made when the first row comes. */
static struct libscols_table *
table_get(struct view *v)
{
	if (v->table)
		return v->table;
	v->table = scols_new_table();
	/* Cutting is for eyes only: what goes to a file or a pipe is whole. */
	bool terminal = isatty(STDOUT_FILENO);
	scols_table_enable_noheadings(v->table, v->columns == record_columns);
	for (const struct column *c = v->columns; c->field; c++) {
		int flags = (c->how & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0) |
			    (c->how & COLUMN_LONG && terminal ? SCOLS_FL_TRUNC : 0);
		scols_table_new_column(v->table, c->title, 0, flags);
	}
	return v->table;
}

static void
table_print(struct view *v)
{
	if (v->table)
		scols_print_table(v->table);
	scols_unref_table(v->table);
	v->table = NULL;
}

/* Adds the strings of ["a", "b"] as a,b; false when the array holds anything else. */
static bool
add_texts(struct buf *out, struct str array, enum printable how)
{
	size_t before = out->len;
	struct str rest = array, element;
	while (json_text_next(&rest, &element)) {
		if (element.p[0] != '"') {
			out->len = before;
			return false;
		}
		if (out->len > before)
			buf_addc(out, ',');
		printable_add(out, (struct str){ element.p + 1, element.n - 2 }, how);
	}
	return true;
}

/* Whole seconds of 2026-01-31T12:00:00.123456Z. */
static struct str
without_fraction(struct str text)
{
	const char *dot = memchr(text.p, '.', text.n);
	return dot && text.p[text.n - 1] == 'Z' ? (struct str){ text.p, (size_t)(dot - text.p) }
						: text;
}

static void
add_string(struct buf *out, const struct slice_member *m, unsigned how_column, enum printable how)
{
	struct arena *a = arena_new();
	struct str text = slice_string(m, a);
	struct str cut = how_column & COLUMN_TIME ? without_fraction(text) : text;
	printable_add(out, cut, how);
	if (cut.n < text.n)
		buf_addc(out, 'Z');
	arena_free(a);
}

/* The text of a value for one cell, into v->out. NULL and absent are "-" in a table. */
static const char *
cell_text(struct view *v, const struct slice_member *m, unsigned how_column)
{
	bool people = v->format == VIEW_TABLE;
	enum printable how = people ? PRINTABLE_LINE : PRINTABLE_CELL;
	struct buf *out = &v->out;

	buf_clear(out);
	if (!m || m->kind == SLICE_NULL)
		buf_adds(out, people ? "-" : "");
	else if (m->kind == SLICE_STRING)
		add_string(out, m, people ? how_column : 0, how);
	else if (m->kind != SLICE_ARRAY || !add_texts(out, m->value, how))
		json_text_add(out, m->value, JSON_COMPACT);
	if (people && m && out->len == 0)
		buf_addc(out, '-');
	return out->failed ? "(too large)" : out->data;
}

static const char *
key_text(struct view *v, struct str key)
{
	buf_clear(&v->out);
	printable_add(&v->out, key, v->format == VIEW_TABLE ? PRINTABLE_LINE : PRINTABLE_CELL);
	return v->out.data;
}

/* The next cell of the current row. */
static void
put_cell(struct view *v, struct libscols_line *line, int i, const char *text)
{
	if (v->format == VIEW_TABLE)
		scols_line_set_data(line, (size_t)i, text);
	else
		printf("%s%s", i ? "\t" : "", text);
}

static struct libscols_line *
row_begin(struct view *v)
{
	if (v->format != VIEW_TABLE)
		return NULL;
	if (v->rows % TABLE_ROWS_MAX == 0)
		table_print(v);
	return scols_table_new_line(table_get(v), NULL);
}

static void
row_end(struct view *v)
{
	v->rows++;
	if (v->format == VIEW_TSV)
		putchar('\n');
}

void
view_list_begin(struct view *v, const struct column *columns)
{
	v->columns = columns;
	v->rows = 0;
	if (v->format != VIEW_TSV)
		return;
	for (const struct column *c = columns; c->field; c++)
		printf("%s%s", c == columns ? "" : "\t", c->field);
	putchar('\n');
}

static int
put_json(struct view *v, struct str value, struct err *e)
{
	buf_clear(&v->out);
	json_text_add(&v->out, value, JSON_PRETTY);
	if (v->out.failed)
		return err_set(e, ERR_IO, "the answer is too large to be laid out");
	fwrite(v->out.data, 1, v->out.len, stdout);
	return 0;
}

int
view_list_row(struct view *v, struct str object, struct err *e)
{
	if (json_text_object(object, "a row of the answer", &v->slice, e))
		return -1;
	if (v->format == VIEW_JSON) {
		fputs(v->rows++ ? ",\n" : "[\n", stdout);
		return put_json(v, object, e);
	}
	struct libscols_line *line = row_begin(v);
	for (int i = 0; v->columns[i].field; i++)
		put_cell(v, line, i,
		    cell_text(v, slice_get(&v->slice, v->columns[i].field), v->columns[i].how));
	row_end(v);
	return 0;
}

void
view_list_end(struct view *v)
{
	table_print(v);
	if (v->format == VIEW_JSON)
		fputs(v->rows ? "\n]\n" : "[]\n", stdout);
	if (v->rows == 0)
		view_note(v, "none");
}

static bool
is_twin(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(twins); i++)
		if (str_eq(key, str_of(twins[i])))
			return true;
	return false;
}

int
view_record(struct view *v, struct str object, struct err *e)
{
	if (json_text_object(object, "the answer", &v->slice, e))
		return -1;
	if (v->format == VIEW_JSON) {
		int rc = put_json(v, object, e);
		putchar('\n');
		return rc;
	}
	view_list_begin(v, record_columns);
	for (int i = 0; i < v->slice.n; i++) {
		const struct slice_member *m = &v->slice.member[i];
		if (v->format == VIEW_TABLE && is_twin(m->key))
			continue;
		struct libscols_line *line = row_begin(v);
		put_cell(v, line, 0, key_text(v, m->key));
		put_cell(v, line, 1, cell_text(v, m, 0));
		row_end(v);
	}
	table_print(v);
	return 0;
}

void
view_line(struct view *v, struct str text)
{
	buf_clear(&v->out);
	printable_add(&v->out, text, PRINTABLE_LINE);
	puts(v->out.data);
}

void
view_note(const struct view *v, const char *fmt, ...)
{
	va_list ap;
	if (v->format != VIEW_TABLE)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

int
view_flush(struct err *e)
{
	if (fflush(stdout) || ferror(stdout))
		return err_errno(e, ERR_IO, "cannot write to standard output");
	return 0;
}
