/* Whom an event goes to. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

struct targets {
	int n;
	int nqueued; /* of them, the last ones: they get the event in its order, from `parked` */
	int npolled; /* polling endpoints that have it to read: their ids follow behind the n */
	const int64_t *ids;
	struct wall deliver_at; /* us == 0: at once; else all are retries from the start */
	struct wall due;        /* of those whose order had ended meanwhile: queue_append.sql */
};
