/* PostgreSQL's binary formats from the server's side: reading what lib/pg/args.c builds, building
 * what lib/pg/result.c reads. */
#pragma once

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"

/* One argument: p == NULL is null. */
bool value_bool(struct str v);
int64_t value_int(struct str v); /* int2, int4, int8; null is 0 */
struct wall value_time(struct str v);

/* A one-dimensional array, taken apart. */
struct values {
	int n;
	struct str *v;
};
struct values values_of(struct str array, struct arena *a);

/* A result with that many columns in binary format. */
PGresult *answer_new(int columns);
void answer_null(PGresult *r, int row, int column);
void answer_bool(PGresult *r, int row, int column, bool v);
void answer_int2(PGresult *r, int row, int column, int64_t v);
void answer_int4(PGresult *r, int row, int column, int64_t v);
void answer_int8(PGresult *r, int row, int column, int64_t v);
void answer_str(PGresult *r, int row, int column, struct str v); /* p == NULL: null */
void answer_time(PGresult *r, int row, int column, struct wall v);
void answer_int8s(PGresult *r, int row, int column, const int64_t *v, int n);
