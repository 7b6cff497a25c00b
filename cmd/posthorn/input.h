/* Bytes that a user hands in: as an argument, from a file, or from standard input. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define INPUT_MAX                                                                                  \
	(64 << 20) /* bytes: the largest request body that a server can be set to take             \
		    */

/* Appends the whole file; ERR_IO when it cannot be read, ERR_TOO_LARGE past the maximum of `out`.
 */
int input_file(const char *path, struct buf *out, struct err *e) MUST_CHECK;

/* The value of an option (NULL: of a word): "@FILE" is the file's bytes, "-" those of standard
 * input (at most INPUT_MAX), anything else is itself. The result lives in the arena,
 * NUL-terminated. */
int input_value(const char *option, const char *text, struct arena *a, struct str *ret,
    struct err *e) MUST_CHECK;

/* As input_value, for a secret: what ends the line of a file is not part of it. */
int input_secret(const char *option, const char *text, struct arena *a, struct str *ret,
    struct err *e) MUST_CHECK;
