/* The tests' database (db.h). */
#include "db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"

#include "../unit/unit.h"
#include "pg/migrate.h"
#include "pg/pg.h"
#include "schema.h"

#define SQL_MAX  4096
#define TEXT_MAX 1024
#define TEXTS    16

/* What the database itself can tell about deliveries.
 *
 * target: each first delivery of an event. open_target: those of them that nothing resolves or
 * carries on. open_retry: the announced steps that nothing resolves. open_parked: what waits for
 * its endpoint. passed: what a slot's stored marks claim to be resolved and is not; must be empty
 * at all times. */
static const char views[] =
    "create view target as"
    " select m.app_id, m.id as msg_id, (m.id >> 12) & 1023 as slot,"
    "  ('x' || encode(substring(m.targets from 8 * i + 1 for 8), 'hex'))::bit(64)::bigint"
    "   as endpoint_id"
    " from message m, generate_series(0, length(m.targets) / 8 - 1) i;"
    "create view open_target as select * from target t"
    " where not exists (select from attempt a where a.app_id = t.app_id and a.msg_id = t.msg_id"
    "   and a.endpoint_id = t.endpoint_id and a.chain = 0)"
    "  and not exists (select from dead_letter d where d.app_id = t.app_id"
    "   and d.msg_id = t.msg_id and d.endpoint_id = t.endpoint_id and d.chain = 0)"
    "  and not exists (select from retry r where r.app_id = t.app_id and r.msg_id = t.msg_id"
    "   and r.endpoint_id = t.endpoint_id and r.chain = 0)"
    "  and not exists (select from parked p where p.app_id = t.app_id and p.msg_id = t.msg_id"
    "   and p.endpoint_id = t.endpoint_id and p.chain = 0);"
    "create view open_retry as select * from retry r"
    " where not exists (select from attempt a where a.app_id = r.app_id and a.msg_id = r.msg_id"
    "   and a.endpoint_id = r.endpoint_id and a.chain = r.chain and a.seq >= r.seq)"
    "  and not exists (select from dead_letter d where d.app_id = r.app_id"
    "   and d.msg_id = r.msg_id and d.endpoint_id = r.endpoint_id and d.chain = r.chain"
    "   and d.seq >= r.seq)"
    "  and not exists (select from retry o where o.app_id = r.app_id and o.msg_id = r.msg_id"
    "   and o.endpoint_id = r.endpoint_id and o.chain = r.chain and o.seq > r.seq)"
    "  and not exists (select from parked p where p.app_id = r.app_id and p.msg_id = r.msg_id"
    "   and p.endpoint_id = r.endpoint_id and p.chain = r.chain and p.seq >= r.seq);"
    "create view open_parked as select * from parked p"
    " where not exists (select from attempt a where a.app_id = p.app_id and a.msg_id = p.msg_id"
    "   and a.endpoint_id = p.endpoint_id and a.chain = p.chain and a.seq >= p.seq"
    "   and (p.key is null or a.status = 0))"
    "  and not exists (select from dead_letter d where d.app_id = p.app_id"
    "   and d.msg_id = p.msg_id and d.endpoint_id = p.endpoint_id and d.chain = p.chain"
    "   and d.seq >= p.seq);"
    "create view passed as"
    " select s.id from slot s join open_target t on t.slot = s.id and t.msg_id <= s.low_water"
    " union all"
    " select s.id from slot s join open_retry r on r.slot = s.id and r.due < s.retry_low;";

static void
connect_sql(struct db *db)
{
	struct err e;
	db->sql = pg_connect_sync(db_url(db), &e);
	if (!db->sql || pg_exec_sync(db->sql,
			    "set client_min_messages = error; set statement_timeout = '60s'", &e)) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
}

void
db_start(struct db *db)
{
	struct err e;
	int applied;
	db->server = test_pg_start();
	if (migrate_apply(db_url(db), schema_migrations, schema_migrations_count, &applied, &e)) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	connect_sql(db);
	if (pg_exec_sync(db->sql, views, &e)) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
}

void
db_stop(struct db *db)
{
	PQfinish(db->sql);
	test_pg_stop(db->server);
}

const char *
db_url(const struct db *db)
{
	return test_pg_url(db->server);
}

void
db_clear(struct db *db)
{
	/* What has lost its client may still be about to commit. */
	db_exec(db, "select pg_terminate_backend(pid, 30000) from pg_stat_activity"
		    " where backend_type = 'client backend' and pid <> pg_backend_pid()");
	/* Deleting is quicker than truncating some hundred partitions. */
	db_exec(db, "begin; delete from retry; delete from attempt; delete from attempt_tally;"
		    "delete from throttle;"
		    "delete from dead_letter; delete from parked; delete from hold;"
		    "delete from replayed; delete from task; delete from task_result;"
		    "delete from message; delete from message_uid; delete from idempotency;"
		    "delete from endpoint_url; delete from endpoint; delete from app;"
		    "update slot set owner = null, dirty = false, spare = false,"
		    "  append_above = 0 where owner is not null or dirty or append_above > 0;"
		    "commit");
}

void
db_crash(struct db *db)
{
	/* In this order: what a test has locked stays so until the end. */
	test_pg_crash(db->server);
	PQfinish(db->sql);
	db->sql = NULL;
}

void
db_restart(struct db *db)
{
	test_pg_restart(db->server);
	connect_sql(db);
}

/* ---- statements --------------------------------------------------------------------------- */

static PRINTF(2, 0) PGresult *run(struct db *db, const char *fmt, va_list ap)
{
	char sql[SQL_MAX];
	int n = vsnprintf(sql, sizeof(sql), fmt, ap);
	assert_in_range(n, 1, SQL_MAX - 1);
	PGresult *r = PQexec(db->sql, sql);
	ExecStatusType status = PQresultStatus(r);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(r));
	return r;
}

void
db_exec(struct db *db, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	PQclear(run(db, fmt, ap));
	va_end(ap);
}

int64_t
db_int(struct db *db, const char *fmt, ...)
{
	va_list ap;
	int64_t v = 0;
	va_start(ap, fmt);
	PGresult *r = run(db, fmt, ap);
	va_end(ap);
	if (PQntuples(r) > 0 && !PQgetisnull(r, 0, 0) &&
	    str_to_i64(str_of(PQgetvalue(r, 0, 0)), INT64_MIN, INT64_MAX, &v))
		fail_msg("%s gave no number: %s", fmt, PQgetvalue(r, 0, 0));
	PQclear(r);
	return v;
}

const char *
db_text(struct db *db, const char *fmt, ...)
{
	static char text[TEXTS][TEXT_MAX];
	static int next;
	char *out = text[next++ % TEXTS];
	va_list ap;
	va_start(ap, fmt);
	PGresult *r = run(db, fmt, ap);
	va_end(ap);
	snprintf(out, TEXT_MAX, "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	return out;
}

/* ---- the catalogue ------------------------------------------------------------------------ */

/* Of a slot that no node is given in a test that looks at ids: they are chosen at random. */
static int64_t
fresh_id(void)
{
	static struct id_source ids = { .slot = ID_SLOTS - 1 };
	return id_next(&ids, clock_wall());
}

int64_t
db_app(struct db *db, const char *uid)
{
	int64_t id = fresh_id();
	db_exec(db, "insert into app (id, org, uid, name) values (%lld, 'org', '%s', '%s')",
	    (long long)id, uid, uid);
	return id;
}

int64_t
db_endpoint(struct db *db, int64_t app_id, const char *url)
{
	int64_t id = fresh_id();
	db_exec(db,
	    "insert into endpoint (app_id, id, url, secret) values (%lld, %lld, '%s',"
	    " 'twenty-four bytes of key')",
	    (long long)app_id, (long long)id, url);
	db_changed(db, app_id);
	return id;
}

void
db_changed(struct db *db, int64_t app_id)
{
	db_exec(db,
	    "update app set version = version + 1, changed_at = clock_timestamp() where id = %lld",
	    (long long)app_id);
}
