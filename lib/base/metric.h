/* Counters, gauges and histograms in one page of memory that all workers of a supervisor share, so
 * that /metrics of any worker answers for all. Each worker writes its own row without locks;
 * readers add the rows up. The table of metrics is metrics.def. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

#define METRIC_WORKERS_MAX 64

enum metric {
#define COUNTER(name, text, labels, help)    METRIC_##name,
#define GAUGE(name, text, labels, help)      METRIC_##name,
#define GAUGE_MAX(name, text, labels, help)  METRIC_##name,
#define GAUGE_EACH(name, text, labels, help) METRIC_##name,
#include "base/metrics.def"
#undef COUNTER
#undef GAUGE
#undef GAUGE_MAX
#undef GAUGE_EACH
	METRIC_COUNT
};

enum metric_histogram {
#define HISTOGRAM(name, text, help) METRIC_H_##name,
#include "base/metrics.def"
#undef HISTOGRAM
	METRIC_H_COUNT
};

/* Maps the shared page; call once in the supervisor before it forks. Rows beyond `workers` (at most
 * METRIC_WORKERS_MAX) do not exist. Without it each process counts in its own private row. */
void metric_page_init(int workers);
/* Chooses the row of this process and clears its gauges (counters go on: a restarted worker takes
 * up where the dead one stopped). */
void metric_row_set(int worker);
/* For the supervisor: the worker has died, its gauges are of nothing. */
void metric_row_clear(int worker);
/* For the supervisor, of a worker that it stops. */
void metric_put(enum metric m, int worker, int64_t v);

void metric_add(enum metric m, int64_t n); /* counters, and gauges that go up and down */
void metric_set(enum metric m, int64_t v); /* gauges */
void metric_observe(enum metric_histogram h, int64_t usec);

int64_t metric_own(enum metric m);             /* this process's row */
int64_t metric_sum(enum metric m);             /* over all rows */
int64_t metric_get(enum metric m, int worker); /* one row */
int metric_workers(void);

/* Prometheus text format 0.0.4. Histograms in seconds; GAUGE_MAX is the maximum over the rows. */
void metric_render(struct buf *out);
