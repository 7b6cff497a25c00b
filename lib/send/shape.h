/* Requests that are not the usual one: other signatures (policy/profile.h), CloudEvents 1.0 in the
 * HTTP binding's binary and structured modes, and the name of the sender where a receiver has
 * consented to it (policy/challenge.h). What is signed is always the body that is sent. */
#pragma once

#include "http/client.h"
#include "send/message.h"
#include "send/route.h"

struct shaped {
	char *bytes; /* owned by the caller: what the rest points into */
	int nheaders;
	const char *headers[CLIENT_HEADERS_MAX];
	struct str body;
};

/* How we call ourselves. */
struct shape_names {
	const char *source; /* what the sources of CloudEvents begin with */
	const char *origin; /* of WebHook-Request-Origin */
};

/* What a route with `shaped` sends; of another one it is the usual request. */
void shape_request(const struct route *r, const struct message *m, struct wall now,
    const struct shape_names *names, struct shaped *ret);
/* "webhook-request-origin: …", as requests have it. */
void shape_put_origin(const struct shape_names *names, struct buf *out);
