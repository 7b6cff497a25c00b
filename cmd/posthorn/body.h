/* The JSON body and the query string of a call, made from the options that were given. */
#pragma once

#include "base/err.h"
#include "base/jw.h"
#include "base/str.h"

#include "args.h"

/* Writes a member for each option given that has a JSON field. */
int body_put_flags(struct jw *j, const struct args *a, struct err *e) MUST_CHECK;

/* The members of --header alone, into an object that is open. ERR_INVALID for a name or value that
 * the server would refuse. */
int body_put_headers(struct jw *j, const struct args *a, struct err *e) MUST_CHECK;

/* path with name=value for each option given that has a query name, lists joined by commas, except
 * those in the set `except`. In the arena of the arguments. */
const char *body_query(const struct args *a, const char *path, flag_set except);
/* The set of options with a JSON field: those a body takes, and the query then does not. */
flag_set body_flags(void);

/* One complete JSON value that a user handed in under that option's name, white space around it
 * removed. ERR_INVALID with line and column when it is none. object_only: nothing else will do. */
int body_check_json(const char *option, struct str text, bool object_only, struct str *ret,
    struct err *e) MUST_CHECK;
