/* Rows of event types; the columns stand in this order in every event_type_*.sql that returns one.
 */
#include "store/event_type.h"

void
event_type_row_read(const PGresult *r, int row, struct arena *a, struct event_type_row *ret)
{
	*ret = (struct event_type_row){
		.name = pg_str(r, row, 0),
		.description = pg_str(r, row, 1),
		.archived = pg_bool(r, row, 2),
		.deprecated = pg_bool(r, row, 3),
		.schemas = pg_str(r, row, 4),
		.feature_flag = pg_str(r, row, 5),
		.group_name = pg_str(r, row, 7),
		.created_at = pg_time(r, row, 8),
		.updated_at = pg_time(r, row, 9),
	};
	ret->nmore = pg_strs(r, row, 6, a, &ret->more);
}
