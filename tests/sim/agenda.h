/* The agenda: what will happen, and the virtual time, which jumps from one happening to the next.
 *
 * Happenings of the same time are in an order that the dice choose. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct loop;

/* Embedded in its owner. */
struct happening {
	void (*fn)(void *arg);
	void *arg;
	struct loop *loop; /* runs it on its stack; NULL: of the world */
	usec_t at;
	uint64_t order;
	int place; /* in the heap from 1 on; 0: not on the agenda */
};

void agenda_reset(void); /* must be empty; the time begins again */
usec_t agenda_now(void);
void agenda_put(struct happening *h, usec_t at); /* not before now; moves it when it is on it */
void agenda_remove(struct happening *h);         /* nothing when it is not on it */
/* The next one, taken off; time moves on to it. NULL: nothing is left. */
struct happening *agenda_next(void);
/* The next one of that loop if it is due now already and nothing goes before it, taken off. */
struct happening *agenda_due(const struct loop *l);
usec_t agenda_next_at(void); /* INT64_MAX: nothing */
int agenda_count(void);
