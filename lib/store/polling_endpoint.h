/* Rows of the statements polling_endpoint_*.sql: a polling endpoint as admins see it. */
#pragma once

#include "pg/pg.h"

struct polling_endpoint_row {
	int64_t id;
	int64_t app_id;
	struct str uid; /* {NULL, 0}: none */
	struct str description;
	bool disabled;
	int nevent_types; /* 0: all */
	struct str *event_types;
	int nchannels; /* 0: every message */
	struct str *channels;
	struct str metadata; /* JSON */
	struct wall created_at, updated_at;
	int64_t app_version; /* of the catalogue */
};

/* Texts point into the result, lists into the arena. */
void polling_endpoint_row_read(
    const PGresult *r, int row, struct arena *a, struct polling_endpoint_row *ret);
