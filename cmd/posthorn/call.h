/* Commands that are one call of the API, described by the fields of their struct command. */
#pragma once

#include "command.h"

/* run function of such commands. */
int call_run(struct session *s, const struct args *a, struct err *e);

/* The same in parts, for commands that choose their path or body themselves. */

/* Sends it; *ret_body is valid until the next call. body {NULL, 0}: none. */
int call_send(struct session *s, const char *method, const char *path, struct str body,
    const char *idempotency_key, struct str *ret_body, struct err *e) MUST_CHECK;
/* GET of a list: follows iterators up to --limit rows, or to the end with --all. */
int call_list(struct session *s, const struct args *a, const char *path,
    const struct column *columns, struct err *e) MUST_CHECK;
