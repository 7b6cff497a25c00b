/* Identifiers: 63 bits that sort by time and name the slot that made them.
 *
 *      62          22 21     12 11       0
 *     +--------------+---------+----------+
 *     | milliseconds |  slot   | counter  |      milliseconds since 2020-01-01T00:00:00Z
 *     +--------------+---------+----------+
 *
 * The public form is a prefix and 11 base-62 digits (0-9A-Za-z), so text order in the C collation
 * is numeric order: "msg_01Fq8ZxYk3b". It holds no dot, as Standard Webhooks asks of webhook-id. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

#define ID_SLOTS     1024 /* slots that the layout can name */
#define ID_DIGITS    11
#define ID_TEXT_SIZE 24 /* longest prefix, digits, NUL */

enum id_kind {
	ID_APP,         /* app_ */
	ID_ENDPOINT,    /* ep_ */
	ID_MESSAGE,     /* msg_ */
	ID_ATTEMPT,     /* atmpt_ */
	ID_DEAD_LETTER, /* dl_ */
	ID_TASK,        /* qtask_ */
	ID_POLL,        /* poll_: polling endpoints */
};

/* Makes ids of one slot, strictly increasing. Not before `floor` even when the clock stands behind
 * it (a slot that changed hands, a clock set back). */
struct id_source {
	int slot;
	int64_t last; /* the newest id made, or the floor */
};

void id_source_init(struct id_source *s, int slot, int64_t floor);
int64_t id_next(struct id_source *s, struct wall now);

/* The smallest id of that instant: for ranges over time. Clamped to [0, 2^63). */
int64_t id_floor(struct wall t);
struct wall id_time(int64_t id); /* millisecond resolution */
int id_slot(int64_t id);

const char *id_prefix(enum id_kind kind);                                      /* "msg_" */
const char *id_to_text(enum id_kind kind, int64_t id, char out[ID_TEXT_SIZE]); /* returns out */
/* -1 unless s is the prefix and exactly the digits of a value below 2^63. */
int id_from_text(enum id_kind kind, struct str s, int64_t *ret);
bool id_has_prefix(enum id_kind kind, struct str s);
