/* Two clocks that cannot be mixed up: usec_t for intervals, struct wall for facts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define USEC_PER_MS  INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)

typedef int64_t usec_t; /* microseconds of CLOCK_MONOTONIC; differences only */

struct wall {
	int64_t us; /* microseconds since 1970-01-01T00:00:00Z */
};

usec_t clock_mono(void);
struct wall clock_wall(void);

#define WALL_TEXT_SIZE 32
/* RFC 3339 in UTC with microseconds: 2026-11-21T09:20:00.000000Z. Returns `out`. */
const char *wall_to_text(struct wall t, char out[WALL_TEXT_SIZE]);

/* RFC 3339 with any offset, 'T', 't' or a space between date and time, fraction optional; also
 * "YYYY-MM-DD HH:MM:SS.ffffff UTC" (a form that published clients send). -1 when it is neither. */
int wall_from_text(struct str s, struct wall *ret);
