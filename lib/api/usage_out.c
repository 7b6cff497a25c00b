/* What an organisation's applications use, as it was counted (usage_out.h). */
#include "api/usage_out.h"

#include "api/task_name.h"

/* Columns of task_results.sql. */
enum {
	COL_APP_ID,
	COL_APP_UID,
	COL_DELIVERIES,
	COL_EVENT_TYPES,
	COL_CATCH_ALL,
};

bool
usage_is(struct str name)
{
	return str_eq(name, STR(TASK_APP_STATS)) || str_eq(name, STR(TASK_EVENT_TYPES));
}

static void
put_event_types(struct call *c, struct jw *j, const PGresult *r, int row)
{
	struct str *types;
	int n = pg_strs(r, row, COL_EVENT_TYPES, c->arena, &types);
	jw_key(j, "explicitlySubscribedEventTypes");
	jw_open_array(j);
	for (int i = 0; i < n; i++)
		jw_text(j, types[i]);
	jw_close_array(j);
	jw_put_bool(j, "hasCatchAllEndpoint", pg_bool(r, row, COL_CATCH_ALL));
}

void
usage_put(struct call *c, struct jw *j, struct str name, const PGresult *results)
{
	bool stats = str_eq(name, STR(TASK_APP_STATS));
	jw_open_object(j);
	jw_key(j, stats ? "appStats" : "event_types");
	jw_open_array(j);
	for (int row = 0; row < pg_rows(results); row++) {
		jw_open_object(j);
		jw_put_id(j, "appId", ID_APP, pg_int(results, row, COL_APP_ID));
		jw_put_text_or_null(j, "appUid", pg_str(results, row, COL_APP_UID));
		if (stats)
			jw_put_i64(j, "messageDestinations", pg_int(results, row, COL_DELIVERIES));
		else
			put_event_types(c, j, results, row);
		jw_close_object(j);
	}
	jw_close_array(j);
	jw_close_object(j);
}
