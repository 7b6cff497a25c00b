/* JSON as text: walking and laying out what slice_object has accepted, without ever turning a
 * number into a double; 1.10 and 2^64 are shown as they were sent.
 *
 * Every function here but json_text_object relies on the text being valid. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include "policy/slice.h"

/* Checks it and cuts it into members. ERR_IO when it is no object: it came from a server, so the
 * user is not to blame. `what` begins the text of the error: "the answer". */
int json_text_object(
    struct str text, const char *what, struct slice *ret, struct err *e) MUST_CHECK;

enum json_layout {
	JSON_COMPACT, /* no white space */
	JSON_PRETTY,  /* two blanks a level, at most eight levels of indentation */
};

/* Appends the value with everything hidden in its strings escaped (printable.h). */
void json_text_add(struct buf *out, struct str value, enum json_layout layout);

/* The next element of an array. Start with *rest = the array, brackets included; false at its end.
 */
bool json_text_next(struct str *rest, struct str *ret_element);
