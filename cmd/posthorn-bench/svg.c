/* Two charts over time, one above the other: throughput, and latency on a logarithmic scale. */
#include <math.h>

#include "result.h"

#define WIDTH   900
#define LEFT    70 /* for the labels of the axis */
#define RIGHT   130
#define HEIGHT  220 /* of a chart */
#define TOP     40
#define GAP     70
#define LOG_MIN 2 /* 100 µs: lowest decade of latency shown */

/* One axis: values to pixels. */
struct axis {
	double y;        /* of its lower end */
	double min, max; /* of what is drawn: the value, or its logarithm */
	bool log;
};

struct line {
	const char *name;
	const char *colour;
	int64_t (*value)(const struct measure_point *p);
};

static int64_t
accepted(const struct measure_point *p)
{
	return p->accepted;
}

static int64_t
received(const struct measure_point *p)
{
	return p->received;
}

static int64_t
p50(const struct measure_point *p)
{
	return p->p50;
}

static int64_t
p99(const struct measure_point *p)
{
	return p->p99;
}

static int64_t
highest(const struct measure_point *p)
{
	return p->max;
}

static const struct line throughput[] = {
	{ "accepted", "#2060c0", accepted },
	{ "received", "#20a060", received },
};
static const struct line latency[] = {
	{ "p50", "#20a060", p50 },
	{ "p99", "#d08000", p99 },
	{ "max", "#c03030", highest },
};

static double
axis_y(const struct axis *a, double v)
{
	double on = a->log ? log10(v > 1 ? v : 1) : v;
	double share = (on - a->min) / (a->max - a->min);
	return a->y - HEIGHT * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static void
draw_grid(const struct axis *a, double value, const char *label, struct buf *out)
{
	double y = axis_y(a, value);
	buf_addf(out,
	    "<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='#ddd'/>"
	    "<text x='%d' y='%.1f' text-anchor='end'>%s</text>\n",
	    LEFT, WIDTH - RIGHT, y, y, LEFT - 6, y + 4, label);
}

/* scale: what a point's value is multiplied by. */
static void
draw_line(const struct measure *m, const struct axis *a, const struct line *l, double scale,
    int row, struct buf *out)
{
	double step = (double)(WIDTH - LEFT - RIGHT) / m->npoints;
	buf_addf(out, "<polyline fill='none' stroke-width='1.5' stroke='%s' points='", l->colour);
	for (int i = 0; i < m->npoints; i++)
		buf_addf(out, "%.1f,%.1f ", LEFT + (i + 0.5) * step,
		    axis_y(a, (double)l->value(&m->point[i]) * scale));
	buf_addf(out, "'/><text x='%d' y='%.1f' fill='%s'>%s</text>\n", WIDTH - RIGHT + 8,
	    a->y - HEIGHT + 14 + 16 * row, l->colour, l->name);
}

/* The next 1, 2 or 5 times a power of ten. */
static double
round_up(double v)
{
	double decade = pow(10, floor(log10(v > 1 ? v : 1)));
	static const double steps[] = { 1, 2, 5, 10 };
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (v <= steps[i] * decade)
			return steps[i] * decade;
	return v;
}

static void
draw_throughput(const struct measure *m, struct buf *out)
{
	double per_second = 1e6 / (double)m->step, most = 1;
	for (int i = 0; i < m->npoints; i++) {
		const struct measure_point *p = &m->point[i];
		int64_t more = p->accepted > p->received ? p->accepted : p->received;
		most = fmax(most, (double)more * per_second);
	}
	struct axis a = { .y = TOP + HEIGHT, .max = round_up(most) };
	for (int i = 0; i <= 4; i++) {
		char label[32];
		snprintf(label, sizeof(label), "%.0f", a.max * i / 4);
		draw_grid(&a, a.max * i / 4, label, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(throughput); i++)
		draw_line(m, &a, &throughput[i], per_second, (int)i, out);
	buf_addf(out, "<text x='%d' y='%d'>events a second</text>\n", LEFT, TOP - 10);
}

static void
draw_latency(const struct measure *m, struct buf *out)
{
	int64_t most = 1000;
	for (int i = 0; i < m->npoints; i++)
		if (m->point[i].max > most)
			most = m->point[i].max;
	struct axis a = { .y = TOP + HEIGHT + GAP + HEIGHT,
		.min = LOG_MIN,
		.max = ceil(log10((double)most)),
		.log = true };
	for (int decade = LOG_MIN; decade <= (int)a.max; decade++) {
		char label[32];
		snprintf(label, sizeof(label), "%g ms", pow(10, decade - 3));
		draw_grid(&a, pow(10, decade), label, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(latency); i++)
		draw_line(m, &a, &latency[i], 1, (int)i, out);
	buf_addf(out,
	    "<text x='%d' y='%d'>from due to receipt, endpoints that answer at once</text>\n", LEFT,
	    TOP + HEIGHT + GAP - 10);
}

void
svg_draw(const struct result *r, struct buf *out)
{
	int bottom = TOP + HEIGHT + GAP + HEIGHT;
	buf_addf(out,
	    "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-size='12' "
	    "font-family='sans-serif'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
	    WIDTH, bottom + 40);
	draw_throughput(r->measure, out);
	draw_latency(r->measure, out);
	buf_addf(out,
	    "<text x='%d' y='%d'>0 s</text><text x='%d' y='%d' text-anchor='end'>%.1f s</text>\n"
	    "</svg>\n",
	    LEFT, bottom + 20, WIDTH - RIGHT, bottom + 20, (double)r->window / 1e6);
}
