/* posthorn endpoint recover, replay-missing and bulk-replay. */
#pragma once

#include "command.h"

/* run functions: for the first two, and for the last, which takes more options. */
int endpoint_replay_run(struct session *s, const struct args *a, struct err *e);
int endpoint_bulk_replay_run(struct session *s, const struct args *a, struct err *e);
