/* Rows of applications; the columns stand in this order in every app_*.sql. */
#include "store/app.h"

void
app_row_read(const PGresult *r, int row, struct app_row *ret)
{
	*ret = (struct app_row){
		.id = pg_int(r, row, 0),
		.uid = pg_str(r, row, 1),
		.name = pg_str(r, row, 2),
		.throttle_rate = pg_int(r, row, 3),
		.metadata = pg_str(r, row, 4),
		.created_at = pg_time(r, row, 5),
		.updated_at = pg_time(r, row, 6),
		.version = pg_int(r, row, 7),
		.endpoint_challenge = pg_str(r, row, 8),
	};
}
