/* A place in the stream of a polling endpoint, and its text form: what clients know as an iterator.
 */
#pragma once

#include <stdint.h>

#include "base/str.h"

/* Behind this row. The beginning is { 0, 0 }. */
struct poll_place {
	int64_t pos;
	int64_t msg_id;
};

#define POLL_PLACE_SIZE 48 /* with the NUL */

/* "1234.5678"; returns out. */
const char *poll_place_to_text(struct poll_place p, char out[POLL_PLACE_SIZE]);
/* -1 when it is no place. */
int poll_place_from_text(struct str text, struct poll_place *ret);
