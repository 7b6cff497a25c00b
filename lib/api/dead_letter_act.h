/* What the files about dead letters share: naming one, and who acts. */
#pragma once

#include "rest/call.h"

/* The four arguments that every statement about one dead letter begins with: call_arg_app's and its
 * id. The dead letter is the path's second placeholder. */
struct pg_args *dead_letter_args(struct call *c);

/* Whose token it is: "app_…", or "org_…". */
struct str call_subject(const struct call *c);
