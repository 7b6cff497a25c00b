/* Migrations and the synchronous connection. Each migration runs with its record in one transaction
 * that holds an advisory transaction lock, so that several nodes may migrate at once and each
 * migration still runs once. */
#include "pg/migrate.h"

#include <openssl/evp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#include "pg/conninfo.h"
#include "pg/pg.h"

#define MIGRATE_LOCK     7061657701 /* any constant: the key of the advisory lock */
#define CHECKSUM_HEX     65
#define STARTING_MAX     (60 * USEC_PER_SEC) /* for a server that recovers from a crash */
#define STARTING_STEP_MS 100

static const char table_sql[] = "create table if not exists schema_migration ("
				"name text primary key, checksum text not null, "
				"applied_at timestamptz not null default now())";

/* A server that is about to be there, as after a power failure of the machine, is waited for. */
static bool
is_starting(const struct conninfo *ci, const PGconn *c, usec_t begin)
{
	if (PQstatus(c) == CONNECTION_OK || clock_mono() - begin > STARTING_MAX ||
	    PQpingParams(ci->key, ci->value, 1) != PQPING_REJECT)
		return false;
	poll(NULL, 0, STARTING_STEP_MS);
	return true;
}

PGconn *
pg_connect_sync(const char *url, struct err *e)
{
	struct conninfo ci;
	conninfo_init(&ci, url, "posthorn", true, 0);
	PGconn *c = PQconnectdbParams(ci.key, ci.value, 1);
	for (usec_t begin = clock_mono(); is_starting(&ci, c, begin);) {
		PQfinish(c);
		c = PQconnectdbParams(ci.key, ci.value, 1);
	}
	conninfo_done(&ci);
	if (c && PQstatus(c) == CONNECTION_OK)
		return c;
	const char *why = c ? PQerrorMessage(c) : "out of memory";
	err_set(e, ERR_UNAVAILABLE, "cannot connect to the database: %.*s", (int)strcspn(why, "\n"),
	    why);
	PQfinish(c);
	return NULL;
}

static int
result_err(PGresult *r, struct err *e)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *why = PQresultErrorMessage(r);
	err_set(e, ERR_CONFIG, "%.*s", (int)strcspn(why, "\n"), why);
	memcpy(e->origin, state ? state : "", state ? strlen(state) + 1 : 1);
	PQclear(r);
	return -1;
}

int
pg_exec_sync(PGconn *c, const char *sql, struct err *e)
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType status = PQresultStatus(r);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		return result_err(r, e);
	PQclear(r);
	return 0;
}

static void
checksum(const char *sql, char out[CHECKSUM_HEX])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	EVP_Digest(sql, strlen(sql), digest, &n, EVP_sha256(), NULL);
	for (unsigned i = 0; i < 32; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[64] = '\0';
}

/* Checks what the database says it has against m; *ret_known is how many of m it has. */
static int
compare(PGconn *c, const struct migration *m, int n, int *ret_known, struct err *e)
{
	PGresult *r = PQexec(c, "select name, checksum from schema_migration order by name");
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		return result_err(r, e);
	int status = 0, rows = PQntuples(r);
	for (int i = 0; status == 0 && i < rows; i++) {
		char sum[CHECKSUM_HEX] = "";
		if (i < n)
			checksum(m[i].sql, sum);
		const char *name = PQgetvalue(r, i, 0);
		if (i >= n || strcmp(name, m[i].name) != 0)
			status = err_set(e, ERR_CONFIG,
			    "the database has migration %s, which this program does not know: use a newer posthornd",
			    name);
		else if (strcmp(PQgetvalue(r, i, 1), sum) != 0)
			status = err_set(e, ERR_CONFIG,
			    "migration %s of the database differs from this program's: use the release that made it",
			    name);
	}
	PQclear(r);
	*ret_known = rows;
	return status;
}

static int
apply_one(PGconn *c, const struct migration *m, struct err *e)
{
	char sum[CHECKSUM_HEX];
	checksum(m->sql, sum);
	const char *values[] = { m->name, sum };
	FAULT_POINT(MIGRATE_BEGIN);
	if (pg_exec_sync(c, m->sql, e))
		return err_prefix(e, "migration %s", m->name);
	if (fault_hit(FAULT_MIGRATE_NOTE))
		return err_set(e, ERR_UNAVAILABLE, "migration %s: fault", m->name);
	PGresult *r =
	    PQexecParams(c, "insert into schema_migration (name, checksum) values ($1, $2)", 2,
		NULL, values, NULL, NULL, 0);
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		return result_err(r, e);
	PQclear(r);
	LOG_INFO(MIGRATE_APPLY, KV("name", m->name));
	return 0;
}

/* One transaction: take the lock, look, apply the next missing one. *ret_more is false at the end.
 */
static int
apply_next(PGconn *c, const struct migration *m, int n, bool *ret_more, struct err *e)
{
	char lock[96];
	int known;
	snprintf(lock, sizeof(lock), "select pg_advisory_xact_lock(%lld)", (long long)MIGRATE_LOCK);
	if (pg_exec_sync(c, "begin", e) || pg_exec_sync(c, lock, e) ||
	    pg_exec_sync(c, table_sql, e) || compare(c, m, n, &known, e))
		return -1;
	*ret_more = known < n;
	if (*ret_more && apply_one(c, &m[known], e))
		return -1;
	FAULT_POINT(MIGRATE_COMMIT);
	if (pg_exec_sync(c, "commit", e))
		return -1;
	FAULT_POINT(MIGRATE_DONE);
	return 0;
}

int
migrate_apply(const char *url, const struct migration *m, int n, int *ret_applied, struct err *e)
{
	PGconn *c = pg_connect_sync(url, e);
	if (!c)
		return -1;
	/* "create table if not exists" says so when it does. */
	PQsetErrorVerbosity(c, PQERRORS_TERSE);
	int status = pg_exec_sync(c, "set client_min_messages = warning", e);
	bool more = true;
	int applied = 0;
	while (status == 0 && more) {
		status = apply_next(c, m, n, &more, e);
		applied += status == 0 && more;
	}
	PQfinish(c);
	if (status == 0)
		*ret_applied = applied;
	return status;
}

int
migrate_check(const char *url, const struct migration *m, int n, struct err *e)
{
	PGconn *c = pg_connect_sync(url, e);
	if (!c)
		return -1;
	int known = 0, status = compare(c, m, n, &known, e);
	PQfinish(c);
	if (status && strcmp(e->origin, "42P01") == 0)
		return err_set(e, ERR_CONFIG,
		    "the database has no Posthorn schema yet: run posthornd migrate");
	if (status == 0 && known < n)
		return err_set(e, ERR_CONFIG,
		    "the database lacks migration %s: run posthornd migrate", m[known].name);
	return status;
}
