/* Rows of endpoints; the columns stand in this order in every endpoint_*.sql that returns a whole
 * one. */
#include "store/endpoint.h"

void
endpoint_row_read(const PGresult *r, int row, struct arena *a, struct endpoint_row *ret)
{
	*ret = (struct endpoint_row){
		.id = pg_int(r, row, 0),
		.app_id = pg_int(r, row, 1),
		.uid = pg_str(r, row, 2),
		.url = pg_str(r, row, 3),
		.description = pg_str(r, row, 4),
		.version = pg_int(r, row, 5),
		.disabled = pg_bool(r, row, 6),
		.disabled_reason = pg_str(r, row, 7),
		.throttle_rate = pg_int(r, row, 10),
		.metadata = pg_str(r, row, 11),
		.has_retry_schedule = !pg_null(r, row, 12),
		.timeout_ms = pg_int(r, row, 13),
		.max_in_flight = pg_int(r, row, 14),
		.created_at = pg_time(r, row, 15),
		.updated_at = pg_time(r, row, 16),
		.app_version = pg_int(r, row, 17),
		.paused = pg_bool(r, row, 18),
		.ordering = pg_str(r, row, 19),
		.head_of_line = pg_str(r, row, 20),
		.hold = (enum hold_state)pg_int(r, row, 21),
		.failing_since = pg_time(r, row, 22),
		.probe_at = pg_time(r, row, 23),
		.signature_profile = pg_str(r, row, 24),
		.signature_template = pg_str(r, row, 25),
		.format = pg_str(r, row, 26),
		.challenge = pg_str(r, row, 27),
		.verified_at = pg_time(r, row, 28),
		.challenge_error = pg_str(r, row, 29),
		.challenge_rate = pg_int(r, row, 30),
	};
	ret->unverified = ret->challenge.p && !ret->verified_at.us;
	ret->nevent_types = pg_strs(r, row, 8, a, &ret->event_types);
	ret->nchannels = pg_strs(r, row, 9, a, &ret->channels);
	ret->nretry_schedule = pg_int8s(r, row, 12, a, &ret->retry_schedule);
}
