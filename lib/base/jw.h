/* Writing JSON: a thin layer over buf that places commas and escapes strings. Values are written in
 * document order; the writer trusts its caller to balance begin and end (asserted at the end). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/str.h"

struct jw {
	struct buf *out; /* borrowed */
	int depth;
	bool comma; /* the next value of this container needs one before it */
};

void jw_begin(struct jw *j, struct buf *out);
void jw_end(struct jw *j); /* asserts that everything opened was closed */

void jw_open_object(struct jw *j);
void jw_close_object(struct jw *j);
void jw_open_array(struct jw *j);
void jw_close_array(struct jw *j);
void jw_key(struct jw *j, const char *key);

void jw_text(struct jw *j, struct str s); /* invalid UTF-8 becomes U+FFFD */
void jw_i64(struct jw *j, int64_t v);
void jw_bool(struct jw *j, bool v);
void jw_null(struct jw *j);
void jw_raw(struct jw *j, struct str value); /* a complete JSON value, copied as it is */

/* Key and value in one call; the _or_null forms write null for p == NULL. */
void jw_put_text(struct jw *j, const char *key, struct str s);
void jw_put_text_or_null(struct jw *j, const char *key, struct str s);
void jw_put_i64(struct jw *j, const char *key, int64_t v);
void jw_put_bool(struct jw *j, const char *key, bool v);
void jw_put_null(struct jw *j, const char *key);
void jw_put_raw(struct jw *j, const char *key, struct str value);
void jw_put_time(struct jw *j, const char *key, struct wall t);
void jw_put_id(struct jw *j, const char *key, enum id_kind kind, int64_t id);
