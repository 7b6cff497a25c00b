/* One API request on its way: what every resource handler gets. Private to lib/api. */
#pragma once

#include <jansson.h>

#include "api/api.h"
#include "base/jw.h"
#include "policy/token.h"

enum access {
	ACCESS_NONE, /* no token needed */
	ACCESS_ORG,  /* organisation token only */
	ACCESS_APP,  /* organisation token, or the application token of the {app} in the path */
	ACCESS_READ, /* any valid token */
};

#define CALL_PARAMS_MAX 4

struct call {
	struct api *api;
	struct api_parts *parts; /* shorthand: api's */
	struct http_request *rq;
	struct arena *arena;     /* the request's */
	struct token token;      /* verified; org is never empty behind ACCESS_ORG, _APP, _READ */
	int nparams;
	struct str params[CALL_PARAMS_MAX]; /* {placeholders} of the route, percent-decoded, in order */
	json_t *body;            /* parsed by call_body; freed with the call */
	void *state;             /* the handler's own, usually in the arena */
};

/* One row of the route table (routes.c). */
struct route {
	enum http_method method;
	const char *path; /* below /api/v1: "/app/{app}/endpoint/{endpoint}" */
	enum access access;
	void (*handle)(struct call *c);
};

/* ---- answers: each ends the call, exactly one per call ---- */
void call_reply(struct call *c, int status, const struct buf *json);
void call_reply_empty(struct call *c, int status); /* 204, or 202 with {} */
void call_fail(struct call *c, const struct err *e);
void call_fail_with(struct call *c, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
/* 422 {"detail":[{"loc":["body","name"],"msg":…,"type":"value_error"}]}; loc: NULL-terminated. */
void call_invalid(struct call *c, const char *const *loc, const char *fmt, ...) PRINTF(3, 4);

/* ---- input ---- */
/* The body as a JSON object; answers 422 (value_error.jsondecode) and returns -1 when it is none. */
int call_body(struct call *c) MUST_CHECK;
/* A query parameter, percent-decoded; {NULL, 0} when absent. */
struct str call_query(struct call *c, const char *name);

/* ---- database: submits on the API's pool; on failure answers by itself and does not call fn ---- */
typedef void (*call_fn)(struct call *c, const struct pg_result *r);
void call_query_db(struct call *c, const struct pg_call *calls, int n, call_fn fn);

/* ---- pagination: limit 1..250 (default 50), iterator, order ---- */
struct page {
	int limit;
	bool backwards;  /* a previous page was asked for (iterator starts with '-') */
	bool has_cursor;
	struct str iterator; /* without '-' */
	int64_t cursor;  /* id of it, where the list is by id */
	bool descending;
};
/* Answers 400/422 and returns -1 on bad values. kind: of the ids in the list. */
int call_page(struct call *c, enum id_kind kind, bool default_descending, struct page *ret) MUST_CHECK;
