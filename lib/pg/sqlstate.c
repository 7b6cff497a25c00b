/* The table of SQLSTATEs. ERR_UNAVAILABLE is what passes by itself or by an operator's hand, and is
 * worth trying again; all else is about the statement. */
#include "pg/sqlstate.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct sqlstate table[] = {
	{ "08", ERR_UNAVAILABLE, false, NULL }, /* connection exceptions */
	{ "23505", ERR_CONFLICT, false, NULL },
	/* A standby, or a primary that was one: whoever is primary now answers elsewhere. */
	{ "25006", ERR_UNAVAILABLE, true, "the database is read-only" },
	{ "28", ERR_UNAVAILABLE, false, "the database refuses the user or password" },
	{ "3D000", ERR_UNAVAILABLE, false, "there is no such database" },
	{ "40", ERR_UNAVAILABLE, false, NULL }, /* serialisation, deadlock */
	{ "53100", ERR_UNAVAILABLE, false, "the disk of the database is full" },
	{ "53200", ERR_UNAVAILABLE, false, "the database is out of memory" },
	{ "53300", ERR_UNAVAILABLE, false, "the database has too many connections" },
	{ "53", ERR_UNAVAILABLE, false, "the database is short of resources" },
	{ "55P03", ERR_UNAVAILABLE, false,
	    "the database's lock_timeout is over before a lock is free" },
	{ "57014", ERR_UNAVAILABLE, false, "the database cancels statements (statement_timeout?)" },
	{ "57P03", ERR_UNAVAILABLE, false, "the database is starting up or shutting down" },
	{ "57", ERR_UNAVAILABLE, false, "the database ends connections" },
	{ "58", ERR_UNAVAILABLE, false, "the database cannot read or write its files" },
};

const struct sqlstate *
sqlstate_find(const char *code)
{
	static const struct sqlstate other = { "", ERR_INTERNAL, false, NULL };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strncmp(code, table[i].prefix, strlen(table[i].prefix)) == 0)
			return &table[i];
	return &other;
}

/* 26000: there is no such statement. 42P05: there is one already. 08P01: the one that is there
 * takes other parameters. */
bool
sqlstate_unprepared(const char *code)
{
	return strcmp(code, "26000") == 0 || strcmp(code, "42P05") == 0 ||
	       strcmp(code, "08P01") == 0;
}

static bool
is_code(const char *p)
{
	for (int i = 0; i < SQLSTATE_SIZE - 1; i++)
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'A' && p[i] <= 'Z')))
			return false;
	return p[SQLSTATE_SIZE - 1] == ':';
}

void
sqlstate_of_text(const char *text, char ret_code[SQLSTATE_SIZE])
{
	static const char before[] = ":  ";
	ret_code[0] = '\0';
	/* "… failed: FATAL:  57P03: the database system is starting up"; of several hosts the last
	 * one counts. libpq itself finds out that a session is read-only. */
	for (const char *p = text; (p = strstr(p, before)) != NULL; p++)
		if (is_code(p + strlen(before)))
			snprintf(ret_code, SQLSTATE_SIZE, "%s", p + strlen(before));
	if (ret_code[0] == '\0' && strstr(text, "session is read-only"))
		snprintf(ret_code, SQLSTATE_SIZE, "25006");
}
