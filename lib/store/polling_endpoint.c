/* Rows of polling endpoints; the columns stand in this order in every polling_endpoint_*.sql that
 * returns a whole one. */
#include "store/polling_endpoint.h"

void
polling_endpoint_row_read(
    const PGresult *r, int row, struct arena *a, struct polling_endpoint_row *ret)
{
	*ret = (struct polling_endpoint_row){
		.id = pg_int(r, row, 0),
		.app_id = pg_int(r, row, 1),
		.uid = pg_str(r, row, 2),
		.description = pg_str(r, row, 3),
		.disabled = pg_bool(r, row, 4),
		.metadata = pg_str(r, row, 7),
		.created_at = pg_time(r, row, 8),
		.updated_at = pg_time(r, row, 9),
		.app_version = pg_int(r, row, 10),
	};
	ret->nevent_types = pg_strs(r, row, 5, a, &ret->event_types);
	ret->nchannels = pg_strs(r, row, 6, a, &ret->channels);
}
