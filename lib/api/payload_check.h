/* Payloads against the schemas of their event types, as option payload_validation says. */
#pragma once

#include "api/message_in.h"
#include "rest/call.h"

/* An event that is posted, and what came of it. */
struct payload_check {
	const struct message_in *in;
	const char *const
	    *loc; /* NULL: it may go on; else where it is wrong: "body", "payload", … */
	const char *reason;
};

/* Checks them and goes on with then(arg), perhaps at once; answers the call and does not go on when
 * the schemas cannot be read. Only while c->parts->schemas is set. The list stays until then. */
void payload_check(
    struct call *c, struct payload_check *list, int n, void (*then)(void *arg), void *arg);
