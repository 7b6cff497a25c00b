/* The REST API: routes to resources. */
#pragma once

#include "http/server.h"
#include "rest/parts.h"

struct api; /* opaque */

struct api *api_new(const struct rest_parts *parts);
void api_free(struct api *a);

/* The handler for http_server_new; ctx is the struct api. Answers every request under /api/v1 and
 * every unknown path (404 with JSON). */
void api_handle(void *ctx, struct http_request *rq);

/* Paths outside /api/v1 (metrics, health) that ops adds before the server starts. fn answers GET
 * and HEAD; other methods get 405. */
void api_add_path(
    struct api *a, const char *path, void (*fn)(void *ctx, struct http_request *rq), void *ctx);
