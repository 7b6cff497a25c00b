/* Requests that are not the usual one: other signatures (policy/profile.h), and CloudEvents 1.0 in
 * the HTTP binding's binary and structured modes. What is signed is always the body that is sent.
 */
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

/* What a route with `shaped` sends. source: what the sources of CloudEvents begin with. */
void shape_request(const struct route *r, const struct message *m, struct wall now,
    const char *source, struct shaped *ret);
