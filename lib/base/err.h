/* Errors as values: a closed kind that code acts on, a text that people read.
 *
 * A function that can fail returns 0 or -1 (or a pointer or NULL), takes `struct err *e` last and
 * writes it only on failure. The caller owns the struct; nothing in it is allocated. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/attr.h"

enum err_kind {
#define X(name, code, status, exit_code, retryable) ERR_##name,
#include "base/err_kinds.def"
#undef X
};

struct err {
	enum err_kind kind;
	char origin[16]; /* the foreign code: "23505", "curl:28", "ENOSPC"; "" when there is none */
	char text[232];
};

/* Fills *e and returns -1, so that `return err_set(e, …)` reads as one line. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);

/* As err_set, with ": strerror(errno)" appended and the errno name as origin. */
int err_errno(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);

/* Puts "context: " before the text, cutting the tail where it does not fit. Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF(2, 3);

const char *err_code(enum err_kind kind); /* slug of API error bodies; static */
int err_status(enum err_kind kind);       /* HTTP status */
int err_exit_code(enum err_kind kind);    /* sysexits(3) code of the commands */
bool err_retryable(enum err_kind kind);
