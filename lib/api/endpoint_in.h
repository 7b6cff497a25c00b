/* What is told of an endpoint. */
#pragma once

#include "api/endpoint_shape.h"
#include "api/subscription.h"
#include "rest/field.h"

struct endpoint_in {
	struct str uid;
	struct str url; /* canonical */
	struct str description;
	int64_t version;
	bool disabled;
	struct subscription subscription;
	int64_t throttle_rate; /* 0: no limit */
	struct str metadata;
	struct delays retry_schedule; /* n == -1: the server's */
	int64_t timeout_ms;           /* 0: the server's */
	int64_t max_in_flight;        /* 0: the server's */
	bool paused;
	struct str ordering; /* "endpoint", "key", {NULL, 0}: none */
	struct str head_of_line;
	struct endpoint_shape shape;
	struct str challenge; /* {NULL, 0}: none; that of the application, before endpoint_prove */
};

void endpoint_in_read(struct fields *f, struct endpoint_in *ret);
/* Whether something was given that the endpoint's hold follows from. */
bool endpoint_in_holds(const struct fields *f);

/* Fifteen arguments, in the order of the struct; the shape has its own (endpoint_shape.h). */
void endpoint_in_arg(struct pg_args *a, const struct endpoint_in *in);
