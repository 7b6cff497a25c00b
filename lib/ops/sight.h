/* What operators and their machines look at: /metrics, /livez, /readyz. */
#pragma once

#include "base/arena.h"

#include "api/api.h"
#include "http/server.h"

struct sight; /* opaque */

struct sight_parts {
	struct loop *loop;
	const struct config *config;
	struct api *api; /* the paths are added to it */
	struct sender *sender;
	struct ingest *ingest;
	struct pg_pool
	    *pool; /* of API requests: whose connections tell whether the database is there */
	struct pg_pool *lease;
};

struct sight *sight_new(const struct sight_parts *parts);
void sight_free(struct sight *s);

/* The worker drains: /readyz turns red at once. */
void sight_stop(struct sight *s);
