/* The product's database for one test program, and a second, blocking way into it: what the tests
 * put in behind the program's back, and what they find there. */
#pragma once

#include <libpq-fe.h>
#include <stdint.h>

#include "base/attr.h"

#include "postgres.h"

struct db {
	struct test_pg *server;
	PGconn *sql;
};

/* A server with the schema, and views for the tests (db.c). Aborts when it cannot. */
void db_start(struct db *db);
void db_stop(struct db *db);
const char *db_url(const struct db *db);

/* As it was after db_start: no other connections, no rows, all slots free; the epochs go on. */
void db_clear(struct db *db);

/* As a crash of the server, and its return. */
void db_crash(struct db *db);
void db_restart(struct db *db);

/* One statement, in the test's own connection; fails the test when the server refuses it. */
void db_exec(struct db *db, const char *fmt, ...) PRINTF(2, 3);
/* The first field of the first row: 0 for none or null. */
int64_t db_int(struct db *db, const char *fmt, ...) PRINTF(2, 3);
/* The same as text, "" for none or null; valid for the next fifteen calls. */
const char *db_text(struct db *db, const char *fmt, ...) PRINTF(2, 3);

/* Registered as the API would, in organisation "org". */
int64_t db_app(struct db *db, const char *uid);
int64_t db_endpoint(struct db *db, int64_t app_id, const char *url);
/* Announces a change of the application or one of its endpoints: a new version of the catalogue. */
void db_changed(struct db *db, int64_t app_id);
