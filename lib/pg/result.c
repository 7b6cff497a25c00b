/* Reading results in binary format. */
#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg.h"
#include "pg/wire.h"

int
pg_rows(const PGresult *r)
{
	return PQntuples(r);
}

bool
pg_null(const PGresult *r, int row, int col)
{
	return PQgetisnull(r, row, col);
}

bool
pg_bool(const PGresult *r, int row, int col)
{
	return !pg_null(r, row, col) && PQgetvalue(r, row, col)[0] != 0;
}

static int64_t
read_int(const char *p, int length)
{
	uint16_t v2;
	uint32_t v4;
	uint64_t v8;
	switch (length) {
	case 2:
		memcpy(&v2, p, sizeof(v2));
		return (int16_t)be16toh(v2);
	case 4:
		memcpy(&v4, p, sizeof(v4));
		return (int32_t)be32toh(v4);
	case 8:
		memcpy(&v8, p, sizeof(v8));
		return (int64_t)be64toh(v8);
	default:
		abort(); /* the statement's column is no integer: a bug in the SQL file */
	}
}

int64_t
pg_int(const PGresult *r, int row, int col)
{
	if (pg_null(r, row, col))
		return 0;
	return read_int(PQgetvalue(r, row, col), PQgetlength(r, row, col));
}

struct str
pg_str(const PGresult *r, int row, int col)
{
	if (pg_null(r, row, col))
		return (struct str){ NULL, 0 };
	return (struct str){ PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col) };
}

struct wall
pg_time(const PGresult *r, int row, int col)
{
	if (pg_null(r, row, col))
		return (struct wall){ 0 };
	return (struct wall){ pg_int(r, row, col) + PG_EPOCH_US };
}

/* A cursor over the elements of a one-dimensional array. */
struct elements {
	const char *p;
	int n;
};

static struct elements
array_elements(const PGresult *r, int row, int col)
{
	struct str s = pg_str(r, row, col);
	if (s.n < 12 || read_int(s.p, 4) == 0)
		return (struct elements){ NULL, 0 };
	assert(read_int(s.p, 4) == 1 && s.n >= 20);
	return (struct elements){ s.p + 20, (int)read_int(s.p + 12, 4) };
}

/* The next element; {NULL, 0} for a null one. */
static struct str
element_next(struct elements *e)
{
	int64_t length = read_int(e->p, 4);
	e->p += 4;
	if (length < 0)
		return (struct str){ NULL, 0 };
	struct str s = { e->p, (size_t)length };
	e->p += length;
	return s;
}

int
pg_int8s(const PGresult *r, int row, int col, struct arena *a, int64_t **ret)
{
	struct elements e = array_elements(r, row, col);
	*ret = arena_alloc(a, sizeof(**ret) * (size_t)e.n);
	for (int i = 0; i < e.n; i++) {
		struct str s = element_next(&e);
		(*ret)[i] = s.p ? read_int(s.p, (int)s.n) : 0;
	}
	return e.n;
}

int
pg_strs(const PGresult *r, int row, int col, struct arena *a, struct str **ret)
{
	struct elements e = array_elements(r, row, col);
	*ret = arena_alloc(a, sizeof(**ret) * (size_t)e.n);
	for (int i = 0; i < e.n; i++)
		(*ret)[i] = arena_str(a, element_next(&e));
	return e.n;
}
