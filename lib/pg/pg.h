/* PostgreSQL on the loop: pools of nonblocking connections in pipeline mode.
 *
 * A request is one transaction: one or more prepared statements sent together, ended by one sync;
 * the server runs them in one implicit transaction (any error undoes all). Results arrive together.
 * A lost connection fails its request with ERR_UNAVAILABLE (the outcome of a transaction then is
 * unknown) and is made again with jittered backoff. A request waits in the pool while no connection
 * is free, at most for `wait_max`. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/str.h"

#include "loop/loop.h"

/* A statement of lib/<layer>/sql/<name>.sql, made by the build tool. */
struct pg_stmt {
	const char *name;
	const char *sql;
	int nparams;
};

/* ---- arguments ---------------------------------------------------------------------------- */

#define PG_ARGS_MAX 32

/* Parameters in binary form, built in order. Memory comes from the arena; texts and bytes are
 * borrowed until the request was sent (give the arena's copies when in doubt). */
struct pg_args {
	struct arena *arena;
	int n;
	const char *value[PG_ARGS_MAX];
	int length[PG_ARGS_MAX];
};
void pg_args_init(struct pg_args *a, struct arena *arena);
void pg_arg_null(struct pg_args *a);
void pg_arg_bool(struct pg_args *a, bool v);
void pg_arg_int2(struct pg_args *a, int16_t v);
void pg_arg_int4(struct pg_args *a, int32_t v);
void pg_arg_int8(struct pg_args *a, int64_t v);
void pg_arg_text(struct pg_args *a, struct str v);          /* p == NULL: SQL null */
void pg_arg_bytes(struct pg_args *a, struct str v);         /* bytea; p == NULL: SQL null */
void pg_arg_time(struct pg_args *a, struct wall v);         /* timestamptz */
void pg_arg_time_or_null(struct pg_args *a, struct wall v); /* us == 0: SQL null */
void pg_arg_int8s(struct pg_args *a, const int64_t *v, int n);
void pg_arg_texts(struct pg_args *a, const struct str *v, int n); /* p == NULL elements are null */

/* An array parameter built element by element, for batches over unnest. */
struct pg_array {
	struct buf *out;
	unsigned oid;
	int n;
	bool nulls;
};
enum pg_oid { /* pg_type.oid of the element */
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_TIMESTAMPTZ = 1184,
};
/* out (cleared) holds the array until the request was sent. */
void pg_array_begin(struct pg_array *a, struct buf *out, enum pg_oid element);
void pg_array_null(struct pg_array *a);
void pg_array_bool(struct pg_array *a, bool v);
void pg_array_int2(struct pg_array *a, int16_t v);
void pg_array_int4(struct pg_array *a, int32_t v);
void pg_array_int8(struct pg_array *a, int64_t v);
void pg_array_bytes(struct pg_array *a, struct str v);       /* bytea or text; p == NULL: null */
void pg_array_time(struct pg_array *a, struct wall v);       /* us == 0: null */
void pg_array_end(struct pg_array *a, struct pg_args *args); /* becomes the next argument */

/* ---- results ------------------------------------------------------------------------------ */

struct pg_result {
	int n;                /* statements */
	PGresult *const *res; /* borrowed for the callback; binary format */
};

int pg_rows(const PGresult *r);
/* Fields by column number; the type must be the statement's (asserted by length where possible). */
bool pg_null(const PGresult *r, int row, int col);
bool pg_bool(const PGresult *r, int row, int col);
int64_t pg_int(const PGresult *r, int row, int col);    /* int2, int4, int8 by length; null is 0 */
struct str pg_str(const PGresult *r, int row, int col); /* text, bytea; null is {NULL, 0} */
struct wall pg_time(const PGresult *r, int row, int col); /* null is {0} */
/* Elements of a one-dimensional array into the arena; returns the count, 0 for null. */
int pg_int8s(const PGresult *r, int row, int col, struct arena *a, int64_t **ret);
int pg_strs(const PGresult *r, int row, int col, struct arena *a, struct str **ret);

/* ---- pools and requests ------------------------------------------------------------------- */

struct pg_pool; /* opaque */

struct pg_options {
	const char *url;  /* borrowed for the call */
	const char *name; /* application_name suffix and log name; borrowed for ever */
	int connections;
	int waiting_max; /* requests in line before pg_submit refuses; 0: no limit (internal users
			  * with bounds of their own) */
	usec_t wait_max; /* in line before ERR_UNAVAILABLE; 0: for ever */
	usec_t run_max;  /* on the server before the connection is dropped; 0: for ever. Twice as
			  * long after each time in a row, up to a minute */
	bool prepare;    /* until it turns out that a pooler stands between (log: pg.pooler) */
	bool read_only;  /* a standby will do; else only a server that takes writes, unless the URL
			  * has a  target_session_attrs of its own */
};

struct pg_pool *pg_pool_new(struct loop *l, const struct pg_options *o);
/* Fails what waits and what runs (callbacks run first, on this stack). */
void pg_pool_free(struct pg_pool *p);
int pg_pool_ready(const struct pg_pool *p);         /* connections that work */
usec_t pg_pool_down_since(const struct pg_pool *p); /* 0 while a connection works */
/* Why nothing moves, in words for an operator; NULL when nothing is known to be wrong. Static. */
const char *pg_pool_trouble(const struct pg_pool *p);

#define PG_STATEMENTS_MAX 12

struct pg_call {
	const struct pg_stmt *stmt;
	const struct pg_args *args; /* copied out by pg_submit except the bytes they point to */
};

/* Exactly one of r and e is not NULL. Runs exactly once, never from inside pg_submit. */
typedef void (*pg_fn)(void *arg, const struct pg_result *r, const struct err *e);

struct pg_ticket; /* opaque */

/* One transaction of n statements. What the args point to must stay until the callback. */
struct pg_ticket *pg_submit(
    struct pg_pool *p, const struct pg_call *calls, int n, pg_fn fn, void *arg);
/* The same between two fault points: pg_submit_at(APPEND, …) has APPEND_SUBMIT and APPEND_ANSWER.
 */
#ifdef POSTHORN_FAULTS
struct pg_ticket *pg_submit_points(enum fault before, enum fault after, struct pg_pool *p,
    const struct pg_call *calls, int n, pg_fn fn, void *arg);
#define pg_submit_at(point, ...)                                                                   \
	pg_submit_points(FAULT_##point##_SUBMIT, FAULT_##point##_ANSWER, __VA_ARGS__)
#else
#define pg_submit_at(point, ...) pg_submit(__VA_ARGS__)
#endif
/* The callback runs with ERR_UNAVAILABLE when the server has not answered that long after it was
 * sent; the transaction goes on, and may still take effect. Call it right after pg_submit. */
void pg_answer_within(struct pg_ticket *t, usec_t max);
/* The callback will not run; a transaction already sent may still take effect. */
void pg_cancel(struct pg_ticket *t);

/* SQLSTATE class of a failed statement is in err.origin: "23505" gives ERR_CONFLICT, what
 * passes by itself ERR_UNAVAILABLE, the rest ERR_INTERNAL (sqlstate.c). With an origin the
 * transaction has certainly not taken effect; without one nobody knows. */

/* ---- synchronous use: migrations and commands, never in a worker ---------------------------- */

PGconn *pg_connect_sync(const char *url, struct err *e);
int pg_exec_sync(PGconn *c, const char *sql, struct err *e) MUST_CHECK;
