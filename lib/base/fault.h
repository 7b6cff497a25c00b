/* Fault points: places where a test lets the program crash, fail or wait (faults.def has all of
 * them, tests/fault loops over them).
 *
 *	POSTHORN_FAULT="APPEND_ANSWER:crash, CLIENT_SEND:error:3, PG_TRANSACTION:error=40001:9+"
 *
 * NAME:MODE[:N[+]] sets a point: at its Nth hit (the first, when it is left out) of all processes
 *of the service together it does once what MODE says, and with '+' again at every Nth hit after
 *that.
 *
 *	crash        SIGKILL: nothing is closed, flushed or said
 *	error        fault_hit is true: the caller fails as what it does can fail
 *	error=CODE   the same, with a code for the caller
 *	delay=200ms  the process stands still
 *
 * POSTHORN_FAULT_PAGE=FILE shares the state of the points with a test: it counts hits, and the test
 * may set points while the program runs (tests/e2e/harness/faults.py).
 *
 * In a release build there are no points: fault_hit is false for the compiler. In others a point
 * that nobody has asked for costs the look at a pointer. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum fault {
	FAULT_NONE,
#define X(name, text) FAULT_##name,
#include "base/faults.def"
#undef X
	FAULT_COUNT,
};

#define FAULT_CODE_MAX 7

#ifdef POSTHORN_FAULTS

/* Once, before the first fork. ERR_CONFIG: what the environment says cannot be read. */
int faults_init(struct err *e);
/* Back to no points at all. */
void faults_done(void);
/* CODE of the error that fault_hit was true for last in this process; "" without. */
const char *fault_code(void);

extern struct fault_point *fault_points; /* NULL: nobody asked */
bool fault_happens(enum fault f);

static inline bool
fault_hit(enum fault f)
{
	return fault_points && fault_happens(f);
}

#else

static inline int
faults_init(struct err *e)
{
	(void)e;
	return 0;
}

static inline const char *
fault_code(void)
{
	return "";
}

static inline bool
fault_hit(enum fault f)
{
	(void)f;
	return false;
}

#endif

/* A place that cannot fail, but be slow, and the last that is reached. */
#define FAULT_POINT(name) ((void)fault_hit(FAULT_##name))
