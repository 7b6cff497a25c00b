/* The REST API: routes to resources. */
#pragma once

#include "config/config.h"
#include "http/server.h"
#include "ingest/ingest.h"
#include "pg/pg.h"
#include "policy/token_key.h"
#include "send/sender.h"

struct api; /* opaque */

struct api_parts {
	struct loop *loop;
	const struct config *config;
	const struct token_key *token_key; /* of bearer tokens */
	struct pg_pool *pool;              /* requests of the API */
	struct pg_pool *read_pool;         /* a replica's, for lists of the log; NULL: none */
	struct catalogue *catalogue;
	struct sender *sender;
	struct ingest *ingest;
	struct task_runner *tasks;     /* NULL: none here */
	struct event_schemas *schemas; /* api_new makes it; NULL: payloads are not checked */
};

struct api *api_new(const struct api_parts *parts);
void api_free(struct api *a);

/* The handler for http_server_new; ctx is the struct api. Answers every request under /api/v1 and
 * every unknown path (404 with JSON). */
void api_handle(void *ctx, struct http_request *rq);

/* Paths outside /api/v1 (metrics, health) that ops adds before the server starts. */
void api_add_path(
    struct api *a, const char *path, void (*fn)(void *ctx, struct http_request *rq), void *ctx);
