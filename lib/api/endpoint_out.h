/* An endpoint as JSON. */
#pragma once

#include "rest/call.h"
#include "store/endpoint.h"

/* The fields of all lines of clients, each of the renamed ones under both names, into an object
 * that is open; not metadata, which an endpoint of a message does not show. */
void endpoint_put_fields(struct call *c, struct jw *j, const struct endpoint_row *e);

/* Answers with a whole one, the first row (endpoint.c). */
void endpoint_reply(struct call *c, int status, const PGresult *r);
