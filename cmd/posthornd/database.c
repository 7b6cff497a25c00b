/* The migrations built into this program (migrations/), against the configured database. */
#include "database.h"

#include <libpq-fe.h>
#include <string.h>

#include "pg/migrate.h"
#include "pg/pg.h"
#include "schema.h"

/* What a person can do about a server that does not answer. */
static int
with_advice(int r, struct err *e)
{
	if (r < 0 && e->kind == ERR_UNAVAILABLE)
		strlcat(e->text, "; is it running, and is POSTHORN_DATABASE_URL right?",
		    sizeof(e->text));
	return r;
}

/* libpq quotes the piece it does not understand, which may be a password: it is not asked. */
static int
check_url(const char *option, const char *variable, const char *url, struct err *e)
{
	PQconninfoOption *parsed = PQconninfoParse(url, NULL);
	PQconninfoFree(parsed);
	if (parsed || !strpbrk(url, "=:")) /* a bare word is the name of a database */
		return 0;
	return err_set(e, ERR_CONFIG,
	    "%s (%s) is no connection string: expected something like "
	    "postgresql://user:password@host/database",
	    option, variable);
}

/* The replica's as well, although nobody connects to it now: it may be away. */
static int
check_urls(const struct config *c, struct err *e)
{
	if (check_url("database_url", "POSTHORN_DATABASE_URL", c->database_url, e) < 0)
		return -1;
	return check_url(
	    "read_database_url", "POSTHORN_READ_DATABASE_URL", c->read_database_url, e);
}

/* Settings of the role or database that the promises rest on: an acknowledged commit is on disk,
 * and each statement of a transaction sees what was committed before it (the fence). */
static int
check_settings(const char *url, struct err *e)
{
	static const char sql[] =
	    "select current_setting('synchronous_commit') = 'off', "
	    "current_setting('default_transaction_isolation') <> 'read committed'";
	PGconn *c = pg_connect_sync(url, e);
	if (!c)
		return -1;
	PGresult *r = PQexec(c, sql);
	int status = 0;
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		status = err_set(e, ERR_UNAVAILABLE, "cannot read the database's settings");
	else if (PQgetvalue(r, 0, 0)[0] == 't')
		status = err_set(e, ERR_CONFIG,
		    "synchronous_commit is off for this role or database: events that were accepted "
		    "could be lost; set it to on");
	else if (PQgetvalue(r, 0, 1)[0] == 't')
		status = err_set(e, ERR_CONFIG,
		    "default_transaction_isolation of this role or database must be 'read committed'");
	PQclear(r);
	PQfinish(c);
	return status;
}

/* What is polled is in the order of transactions, whose numbers are their cluster's: when this is
 * another one than before, they count as later ones. */
static int
note_cluster(const char *url, struct err *e)
{
	PGconn *c = pg_connect_sync(url, e);
	if (!c)
		return -1;
	PGresult *r = PQexec(c, "select poll_era_check()");
	int status = 0;
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		status = err_set(e, ERR_UNAVAILABLE, "cannot ask which cluster this is: %s",
		    PQresultErrorMessage(r));
	PQclear(r);
	PQfinish(c);
	return status;
}

int
database_check(const struct config *c, struct err *e)
{
	if (check_urls(c, e) < 0)
		return -1;
	if (migrate_check(c->database_url, schema_migrations, schema_migrations_count, e) < 0)
		return with_advice(-1, e);
	if (check_settings(c->database_url, e) < 0)
		return -1;
	return note_cluster(c->database_url, e);
}

int
database_migrate(const struct config *c, int *ret_applied, struct err *e)
{
	if (check_urls(c, e) < 0)
		return -1;
	if (migrate_apply(
		c->database_url, schema_migrations, schema_migrations_count, ret_applied, e) < 0)
		return with_advice(-1, e);
	return note_cluster(c->database_url, e);
}

const char *
database_newest(void)
{
	return schema_migrations[schema_migrations_count - 1].name;
}
