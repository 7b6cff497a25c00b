/* Whether a verified token is still good, and may do what is asked. */
#pragma once

#include "rest/call.h"

/* Calls `go` at once, or when the token's application has been read; answers 401, 404 or 503 when
 * it is not good any more or that is not known. */
void admit(struct call *c, void (*go)(struct call *c));

/* Whether the token has a capability that the route needs; answers 403 otherwise. */
int admit_route(struct call *c) MUST_CHECK;

/* The rule of both, pure. */
bool admit_is_void(const struct cat_app *app, const struct token *t, struct wall now);
unsigned admit_needs(const struct route *route);
