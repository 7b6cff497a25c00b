/* What the files about endpoints share: naming one, and the end of a change. */
#pragma once

#include "rest/call.h"

/* The five arguments that every statement about one endpoint begins with: call_arg_app's, then the
 * id of the endpoint or null, its uid or null. The endpoint is the path's second placeholder. */
struct pg_args *endpoint_args(struct call *c);

/* Answers 400 and says true when nothing may be sent to an endpoint. */
bool endpoint_refuses(struct call *c, bool disabled, bool unverified);

/* A call_fn for statements that return (application, its new version) of a changed endpoint: tells
 * the catalogue and answers 204, or 404 without a row. */
void endpoint_on_changed(struct call *c, const struct pg_result *r);
