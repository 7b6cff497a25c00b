/* What a command shows, in three forms:
 *
 *   table  for people: columns, times without fractions; escaped, so that a terminal shows it all
 *   tsv    a line of names, then a line a row; tab, line end and backslash as \t \n \\
 *   json   the server's own JSON, laid out: an object, or an array for a list
 *
 * A list is written while its pages come in, so that memory does not grow with it. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include "policy/slice.h"

struct libscols_table;

enum view_format {
	VIEW_TABLE,
	VIEW_TSV,
	VIEW_JSON,
};

#define COLUMN_RIGHT 1u /* numbers */
#define COLUMN_TIME  2u /* a time; a table shows whole seconds */
#define COLUMN_LONG  4u /* cut to the width of the terminal */

struct column {
	const char *field; /* of the JSON object; the name in TSV */
	const char *title; /* in a table */
	unsigned how;
};
#define COLUMNS_MAX 16

struct view {
	enum view_format format;
	const struct column *columns; /* of the list under way */
	int rows;                     /* written since view_list_begin */
	struct libscols_table *table; /* rows not printed yet; NULL: none */
	struct buf out;               /* scratch */
	struct slice slice;           /* scratch */
};

void view_init(struct view *v, enum view_format format);
void view_done(struct view *v);
int view_format_from_text(const char *text, enum view_format *ret); /* -1: no such format */

/* One object, member by member. ERR_IO when it is none. */
int view_record(struct view *v, struct str object, struct err *e) MUST_CHECK;

/* A list: begin, any number of rows, end. columns ends with an all-zero one and is borrowed. */
void view_list_begin(struct view *v, const struct column *columns);
int view_list_row(struct view *v, struct str object, struct err *e) MUST_CHECK;
void view_list_end(struct view *v);

/* One line: a value by itself, to be piped. */
void view_line(struct view *v, struct str text);

/* A sentence for people: nothing in the other formats. */
void view_note(const struct view *v, const char *fmt, ...) PRINTF(2, 3);

/* What was written has really arrived. ERR_IO otherwise (a full disk). */
int view_flush(struct err *e) MUST_CHECK;
