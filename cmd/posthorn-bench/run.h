/* One run: set up, warm up, measure, drain, clean up. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include "options.h"

/* Writes the report and, when asked for, the drawing. 0 when the result is good, 1 when it is not;
 * -1 when there is none. */
int run_bench(
    const struct options *o, struct buf *report, struct buf *drawing, struct err *e) MUST_CHECK;
