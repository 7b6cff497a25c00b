/* An answer of the API that is an error, as one line. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include "rest.h"
#include "server.h"

/* Fills *e from the status and the body, in either of the API's shapes,
 *
 *     {"code": "…", "detail": "…"}
 *     {"detail": [{"loc": ["body", "eventTypes", "[0]"], "msg": "…", "type": "…"}]}
 *
 * or from the status alone when the body is something else. Always returns -1. */
int api_error(
    struct arena *a, const struct server *server, const struct rest_answer *answer, struct err *e);
