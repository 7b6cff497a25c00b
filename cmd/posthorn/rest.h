/* Calls of the REST API: one at a time, each finished when the function returns. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include "server.h"

#define REST_ANSWER_MAX (64 << 20) /* bytes of an answer's body; more is an error */

struct rest; /* opaque */

/* Both are borrowed and must outlive the rest. */
struct rest *rest_new(const struct server *server, struct arena *arena, int64_t timeout_s);
void rest_free(struct rest *r); /* NULL is allowed */

struct rest_request {
	const char *method;          /* "GET" */
	const char *path;            /* behind /api/v1, query included */
	struct str body;             /* {NULL, 0}: none */
	const char *content_type;    /* of the body; NULL: application/json */
	const char *idempotency_key; /* of a POST; NULL: a random one; ERR_USAGE when no header can
					carry it */
};

struct rest_answer {
	int status;
	struct str body; /* valid until the next call */
};

/* Sends the request and, when no connection came about or the answer was a 5xx other than 501,
 * sends it once more; a POST carries the same Idempotency-Key both times. An answer of any status
 * is success here. ERR_UNAVAILABLE when there was none, ERR_IO when it was too large. */
int rest_exchange(struct rest *r, const struct rest_request *rq, struct rest_answer *ret,
    struct err *e) MUST_CHECK;

/* As rest_exchange, but an answer outside of 200 to 299 is an error (api_error.h), and so is one
 * whose body is neither empty nor an object (ERR_IO). */
int rest_call(struct rest *r, const struct rest_request *rq, struct rest_answer *ret,
    struct err *e) MUST_CHECK;

/* "/app/ * /endpoint" (without the blanks) with each * replaced by the next word. ERR_USAGE when a
 * word cannot be an id. The result lives in the arena. */
const char *rest_path(
    struct arena *a, const char *pattern, const char *const *words, struct err *e);
/* path with name=value added, the value percent-encoded. */
const char *rest_query(struct arena *a, const char *path, const char *name, const char *value);
