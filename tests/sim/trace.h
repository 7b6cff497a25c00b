/* What happened, line by line: printed, or only hashed, or neither. The same seed gives the same
 * lines. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum trace_mode {
	TRACE_OFF,
	TRACE_HASH,
	TRACE_PRINT, /* and hash */
};

extern enum trace_mode trace_mode;

void trace_reset(void); /* the hash begins again */
uint64_t trace_hash(void);
void trace_line(const char *fmt, ...) PRINTF(1, 2);

#define TRACE(...)                                                                                 \
	do {                                                                                       \
		if (trace_mode != TRACE_OFF)                                                       \
			trace_line(__VA_ARGS__);                                                   \
	} while (0)

/* An invariant does not hold: says so with the seed and the time, and ends the process. */
_Noreturn void violation(const char *fmt, ...) PRINTF(1, 2);
/* The seed of the schedule that runs. */
extern uint64_t trace_seed;
extern int trace_events; /* as --events was */
