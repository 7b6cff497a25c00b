/* The question that a browser asks before it sends a request with a token to another origin. */
#include "rest/cors.h"

#include <stdio.h>

#define HEADERS_MAX 1024

/* Only what a list of header names consists of is mirrored. */
static bool
is_name_list(struct str s)
{
	if (s.n == 0 || s.n > HEADERS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char ch = s.p[i];
		bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
			      (ch >= '0' && ch <= '9');
		if (!letter && (ch == '\0' || !strchr("-_, ", ch)))
			return false;
	}
	return true;
}

void
cors_preflight(struct http_request *rq)
{
	struct str asked = http_header_get(rq, "access-control-request-headers");
	if (!is_name_list(asked))
		asked = STR("authorization, content-type, idempotency-key");
	char *lines = arena_printf(rq->arena,
	    CORS_ANY_ORIGIN
	    "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
	    "access-control-allow-headers: %.*s\r\n"
	    "access-control-max-age: 600\r\n"
	    "vary: access-control-request-headers\r\n",
	    STR_FMT(asked));
	http_reply(rq, 204, NULL, STR(""), lines);
}
