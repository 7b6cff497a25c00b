/* The migrations built into this program (migrations/), against the configured database. */
#include "database.h"

#include <libpq-fe.h>
#include <string.h>

#include "pg/migrate.h"
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
check_url(const char *url, struct err *e)
{
	PQconninfoOption *parsed = PQconninfoParse(url, NULL);
	PQconninfoFree(parsed);
	if (parsed || !strpbrk(url, "=:")) /* a bare word is the name of a database */
		return 0;
	return err_set(e, ERR_CONFIG,
	    "database_url (POSTHORN_DATABASE_URL) is no connection string: expected something like "
	    "postgresql://user:password@host/database");
}

int
database_check(const struct config *c, struct err *e)
{
	if (check_url(c->database_url, e) < 0)
		return -1;
	return with_advice(
	    migrate_check(c->database_url, schema_migrations, schema_migrations_count, e), e);
}

int
database_migrate(const struct config *c, int *ret_applied, struct err *e)
{
	if (check_url(c->database_url, e) < 0)
		return -1;
	return with_advice(migrate_apply(c->database_url, schema_migrations,
			       schema_migrations_count, ret_applied, e),
	    e);
}

const char *
database_newest(void)
{
	return schema_migrations[schema_migrations_count - 1].name;
}
