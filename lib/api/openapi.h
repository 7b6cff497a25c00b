/* What the API is, told to programs: an OpenAPI 3.1 document, made of the route table (routes.c)
 * and of the files in lib/api/openapi/:
 *
 *   <noun>.json         schemas of bodies and answers: name -> JSON Schema (2020-12)
 *   parameters.json     query parameters: name -> OpenAPI parameter, without "name" and "in". Where
 *                       one name means several things, "name.what" for each
 *   placeholders.json   {placeholders} of paths: name -> the same; one that is not there is a text
 *   headers.json        headers of requests: name -> the same
 *   responses.json      errors: status -> {"description", "schema"}
 *   webhooks.json       what is sent to those who watch: event type -> {"summary", "schema"}
 *
 * Everything there becomes a component of the document; tests/lint/openapi.py finds what is not
 * used, and routes without words.
 *
 * The words of a route (struct route, call.h):
 *
 *   query   names in parameters.json: "limit iterator"
 *   in      a schema, "?" behind it when there may be no body, and its media type when that is not
 *           application/json: "BatchIn, BatchLine application/x-ndjson"
 *   out     the same behind a status: "200 AppOut, 201 AppOut", "204"
 *
 * "ListResponse" before the name of a schema, without a schema of its own, is a page of those.
 * Routes that are not offered are not in the document. */
#pragma once

#include "base/attr.h"
#include "base/err.h"
#include "base/str.h"

#include "api/routes.h"

/* The document, as JSON; made at the first call and kept as long as the process. ERR_INTERNAL when
 * one of the files is no JSON, or two of them have a schema of one name. */
int openapi_document(struct str *ret, struct err *e) MUST_CHECK;

/* ---- for openapi.c: openapi_path.c ---- */

/* One body of a route's words. */
struct openapi_body {
	int status;        /* 0 in those of `in` */
	struct str schema; /* {NULL, 0}: there is none */
	bool optional;
	struct str media;
};
/* Takes the first off the list; false when there is none. */
bool openapi_next_body(struct str *list, struct openapi_body *ret);
/* What the document says of a route: a new reference, made from the row alone. */
json_t *openapi_operation(const struct route *r);
/* The route's noun: "endpoint" of "v1.endpoint.recover"; empty without an id. */
struct str openapi_tag(const struct route *r);
/* The next {placeholder} of a path; *path goes on behind it. False when there is none. */
bool openapi_next_placeholder(const char **path, struct str *ret);
/* Puts a value, whose reference is taken over, under a name made by the format. */
void openapi_put(json_t *object, json_t *value, const char *fmt, ...) PRINTF(3, 4);
