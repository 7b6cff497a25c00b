/* Waiting on conditions: the loop turns until they hold; a test that waits in vain fails. */
#pragma once

#include "base/clock.h"

#include "../unit/unit.h"
#include "loop/loop.h"

#define TURN_MAX (60 * USEC_PER_SEC) /* for hangs only: nothing may depend on it */

#define TURN_UNTIL(loop, condition)                                                                \
	do {                                                                                       \
		usec_t give_up = clock_mono() + TURN_MAX;                                          \
		while (!(condition)) {                                                             \
			if (clock_mono() > give_up)                                                \
				fail_msg("waited in vain for %s", #condition);                     \
			loop_turn(loop, 20);                                                       \
		}                                                                                  \
	} while (0)
