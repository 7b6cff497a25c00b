/* Latencies belong to the moment an event was due, throughput to the moment something happened: an
 * overloaded server shows both. */
#include "measure.h"

#include <stdlib.h>

#include "base/mem.h"

#define STEP_MIN (100 * USEC_PER_MS)

struct measure *
measure_new(void)
{
	return mem_zalloc(sizeof(struct measure));
}

void
measure_free(struct measure *m)
{
	free(m);
}

void
measure_window(struct measure *m, usec_t from, usec_t duration)
{
	m->from = from;
	m->to = from + duration;
	m->step = duration / MEASURE_POINTS > STEP_MIN ? duration / MEASURE_POINTS : STEP_MIN;
	m->npoints = (int)((duration + m->step - 1) / m->step);
	if (m->npoints > MEASURE_POINTS)
		m->npoints = MEASURE_POINTS;
}

static bool
in_window(const struct measure *m, usec_t t)
{
	return t >= m->from && t < m->to;
}

/* The piece that holds t, which is in the window. */
static int
point_at(const struct measure *m, usec_t t)
{
	int i = (int)((t - m->from) / m->step);
	return i < m->npoints ? i : m->npoints - 1;
}

void
measure_accept(struct measure *m, int events, usec_t due, usec_t now)
{
	if (in_window(m, due))
		histogram_add(&m->accept, now - due);
	if (!in_window(m, now))
		return;
	m->accepted += events;
	m->point[point_at(m, now)].accepted += events;
}

void
measure_receipt(struct measure *m, int rule, bool in_course, usec_t due, usec_t now)
{
	if (in_window(m, due)) {
		histogram_add(&m->receipt[rule], now - due);
		if (in_course)
			histogram_add(&m->at[point_at(m, due)], now - due);
	}
	if (!in_window(m, now))
		return;
	m->received++;
	m->point[point_at(m, now)].received++;
}

void
measure_end(struct measure *m)
{
	for (int i = 0; i < m->npoints; i++) {
		struct measure_point *p = &m->point[i];
		p->p50 = histogram_quantile(&m->at[i], 0.5);
		p->p99 = histogram_quantile(&m->at[i], 0.99);
		p->max = m->at[i].max;
	}
}
