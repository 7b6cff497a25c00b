/* The example that the JSON Schemas of an event type give of its payload. */
#pragma once

#include <stdint.h>

#include "base/str.h"

enum example {
	EXAMPLE_FOUND,
	EXAMPLE_NONE,      /* no schema, or one without an example */
	EXAMPLE_TOO_FEW,   /* fewer than were asked for */
	EXAMPLE_NO_OBJECT, /* it is there, and is no object: no payload */
};

/* schemas: a JSON object from versions to schemas. The newest version counts: the greatest number,
 * or the last name where none is a number. Of its list "examples" the one at index (from 0); an
 * object in the place of the list, or "example", is taken whatever the index is. *ret is the
 * author's bytes. */
enum example example_find(struct str schemas, int64_t index, struct str *ret);
