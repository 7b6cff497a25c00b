/* Rows of the statements app_*.sql: an application as admins see it. */
#pragma once

#include "pg/pg.h"

struct app_row {
	int64_t id;
	struct str uid; /* {NULL, 0}: none */
	struct str name;
	int64_t throttle_rate; /* deliveries a second; 0: no limit */
	struct str metadata;   /* JSON */
	struct wall created_at, updated_at;
	int64_t version;               /* of the catalogue */
	struct str endpoint_challenge; /* of endpoints to come; {NULL, 0}: none */
};

/* Texts point into the result. */
void app_row_read(const PGresult *r, int row, struct app_row *ret);
