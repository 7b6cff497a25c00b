/* Housekeeping of the database, by whichever worker comes first: partitions made ahead, old ones
 * dropped by retention. */
#pragma once

#include "config/config.h"
#include "loop/loop.h"
#include "pg/pg.h"

struct maintenance; /* opaque */

struct maintenance *maintenance_new(struct loop *l, const struct config *c, struct pg_pool *pool);
void maintenance_free(struct maintenance *m);
