/* Which organisations somebody watches by operational webhooks (ops/notices.h): a small copy of
 * what the database knows, so that what happens in all the others costs nothing. The database
 * decides in the end (notice_append.sql); this only tells when there is no need to ask it. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

#include "pg/pg.h"

/* Whose applications watch: the one whose uid is an organisation's id watches that organisation. As
 * the servers do that published clients know. Statements and the migrations write it out. */
#define NOTICES_ORG "org_00000000000SvixManagement00"

struct watched; /* opaque */

struct watched *watched_new(struct pg_pool *pool);
void watched_free(struct watched *w);

/* Reads it (again): at first, and when the beat tells that it may have changed. */
void watched_load(struct watched *w);
/* The same, unless it has been read: for a tick. */
void watched_ensure(struct watched *w);

/* False: nobody watched that organisation when it was last read. True while that is not known. */
bool watched_maybe(const struct watched *w, struct str org);
