/* The event types that an OpenAPI document describes: its `webhooks` (3.1), and `x-webhooks` where
 * an older version is written. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define WEBHOOKS_MAX       1000
#define WEBHOOKS_BYTES     (8 * 1024 * 1024)  /* of all schemas, as they are written */
#define WEBHOOKS_TREES     (16 * 1024 * 1024) /* of what they are checked with: about a second */
#define WEBHOOKS_FLAGS_MAX 20

struct webhook {
	struct str name;        /* what it is called in the document */
	struct str description; /* its operation's, or the operation's summary, or "" */
	bool deprecated;
	struct str schemas; /* {"1": schema of the body}, or {NULL, 0} */
	struct str group;   /* "x-svix-group-name", or {NULL, 0} */
	int nflags;         /* "x-svix-feature-flags", a list, or "x-svix-feature-flag", a text */
	struct str flags[WEBHOOKS_FLAGS_MAX];
};

struct webhooks {
	int n;
	struct webhook *list;
};

/* A body's schema stands for itself: what it refers to in the document is taken into its
 * `definitions`; `nullable` and boolean exclusive limits of OpenAPI 3.0 become what JSON Schema
 * says instead, and the body's examples its `examples`. Texts point into the document or the arena.
 * ERR_INVALID, *ret_name the webhook that is to blame, or NULL. */
int webhooks_read(const json_t *document, struct arena *a, struct webhooks *ret,
    const char **ret_name, struct err *e) MUST_CHECK;
