/* Rows put in behind the API's back, over a connection of its own. */
#include "ground.h"

#include <stdio.h>

#include "base/id.h"
#include "base/secret.h"

#include "part.h"
#include "policy/sign.h"

#define CONNECT_MAX (10 * USEC_PER_SEC)
#define SQL_SIZE    1024

/* A statement that gives one number. */
static int64_t
ask(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	int64_t value;
	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) == 0 ||
	    str_to_i64(str_of(PQgetvalue(r, 0, 0)), INT64_MIN, INT64_MAX, &value))
		part_die(sql, PQresultErrorMessage(r));
	PQclear(r);
	return value;
}

static PGconn *
open_database(const char *database)
{
	struct err e;
	part_require("--database", database);
	PGconn *c = pg_connect_sync(database, &e);
	if (!c)
		part_die("--database", e.text);
	return c;
}

static void
make_endpoint(const struct ground *g, PGconn *c, const char *url, const char *secret)
{
	char sql[SQL_SIZE], hex[2 * SECRET_MAX + 1] = "";
	struct sign_secret given;
	struct err e;
	if (sign_key_parse(str_of(secret), &given, &e))
		part_die("--secret", e.text);
	for (size_t i = 0; i < given.key.len; i++)
		snprintf(hex + 2 * i, 3, "%02x", given.key.bytes[i]);
	snprintf(sql, sizeof(sql),
	    "insert into endpoint (app_id, id, url, secret) values (%lld, %lld, '%s', '\\x%s') "
	    "returning id",
	    (long long)g->app_id, (long long)g->endpoint_id, url, hex);
	ask(c, sql);
	sign_secret_wipe(&given);
	explicit_bzero(hex, sizeof(hex));
	explicit_bzero(sql, sizeof(sql));
}

void
ground_make(struct ground *g, const char *database, const char *url, const char *secret)
{
	char sql[SQL_SIZE];
	struct id_source ids;
	PGconn *c = open_database(database);
	g->slot =
	    (int)ask(c, "update slot set owner = 1, epoch = epoch + 1, "
			"lease_until = now() + interval '1 hour' where id = (select id from slot "
			"where owner is null and not dirty order by id desc limit 1) returning id");
	snprintf(sql, sizeof(sql), "select epoch from slot where id = %d", g->slot);
	g->epoch = ask(c, sql);
	id_source_init(&ids, g->slot, 0);
	g->app_id = id_next(&ids, clock_wall());
	g->endpoint_id = id_next(&ids, clock_wall());
	snprintf(sql, sizeof(sql),
	    "insert into app (id, org, name) values (%lld, 'org_bench', 'bench') returning version",
	    (long long)g->app_id);
	g->version = ask(c, sql);
	make_endpoint(g, c, url, secret);
	PQfinish(c);
}

int64_t
ground_rows(const struct ground *g, const char *database, const char *table)
{
	char sql[SQL_SIZE];
	PGconn *c = open_database(database);
	snprintf(sql, sizeof(sql), "select count(*) from %s where app_id = %lld", table,
	    (long long)g->app_id);
	int64_t n = ask(c, sql);
	PQfinish(c);
	return n;
}

void
ground_clear(const struct ground *g, const char *database)
{
	char sql[SQL_SIZE];
	PGconn *c = open_database(database);
	snprintf(sql, sizeof(sql),
	    "update slot set owner = null, lease_until = '-infinity', dirty = false where id = %d "
	    "and epoch = %lld returning id",
	    g->slot, (long long)g->epoch);
	ask(c, sql);
	snprintf(sql, sizeof(sql),
	    "update app set deleted_at = now(), version = version + 1 where id = %lld returning id",
	    (long long)g->app_id);
	ask(c, sql);
	PQfinish(c);
}

struct pg_pool *
ground_pool(struct loop *l, const char *database, const char *name)
{
	const struct pg_options o = {
		.url = database, .name = name, .connections = 1, .prepare = true
	};
	return pg_pool_new(l, &o);
}

void
ground_wait(struct loop *l, const struct pg_pool *p)
{
	usec_t give_up = clock_mono() + CONNECT_MAX;
	while (!pg_pool_ready(p)) {
		loop_turn(l, 10);
		if (clock_mono() > give_up)
			part_die("--database", "no connection");
	}
}
