/* Cross-origin requests of browsers (the Fetch standard, section 3.2). */
#pragma once

#include "http/server.h"

/* On every other answer: any page may read it. Tokens, not cookies, say who calls. */
#define CORS_ANY_ORIGIN "access-control-allow-origin: *\r\n"

/* Answers OPTIONS with 204: every method, and the headers asked for. */
void cors_preflight(struct http_request *rq);
