/* An attempt as JSON (attempt_out.h). */
#include "api/attempt_out.h"

#include "base/b64.h"
#include "base/utf8.h"

#include "api/log_list.h"
#include "send/sender.h"

#define TRIGGER_TYPE_MANUAL 1 /* resent or replayed */

void
attempt_put_response(struct call *c, struct jw *j, const char *key, struct str response)
{
	if (!response.p) {
		jw_put_text(j, key, STR(""));
	} else if (utf8_valid(response.p, response.n)) {
		jw_put_text(j, key, response);
	} else {
		char *text = arena_alloc(c->arena, B64_SIZE(response.n));
		size_t n = b64_encode(response.p, response.n, text);
		jw_put_text(j, key, (struct str){ text, n });
	}
}

static void
put_answer(struct call *c, struct jw *j, const PGresult *r, int row, bool with_content)
{
	struct str response = pg_str(r, row, ATTEMPT_RESPONSE);
	struct str error = pg_str(r, row, ATTEMPT_ERROR);
	/* Clients know one field only: without an answer it says why there is none. */
	if (!response.p)
		response = error;
	if (!with_content)
		response = (struct str){ NULL, 0 };
	attempt_put_response(c, j, "response", response);
	jw_put_i64(j, "responseStatusCode", pg_int(r, row, ATTEMPT_HTTP_STATUS));
	jw_put_i64(j, "responseDurationMs", pg_int(r, row, ATTEMPT_DURATION_MS));
	jw_put_text_or_null(j, "error", error);
}

void
attempt_put_fields(struct call *c, struct jw *j, const PGresult *r, int row, bool with_content)
{
	int64_t id = pg_int(r, row, ATTEMPT_ID);
	struct str url = pg_str(r, row, ATTEMPT_URL);
	bool by_hand = pg_int(r, row, ATTEMPT_TRIGGER) != TRIGGER_SCHEDULED;
	jw_put_id(j, "id", ID_ATTEMPT, id);
	jw_put_id(j, "msgId", ID_MESSAGE, pg_int(r, row, ATTEMPT_MSG_ID));
	jw_put_id(j, "endpointId", ID_ENDPOINT, pg_int(r, row, ATTEMPT_ENDPOINT_ID));
	jw_put_text(j, "url", url.p ? url : STR(""));
	put_answer(c, j, r, row, with_content);
	log_put_status(j, (enum log_status)pg_int(r, row, ATTEMPT_STATUS));
	jw_put_i64(j, "triggerType", by_hand ? TRIGGER_TYPE_MANUAL : 0);
	jw_put_time(j, "timestamp", id_time(id));
	if (!pg_null(r, row, ATTEMPT_NEXT_AT))
		jw_put_time(j, "nextAttempt", pg_time(r, row, ATTEMPT_NEXT_AT));
}
