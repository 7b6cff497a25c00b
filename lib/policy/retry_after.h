/* The Retry-After field (RFC 9110, section 10.2.3): seconds, or a date in any of its three forms.
 */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

#define RETRY_AFTER_MAX_MS (24 * 3600 * INT64_C(1000))

/* Milliseconds to wait, clamped to [0, RETRY_AFTER_MAX_MS]; a date in the past is 0. -1 when the
 * value is neither form. */
int64_t retry_after_ms(struct str value, struct wall now);

/* IMF-fixdate, RFC 850 and asctime dates (RFC 9110, section 5.6.7). -1 when it is none. */
int http_date_parse(struct str value, struct wall now, struct wall *ret);
