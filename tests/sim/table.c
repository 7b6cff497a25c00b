/* The model's tables as arrays of rows. A schedule has some hundred rows: scans are quick. */
#include "table.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "txn.h"

struct database db;

void
db_reset(void)
{
	arena_free(db.arena);
	struct table keep[TABLES];
	memcpy(keep, db.table, sizeof(keep));
	memset(&db, 0, sizeof(db));
	memcpy(db.table, keep, sizeof(keep));
	db.arena = arena_new();
	for (int i = 0; i < TABLES; i++)
		db.table[i].n = 0;
	for (int i = 0; i < SLOTS_COUNT; i++)
		db.slot[i].now = (struct slot_values){
			.lease_until = { NEVER },
			.retry_low = { NEVER },
		};
}

void *
table_insert(enum table_name name, size_t size, struct txn *t)
{
	struct table *table = &db.table[name];
	if (table->n == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->row = mem_realloc(table->row, sizeof(*table->row) * (size_t)table->room);
	}
	struct row *row = arena_zalloc(db.arena, size);
	row->writer = t;
	if (t)
		txn_inserted(t);
	table->row[table->n++] = row;
	return row;
}

void
table_delete(enum table_name name, int i)
{
	struct table *table = &db.table[name];
	table->n--;
	memmove(&table->row[i], &table->row[i + 1], sizeof(*table->row) * (size_t)(table->n - i));
}

bool
row_seen(const void *row, const struct txn *t)
{
	const struct txn *writer = ((const struct row *)row)->writer;
	return !writer || writer == t;
}

struct app_row *
app_find(int64_t id)
{
	for (int i = 0; i < db.napps; i++)
		if (db.app[i].id == id)
			return &db.app[i];
	return NULL;
}

struct endpoint_row *
endpoint_find(int64_t id)
{
	for (int i = 0; i < db.nendpoints; i++)
		if (db.endpoint[i].id == id)
			return &db.endpoint[i];
	return NULL;
}

struct message_row *
message_find(int64_t app_id, int64_t id, const struct txn *t)
{
	for (int i = db.table[TABLE_MESSAGE].n; i-- > 0;) {
		struct message_row *m = db.table[TABLE_MESSAGE].row[i];
		if (m->id == id && m->app_id == app_id && row_seen(m, t))
			return m;
	}
	return NULL;
}

int
target_at(struct str targets, int i, int64_t *ret)
{
	uint64_t wire;
	if ((size_t)(i + 1) * sizeof(wire) > targets.n)
		return -1;
	memcpy(&wire, targets.p + (size_t)i * sizeof(wire), sizeof(wire));
	*ret = (int64_t)be64toh(wire);
	return 0;
}
