/* Parameters in PostgreSQL's binary formats (network byte order; the send/recv functions of the
 * types in the server's source). Fixed-size values are written into the arena, texts and bytes
 * borrowed. */
#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/buf.h"

#include "pg/pg.h"
#include "pg/wire.h"

void
pg_args_init(struct pg_args *a, struct arena *arena)
{
	a->arena = arena;
	a->n = 0;
}

static void
add(struct pg_args *a, const char *value, size_t length)
{
	assert(a->n < PG_ARGS_MAX);
	a->value[a->n] = value;
	a->length[a->n] = (int)length;
	a->n++;
}

static void
add_copy(struct pg_args *a, const void *value, size_t length)
{
	char *copy = arena_alloc(a->arena, length);
	memcpy(copy, value, length);
	add(a, copy, length);
}

void
pg_arg_null(struct pg_args *a)
{
	add(a, NULL, 0);
}

void
pg_arg_bool(struct pg_args *a, bool v)
{
	add(a, v ? "\1" : "\0", 1);
}

void
pg_arg_int2(struct pg_args *a, int16_t v)
{
	uint16_t wire = htons((uint16_t)v);
	add_copy(a, &wire, sizeof(wire));
}

void
pg_arg_int4(struct pg_args *a, int32_t v)
{
	uint32_t wire = htonl((uint32_t)v);
	add_copy(a, &wire, sizeof(wire));
}

void
pg_arg_int8(struct pg_args *a, int64_t v)
{
	uint64_t wire = htobe64((uint64_t)v);
	add_copy(a, &wire, sizeof(wire));
}

void
pg_arg_text(struct pg_args *a, struct str v)
{
	/* libpq takes a NULL pointer for SQL null, so an empty text needs one that is not. */
	add(a, v.p || v.n ? (v.n ? v.p : "") : NULL, v.n);
}

void
pg_arg_bytes(struct pg_args *a, struct str v)
{
	pg_arg_text(a, v);
}

void
pg_arg_time(struct pg_args *a, struct wall v)
{
	pg_arg_int8(a, v.us - PG_EPOCH_US);
}

void
pg_arg_time_or_null(struct pg_args *a, struct wall v)
{
	if (v.us)
		pg_arg_time(a, v);
	else
		pg_arg_null(a);
}

/* ---- arrays: int32 dimensions, int32 has-nulls, int32 element oid, then for the one dimension
 * int32 length and int32 lower bound, then the elements, each behind its int32 length (-1 for
 * null). */

#define ARRAY_HEAD 20

static void
put32(struct buf *out, uint32_t v)
{
	uint32_t wire = htonl(v);
	buf_add(out, &wire, sizeof(wire));
}

void
pg_array_begin(struct pg_array *a, struct buf *out, enum pg_oid element)
{
	*a = (struct pg_array){ .out = out, .oid = element };
	buf_clear(out);
	static const char head[ARRAY_HEAD];
	buf_add(out, head, sizeof(head));
}

static void
element(struct pg_array *a, const void *p, size_t n)
{
	put32(a->out, (uint32_t)n);
	buf_add(a->out, p, n);
	a->n++;
}

void
pg_array_null(struct pg_array *a)
{
	put32(a->out, UINT32_MAX);
	a->n++;
	a->nulls = true;
}

void
pg_array_bool(struct pg_array *a, bool v)
{
	element(a, v ? "\1" : "\0", 1);
}

void
pg_array_int2(struct pg_array *a, int16_t v)
{
	uint16_t wire = htons((uint16_t)v);
	element(a, &wire, sizeof(wire));
}

void
pg_array_int4(struct pg_array *a, int32_t v)
{
	uint32_t wire = htonl((uint32_t)v);
	element(a, &wire, sizeof(wire));
}

void
pg_array_int8(struct pg_array *a, int64_t v)
{
	uint64_t wire = htobe64((uint64_t)v);
	element(a, &wire, sizeof(wire));
}

void
pg_array_bytes(struct pg_array *a, struct str v)
{
	if (v.p)
		element(a, v.p, v.n);
	else
		pg_array_null(a);
}

void
pg_array_time(struct pg_array *a, struct wall v)
{
	if (v.us)
		pg_array_int8(a, v.us - PG_EPOCH_US);
	else
		pg_array_null(a);
}

void
pg_array_end(struct pg_array *a, struct pg_args *args)
{
	assert(!a->out->failed); /* the caller bounds its batches well below the buffer's maximum */
	uint32_t head[5] = { htonl(1), htonl(a->nulls), htonl(a->oid), htonl((uint32_t)a->n),
		htonl(1) };
	memcpy(a->out->data, head, sizeof(head));
	if (a->n == 0) {
		/* An empty array has no dimension. */
		memset(a->out->data, 0, 4);
		a->out->len = 12;
	}
	add(args, a->out->data, a->out->len);
}

static struct buf *
arena_buf(struct arena *arena, size_t max)
{
	struct buf *b = arena_alloc(arena, sizeof(*b));
	buf_init(b, max);
	arena_own(arena, b, (void (*)(void *))buf_free);
	return b;
}

void
pg_arg_int8s(struct pg_args *args, const int64_t *v, int n)
{
	struct pg_array a;
	pg_array_begin(&a, arena_buf(args->arena, ARRAY_HEAD + 12 * (size_t)n), PG_INT8);
	for (int i = 0; i < n; i++)
		pg_array_int8(&a, v[i]);
	pg_array_end(&a, args);
}

void
pg_arg_texts(struct pg_args *args, const struct str *v, int n)
{
	size_t bytes = ARRAY_HEAD;
	for (int i = 0; i < n; i++)
		bytes += 4 + v[i].n;
	struct pg_array a;
	pg_array_begin(&a, arena_buf(args->arena, bytes), PG_TEXT);
	for (int i = 0; i < n; i++)
		pg_array_bytes(&a, v[i]);
	pg_array_end(&a, args);
}
