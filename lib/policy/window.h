/* How many requests may be under way to one endpoint: a window that finds out what it can take.
 *
 * It starts small, doubles with each round trip that used it up until the first trouble, then grows
 * by one each; it shrinks by the share of the answers that were trouble (as DCTCP does, RFC 8257,
 * so that one failure in ten costs little), and by half when there was no answer at all (as TCP
 * does, RFC 5681), at most once in a round trip. Pure: the caller has the clock. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

#define WINDOW_START 8

struct window {
	double size;         /* at least 1 */
	double threshold;    /* below it a round trip doubles the size */
	double trouble;      /* share of the answers that were trouble, over some round trips */
	usec_t round;        /* what started since then ends this round trip */
	usec_t cut;          /* the last one by half: what started before it cuts no more */
	int ended, troubled; /* in this round trip */
	bool used;           /* up, at some time of this round trip */
};

/* What an end tells. */
enum window_end {
	WINDOW_GOOD,    /* an answer, and no complaint about how much there is */
	WINDOW_TROUBLE, /* 5xx, 429 */
	WINDOW_LOST,    /* no answer: a timeout, a connection refused or broken */
};

void window_init(struct window *w);
/* Of a request that started then. `cap` is the most that the window may become. */
void window_ended(struct window *w, enum window_end how, usec_t started, usec_t now, int cap);

static inline int
window_size(const struct window *w, int cap)
{
	int size = (int)w->size;
	return size < cap ? size : cap;
}

/* A request starts; with it so many are under way. */
static inline void
window_started(struct window *w, int in_flight)
{
	w->used |= in_flight >= (int)w->size;
}
