/* What is told of an endpoint. */
#pragma once

#include "api/field.h"
#include "policy/sign.h"

struct endpoint_in {
	struct str uid;
	struct str url; /* canonical */
	struct str description;
	int64_t version;
	bool disabled;
	struct names event_types; /* n == 0: all */
	struct names channels;    /* n == 0: every message */
	int64_t throttle_rate;    /* 0: no limit */
	struct str metadata;
	struct delays retry_schedule; /* n == -1: the server's */
	int64_t timeout_ms;           /* 0: the server's */
	int64_t max_in_flight;        /* 0: the server's */
	bool paused;
	struct str ordering; /* "endpoint", "key", {NULL, 0}: none */
	struct str head_of_line;
};

void endpoint_in_read(struct fields *f, struct endpoint_in *ret);
/* Whether something was given that the endpoint's hold follows from. */
bool endpoint_in_holds(const struct fields *f);

/* Fifteen arguments, in the order of the struct. */
void endpoint_in_arg(struct pg_args *a, const struct endpoint_in *in);

/* A fresh signing key of the kind that the option says. In the call's arena, wiped with it. */
const struct sign_secret *endpoint_secret_new(struct call *c);
/* Member `name`: a signing key in text form; absent or null: a fresh one. NULL when it is none (a
 * problem was noted). */
const struct sign_secret *endpoint_secret_field(struct fields *f, const char *name);
/* The row of endpoint_secret_get.sql; NULL when it is no key (the call is answered). */
const struct sign_secret *endpoint_secret_read(struct call *c, const PGresult *r);
/* Two arguments: the key and its kind. */
void endpoint_secret_arg(struct pg_args *a, const struct sign_secret *key);
