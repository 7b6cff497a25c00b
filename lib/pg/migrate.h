/* Forward-only migrations, embedded in the binary, each in a transaction of its own under an
 * advisory transaction lock, recorded with a checksum in schema_migration. Synchronous. */
#pragma once

#include "base/err.h"

struct migration {
	const char *name; /* "0001_initial" */
	const char *sql;
};

/* Applies what is missing. *ret_applied counts. ERR_CONFIG when the database holds a migration that
 * this program does not know or that differs from it. */
int migrate_apply(
    const char *url, const struct migration *m, int n, int *ret_applied, struct err *e) MUST_CHECK;

/* Refuses (ERR_CONFIG, with what to do) a database that is not exactly at this program's schema. */
int migrate_check(const char *url, const struct migration *m, int n, struct err *e) MUST_CHECK;
