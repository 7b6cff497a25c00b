/* From method and path to the row of the route table. */
#pragma once

#include "rest/call.h"

#define ROUTE_ALLOW_SIZE 64

/* What lies at a path. */
struct route_match {
	const struct route *route; /* NULL unless the method fits as well */
	int nparams;
	struct str params[CALL_PARAMS_MAX]; /* decoded, of `route` */
	char allow[ROUTE_ALLOW_SIZE]; /* methods of the path, "GET, HEAD, POST"; "" for an unknown
					 path */
	bool not_offered;             /* a family that Posthorn does not have */
};

/* path: below /api/v1, percent-encoded, with or without a slash at its end. HEAD goes where GET
 * goes. ERR_BAD_REQUEST when a parameter is encoded badly. */
int route_find(enum http_method method, struct str path, struct arena *a, struct route_match *ret,
    struct err *e) MUST_CHECK;

/* The table itself, for tests and documents. */
extern const struct route routes[];
extern const int routes_count;
