/* Background tasks that count by application: what they have found, as JSON. */
#pragma once

#include "rest/call.h"

/* Whether a task of that name is one. */
bool usage_is(struct str name);
/* One object: rows of task_results.sql. */
void usage_put(struct call *c, struct jw *j, struct str name, const PGresult *results);
