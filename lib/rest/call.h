/* One API request on its way: what every handler of a resource (lib/api) gets.
 *
 * A handler runs on the loop and answers exactly once, at once or from the callback of what it
 * waits for. The struct lives in the request's arena: after the answer both are gone. */
#pragma once

#include <jansson.h>

#include "base/jw.h"

#include "http/server.h"
#include "policy/fingerprint.h"
#include "policy/token.h"
#include "rest/parts.h"

enum access {
	ACCESS_NONE, /* no token needed */
	ACCESS_ORG,  /* organisation token only */
	ACCESS_APP,  /* organisation token, or the application token of the {app} in the path */
	ACCESS_READ, /* any valid token */
};

#define CALL_PARAMS_MAX 4
#define CALL_JSON_MAX   (64 * 1024 * 1024) /* bytes of an answer; more is refused with 413 */
#define CALL_BODY_MAX   (512 * 1024)       /* bytes of a body that call_body parses; else 413 */

/* What a path segment may name an object by: {app}, {endpoint}, {msg}. */
struct ref {
	int64_t id;     /* 0: by uid; -1: nothing has it */
	struct str uid; /* p == NULL: by id */
};

struct call {
	const struct rest_parts *parts;
	struct http_request *rq;
	struct arena *arena; /* the request's */
	struct token token;  /* verified; org is never empty behind ACCESS_ORG, _APP, _READ */
	int nparams;
	struct str
	    params[CALL_PARAMS_MAX]; /* {placeholders} of the route, percent-decoded, in order */
	struct ref app;              /* of routes below /app/{app}: see call_arg_app */
	json_t *body;                /* parsed by call_body; freed with the call */
	const struct route *route;   /* its row */
	bool replica;                /* as its route's */
	void *state;                 /* the handler's own, usually in the arena */
	bool confidential;     /* the answer holds a key or a token: it is not kept as it is */
	struct key_claim *key; /* the Idempotency-Key under way (idempotency.c), or NULL */
};

/* One row of the route table (routes.c). */
struct route {
	enum http_method method;
	const char *path; /* below /api/v1: "/app/{app}/endpoint/{endpoint}" */
	enum access access;
	void (*handle)(struct call *c);
	bool own_keys;    /* the handler sees to Idempotency-Key itself */
	bool operational; /* one about operational webhooks: operational.h */
	/* What an application's token must have one of (enum token_may); 0: TOKEN_MAY_VIEW to GET,
	 * TOKEN_MAY_MANAGE for the rest. */
	unsigned needs;
	bool replica; /* a list of the log: it may be told as a read replica knows it */
	/* What the OpenAPI document says of it. Schemas and parameters are those of
	 * lib/api/openapi/ (a file for each noun). */
	const char *id;      /* operationId: "v1.message.create" */
	const char *summary; /* a few words: "Send a message" */
	const char *query;   /* its query parameters: "limit iterator order"; NULL: none */
	const char *in;      /* the body's schema: "MessageIn"; NULL: no body */
	const char *out; /* what success is: "202 MessageOut", "200 AppOut, 201 AppOut", "204" */
};

/* ---- answers: each ends the call, exactly one per call ---- */
void call_reply_empty(struct call *c, int status); /* 204, or 202 with {} */
/* The kind decides status and code; ERR_INVALID is a 422 at "body". What is wrong inside (500) is
 * logged and not told. */
void call_fail(struct call *c, const struct err *e);
void call_fail_with(struct call *c, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4);
/* Another code than the kind's: "invalid_range", "event_type_exists". */
void call_fail_code(struct call *c, int status, const char *code, const char *fmt, ...)
    PRINTF(4, 5);
void call_not_found(struct call *c); /* 404 "Entity not found" */
/* What is told of an error: its text, unless it is wrong inside (500); then that is logged. */
const char *call_detail(const struct call *c, const struct err *e);
/* 422 {"detail":[{"loc":["body","name"],"msg":…,"type":"value_error"}]}; loc: NULL-terminated. */
void call_invalid(struct call *c, const char *const *loc, const char *fmt, ...) PRINTF(3, 4);
void call_invalid_query(struct call *c, const char *name, const char *fmt, ...) PRINTF(3, 4);
/* As call_invalid, with another type than value_error. */
void call_invalid_type(
    struct call *c, const char *const *loc, const char *type, const char *fmt, ...) PRINTF(4, 5);
/* One element of such a list of problems, for those who collect several. */
void call_put_problem(struct jw *j, const char *const *loc, const char *type, const char *msg);
/* A handler for what the API names and Posthorn does not do: 501. */
void call_not_offered(struct call *c);

/* A writer on an empty buffer; both die with the call. */
struct jw *call_json(struct call *c);
/* Ends the writer and replies with what it wrote. */
void call_reply_json(struct call *c, int status, struct jw *j);

/* ---- input ---- */
/* The call takes the reference over; returns v. */
json_t *call_own_json(struct call *c, json_t *v);
/* The body as a JSON object; answers 422 (value_error.jsondecode) and returns -1 when it is none.
 */
int call_body(struct call *c) MUST_CHECK;
/* The same, where no body at all means {}. */
int call_body_or_empty(struct call *c) MUST_CHECK;
/* A path segment as a reference: an id of that kind in text form, else a uid. What looks like an id
 * and is none refers to nothing (id -1), as an id that was never given out. */
struct ref call_ref(enum id_kind kind, struct str text);
/* A fresh id; answers 503 and returns -1 while this worker holds no slot. */
int call_new_id(struct call *c, int64_t *ret) MUST_CHECK;

/* ---- query parameters (query.c): percent-decoded, the first of a name; unknown ones are ignored
 * ---- */
struct str call_query(struct call *c, const char *name); /* {NULL, 0} when absent */
/* These answer 400 for a value of the wrong type and return -1. *ret stays when it is absent. */
int call_query_bool(struct call *c, const char *name, bool *ret) MUST_CHECK;
int call_query_int(struct call *c, const char *name, int64_t *ret) MUST_CHECK;
int call_query_time(struct call *c, const char *name, struct wall *ret) MUST_CHECK;
/* name=a,b and name[]=a and name[0]=a and a repeated name, alone or mixed; empty items are left
 * out. Returns the count, or answers 422 and returns -1 when there are more than max. */
int call_query_list(struct call *c, const char *name, struct str *ret, int max) MUST_CHECK;

/* ---- database (db.c): submits on the API's pool; on failure answers by itself and does not call
 * fn ---- */
typedef void (*call_fn)(struct call *c, const struct pg_result *r);
void call_query_db(struct call *c, const struct pg_call *calls, int n, call_fn fn);
void call_query_one(
    struct call *c, const struct pg_stmt *stmt, const struct pg_args *args, call_fn fn);
/* Exactly one of r and e is not NULL: for what must go on after a failure. */
typedef void (*call_either_fn)(struct call *c, const struct pg_result *r, const struct err *e);
void call_query_either(struct call *c, const struct pg_call *calls, int n, call_either_fn fn);

struct pg_args *call_args(struct call *c); /* empty, in the call's arena */
/* The three arguments that every statement below an application begins with: organisation, id of
 * the application or null, uid of it or null. At least one is given, and both must fit: an
 * application token that names its application by uid gives both. */
void call_arg_app(struct call *c, struct pg_args *a);
/* Two arguments: id or null, uid or null. */
void call_arg_ref(struct pg_args *a, const struct ref *ref);

/* ---- pagination (page.c): limit 1..250 (default 50), iterator, order ---- */
struct page {
	enum id_kind kind;
	bool by_name; /* the list is by name, not by id */
	int limit;
	bool backwards; /* a previous page was asked for (iterator starts with '-') */
	bool has_cursor;
	struct str iterator; /* without '-' */
	int64_t cursor; /* where to go on, exclusive; without an iterator the end to start from */
	bool descending;
	/* Of a list that looks at so many rows a page and no more: the rows end where reading
	 * ended, and the last of them may be there to say so only. */
	bool is_cut, hides_last;
};
/* The query's "limit": 1 to 250, 50 without one. Answers 400/422 and returns -1 on bad values, as
 * do the next two. */
int call_limit(struct call *c, int *ret) MUST_CHECK;
/* kind: of the ids in the list. */
int call_page(
    struct call *c, enum id_kind kind, bool default_descending, struct page *ret) MUST_CHECK;
/* For a list by name, always ascending. */
int call_page_by_name(struct call *c, struct page *ret) MUST_CHECK;
/* The way the statement must read: true for "key > cursor order by key", false for "<" and "desc".
 * It must be asked for page_rows() rows, one more than the page has. */
bool page_up(const struct page *p);
int32_t page_rows(const struct page *p);
/* {"data":[…],"iterator","prevIterator","done"}. Column 0 of the rows is what the list is by (a
 * single row with null there is an empty list); write puts one row as one JSON value. */
typedef void (*page_write_fn)(struct call *c, struct jw *j, const PGresult *r, int row);
void page_reply(struct call *c, const struct page *p, const PGresult *r, page_write_fn write);
