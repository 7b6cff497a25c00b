/* Commands that are one call of the API, described by the fields of their struct command. */
#pragma once

#include "base/jw.h"

#include "command.h"

/* run function of such commands. */
int call_run(struct session *s, const struct args *a, struct err *e);

/* The same in parts, for commands that choose their path or body themselves. *ret_answer is the
 * body of the answer, valid until the next call. */

/* body {NULL, 0}: none. */
int call_send(struct session *s, const struct args *a, const char *method, const char *path,
    struct str body, struct str *ret_answer, struct err *e) MUST_CHECK;

/* --clear: each field as null; ERR_USAGE for one that the command does not unset. */
int call_put_cleared(
    struct jw *j, const struct command *c, const struct args *a, struct err *e) MUST_CHECK;

/* Writes a JSON object into out; where that has no room, call_write says so. */
typedef int call_body_fn(
    const struct session *s, const struct args *a, struct buf *out, struct err *e);
/* As call_send, with a body that is written for it. */
int call_write(struct session *s, const struct args *a, const char *method, const char *path,
    call_body_fn *write, struct str *ret_answer, struct err *e) MUST_CHECK;

/* GET of a list: follows iterators up to --limit rows, or to the end with --all. */
int call_list(struct session *s, const struct args *a, const char *path,
    const struct column *columns, struct err *e) MUST_CHECK;
