/* Putting an answer on the wire: below call_reply, for what stands between the two. */
#pragma once

#include "rest/call.h"

/* extra: further header lines, each ending in CRLF. An empty body goes out as 204 has it. */
void reply_send(struct call *c, int status, struct str body, const char *extra);
