/* Constants of PostgreSQL's binary formats, shared by args.c and result.c. */
#pragma once

#include "base/clock.h"

/* timestamptz counts microseconds from 2000-01-01T00:00:00Z. */
#define PG_EPOCH_US (INT64_C(946684800) * USEC_PER_SEC)
