/* An attempt as JSON. */
#pragma once

#include "rest/call.h"

/* Columns of every statement that returns attempts; more may follow. */
enum attempt_column {
	ATTEMPT_ID,
	ATTEMPT_MSG_ID,
	ATTEMPT_ENDPOINT_ID,
	ATTEMPT_URL,
	ATTEMPT_RESPONSE,
	ATTEMPT_HTTP_STATUS,
	ATTEMPT_DURATION_MS,
	ATTEMPT_STATUS,
	ATTEMPT_TRIGGER,
	ATTEMPT_NEXT_AT,
	ATTEMPT_ERROR,
	ATTEMPT_COLUMNS,
};

/* Fields into an object that is open. Without content the response is empty. */
void attempt_put_fields(
    struct call *c, struct jw *j, const PGresult *r, int row, bool with_content);
/* The first bytes of an answer's body as a text: bytes that are no UTF-8 as base 64. */
void attempt_put_response(struct call *c, struct jw *j, const char *key, struct str response);
