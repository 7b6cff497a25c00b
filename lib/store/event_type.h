/* Rows of the statements event_type_*.sql. */
#pragma once

#include "base/arena.h"

#include "pg/pg.h"

struct event_type_row {
	struct str name;
	struct str description;
	bool archived;
	bool deprecated;
	struct str schemas;      /* JSON; {NULL, 0}: none, or not asked for */
	struct str feature_flag; /* {NULL, 0}: none */
	int nmore;               /* other flags */
	struct str *more;
	struct str group_name; /* {NULL, 0}: none */
	struct wall created_at, updated_at;
};

/* Texts point into the result, lists into the arena. */
void event_type_row_read(const PGresult *r, int row, struct arena *a, struct event_type_row *ret);
