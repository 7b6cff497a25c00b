/* What is measured: latencies and throughput inside a window of time, and their course over it. */
#pragma once

#include <stdint.h>

#include "base/clock.h"

#include "behaviour.h"
#include "histogram.h"

#define MEASURE_POINTS 100 /* of the course, at most */

/* One piece of the window. */
struct measure_point {
	int64_t accepted, received;
	int64_t p50, p99, max; /* µs from due to receipt */
};

struct measure {
	usec_t from, to; /* the window */
	/* Events due in the window, µs from due to … */
	struct histogram accept;                       /* … the 2xx */
	struct histogram receipt[BEHAVIOUR_RULES_MAX]; /* … their first receipt, by rule */
	/* What happened in the window. */
	int64_t accepted, received; /* received: taken for the first time */
	/* Receipts by endpoints that answer at once, µs. */
	usec_t step;
	int npoints;
	struct measure_point point[MEASURE_POINTS];
	struct histogram at[MEASURE_POINTS];
};

struct measure *measure_new(void);
void measure_free(struct measure *m);
void measure_window(struct measure *m, usec_t from, usec_t duration);

/* A request that was answered with so many of its events accepted. */
void measure_accept(struct measure *m, int events, usec_t due, usec_t now);
/* in_course: the rule's latency is the server's, not the script's. */
void measure_receipt(struct measure *m, int rule, bool in_course, usec_t due, usec_t now);

/* Fills in the quantiles of the points. */
void measure_end(struct measure *m);
