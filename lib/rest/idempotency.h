/* Idempotency-Key: the first answer to a POST is the answer to every repetition of it. */
#pragma once

#include "rest/call.h"

/* Looks at the header of a POST. Without a key it calls `handle` at once. With one it first claims
 * the key in the database: `handle` runs when nobody had it, else the call is answered here (the
 * stored answer, 409 while the first request runs, 422 when it had another body). */
void key_guard(struct call *c, void (*handle)(struct call *c));

/* For what sees to its repetitions itself: as key_guard, but without keeping the answer. `then`
 * runs for the first request with the key and for each repetition of it, even while others run;
 * c->state is the same then. 422 when the key came with another body before. */
void key_pin(struct call *c, void (*then)(struct call *c));

/* The answer of a call that holds a key (c->key): stored when it is a 2xx, else the key is given
 * back; then it is sent. */
void key_settle(struct call *c, int status, struct str body, const char *extra);
