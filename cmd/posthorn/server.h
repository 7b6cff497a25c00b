/* Which server, and the token that it is asked with. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

#include "args.h"

#define SERVER_URL_MAX 1024
#define TOKEN_MAX      8192

struct server {
	const char *url; /* without a trailing slash; "/api/v1" follows */
	bool local;      /* this machine: a loopback address or localhost */
	char *token;     /* NULL: none was found; wiped by server_done */
};

/* From --url, POSTHORN_URL or the default. ERR_USAGE when it is no http or https URL, or holds a
 * user, a query or a fragment. */
int server_from_args(
    struct server *ret, const struct args *a, struct arena *arena, struct err *e) MUST_CHECK;

/* The token: --token, --token-file, POSTHORN_TOKEN, or, for a local server only, the file of the
 * development mode: a token never goes to another machine unless it was given for it. Leaves token
 * NULL when there is none. ERR_USAGE or ERR_IO when one was given and cannot be used; the text
 * never quotes it. */
int server_token(struct server *s, const struct args *a, struct err *e) MUST_CHECK;
void server_done(struct server *s);
