/* Values on the wire: the other side of lib/pg/args.c and result.c. */
#include "wire.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#include "pg/pg.h"
#include "pg/wire.h"

#define COLUMNS_MAX 40

bool
value_bool(struct str v)
{
	return v.p && v.p[0];
}

static int64_t
read_int(const char *p, size_t n)
{
	uint64_t v = 0;
	assert(n == 2 || n == 4 || n == 8);
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)p[i];
	return n == 2 ? (int16_t)v : n == 4 ? (int32_t)v : (int64_t)v;
}

int64_t
value_int(struct str v)
{
	return v.p ? read_int(v.p, v.n) : 0;
}

struct wall
value_time(struct str v)
{
	int64_t t = value_int(v);
	return (struct wall){ !v.p ? 0 : t == INT64_MIN ? INT64_MIN : t + PG_EPOCH_US };
}

struct values
values_of(struct str array, struct arena *a)
{
	struct values values = { 0 };
	if (array.n < 20 || read_int(array.p, 4) == 0)
		return values;
	values.n = (int)read_int(array.p + 12, 4);
	values.v = arena_zalloc(a, sizeof(*values.v) * (size_t)values.n);
	const char *p = array.p + 20;
	for (int i = 0; i < values.n; i++) {
		int64_t length = read_int(p, 4);
		p += 4;
		if (length < 0)
			continue;
		values.v[i] = (struct str){ p, (size_t)length };
		p += length;
	}
	assert(p == array.p + array.n);
	return values;
}

/* ---- results ------------------------------------------------------------------------------ */

PGresult *
answer_new(int columns)
{
	static char name[] = "";
	PGresAttDesc attributes[COLUMNS_MAX];
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	assert(r && columns <= COLUMNS_MAX);
	for (int i = 0; i < columns; i++)
		attributes[i] = (PGresAttDesc){ .name = name, .format = 1, .atttypmod = -1 };
	if (columns > 0)
		PQsetResultAttrs(r, columns, attributes);
	return r;
}

static void
set(PGresult *r, int row, int column, const void *p, size_t n)
{
	if (!PQsetvalue(r, row, column, (char *)(uintptr_t)p, (int)n))
		assert(!"a row after the next one");
}

void
answer_null(PGresult *r, int row, int column)
{
	if (!PQsetvalue(r, row, column, NULL, -1))
		assert(!"a row after the next one");
}

void
answer_bool(PGresult *r, int row, int column, bool v)
{
	set(r, row, column, v ? "\1" : "\0", 1);
}

void
answer_int2(PGresult *r, int row, int column, int64_t v)
{
	uint16_t wire = htons((uint16_t)v);
	set(r, row, column, &wire, sizeof(wire));
}

void
answer_int4(PGresult *r, int row, int column, int64_t v)
{
	uint32_t wire = htonl((uint32_t)v);
	set(r, row, column, &wire, sizeof(wire));
}

void
answer_int8(PGresult *r, int row, int column, int64_t v)
{
	uint64_t wire = htobe64((uint64_t)v);
	set(r, row, column, &wire, sizeof(wire));
}

void
answer_str(PGresult *r, int row, int column, struct str v)
{
	if (v.p)
		set(r, row, column, v.p, v.n);
	else
		answer_null(r, row, column);
}

void
answer_time(PGresult *r, int row, int column, struct wall v)
{
	answer_int8(r, row, column, v.us == INT64_MIN ? INT64_MIN : v.us - PG_EPOCH_US);
}

void
answer_int8s(PGresult *r, int row, int column, const int64_t *v, int n)
{
	struct arena *a = arena_new();
	struct pg_args args;
	pg_args_init(&args, a);
	pg_arg_int8s(&args, v, n);
	set(r, row, column, args.value[0], (size_t)args.length[0]);
	arena_free(a);
}
