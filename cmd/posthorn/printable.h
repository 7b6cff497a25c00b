/* Text from elsewhere, made fit for a terminal: nothing that a server or a stranger wrote can move
 * the cursor, change colours, hide or reorder what is shown. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum printable {
	PRINTABLE_LINE, /* one line for people: line ends and controls become \n, \u001b, \xff */
	PRINTABLE_CELL, /* the same, and a backslash becomes \\, so that it can be undone (TSV) */
	PRINTABLE_JSON, /* text inside a JSON string: only \u escapes, its meaning is the same */
};

void printable_add(struct buf *out, struct str text, enum printable how);

/* The first max bytes of text as a line, in the arena. */
const char *printable_line(struct arena *a, struct str text, size_t max);
