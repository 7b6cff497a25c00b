/* The shared page of metrics: one row a worker, written only by it while it runs (and by the
 * supervisor that stops it, metric_put). Values are 64-bit and aligned,
 * so a reader of another process sees each whole; a reading is not a snapshot over several metrics,
 * and need not be one. */
#include "base/metric.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/attr.h"
#include "base/clock.h"

enum kind {
	KIND_COUNTER,
	KIND_GAUGE,
	KIND_GAUGE_MAX,
	KIND_GAUGE_EACH,
};

static const struct {
	enum kind kind;
	const char *name;
	const char *labels;
	const char *help;
} metrics[] = {
#define COUNTER(name, text, labels, help)    { KIND_COUNTER, text, labels, help },
#define GAUGE(name, text, labels, help)      { KIND_GAUGE, text, labels, help },
#define GAUGE_MAX(name, text, labels, help)  { KIND_GAUGE_MAX, text, labels, help },
#define GAUGE_EACH(name, text, labels, help) { KIND_GAUGE_EACH, text, labels, help },
#include "base/metrics.def"
};

static const struct {
	const char *name;
	const char *help;
} histograms[] = {
#define HISTOGRAM(name, text, help) { text, help },
#include "base/metrics.def"
};

/* Upper bounds in microseconds; the buckets of OpenTelemetry's HTTP durations, finer at the low end
 * where this service lives, and with the attempt deadlines at the high end. */
static const int64_t bounds[] = { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,
	250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000 };

struct histogram {
	int64_t bucket[ARRAY_LEN(bounds) + 1]; /* not cumulative; the last is +Inf */
	int64_t sum;                           /* microseconds */
};

struct row {
	_Alignas(64) int64_t value[METRIC_COUNT];
	struct histogram histogram[METRIC_H_COUNT];
};

static struct row private_row;
static struct row *rows = &private_row;
static int row_count = 1;
static struct row *mine = &private_row;

void
metric_page_init(int workers)
{
	assert(workers >= 1 && workers <= METRIC_WORKERS_MAX);
	void *page = mmap(NULL, sizeof(struct row) * (size_t)workers, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		abort();
	rows = page;
	row_count = workers;
	mine = rows;
}

void
metric_row_set(int worker)
{
	assert(worker >= 0 && worker < row_count);
	mine = &rows[worker];
	metric_row_clear(worker);
}

/* Plain loads and stores that the compiler may not split or merge. */
static int64_t
load(const int64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void
store(int64_t *p, int64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

void
metric_row_clear(int worker)
{
	for (int i = 0; i < METRIC_COUNT; i++)
		if (metrics[i].kind != KIND_COUNTER)
			metric_put((enum metric)i, worker, 0);
}

void
metric_put(enum metric m, int worker, int64_t v)
{
	store(&rows[worker].value[m], v);
}

void
metric_add(enum metric m, int64_t n)
{
	store(&mine->value[m], mine->value[m] + n);
}

void
metric_set(enum metric m, int64_t v)
{
	store(&mine->value[m], v);
}

void
metric_observe(enum metric_histogram h, int64_t usec)
{
	struct histogram *to = &mine->histogram[h];
	size_t i = 0;
	while (i < ARRAY_LEN(bounds) && usec > bounds[i])
		i++;
	store(&to->bucket[i], to->bucket[i] + 1);
	store(&to->sum, to->sum + usec);
}

int64_t
metric_get(enum metric m, int worker)
{
	return load(&rows[worker].value[m]);
}

int64_t
metric_own(enum metric m)
{
	return mine->value[m];
}

int64_t
metric_sum(enum metric m)
{
	int64_t sum = 0;
	for (int w = 0; w < row_count; w++) {
		int64_t v = metric_get(m, w);
		if (metrics[m].kind == KIND_GAUGE_MAX)
			sum = v > sum ? v : sum;
		else
			sum += v;
	}
	return sum;
}

int
metric_workers(void)
{
	return row_count;
}

static void
add_millionths(struct buf *out, int64_t v)
{
	buf_addf(out, "%.6f", (double)v / 1e6);
}

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), of_end = strlen(end);
	return n > of_end && strcmp(name + n - of_end, end) == 0;
}

static void
render_value(struct buf *out, const char *name, int64_t v)
{
	if (ends_with(name, "_seconds") || ends_with(name, "_ratio"))
		add_millionths(out, v);
	else
		buf_add_i64(out, v);
	buf_addc(out, '\n');
}

static void
render_each(struct buf *out, int m)
{
	for (int w = 0; w < row_count; w++) {
		buf_addf(out, "%s{worker=\"%d\"} ", metrics[m].name, w);
		render_value(out, metrics[m].name, metric_get((enum metric)m, w));
	}
}

static void
render_metric(struct buf *out, int m)
{
	const char *name = metrics[m].name;
	if (m == 0 || strcmp(name, metrics[m - 1].name) != 0)
		buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, metrics[m].help, name,
		    metrics[m].kind == KIND_COUNTER ? "counter" : "gauge");
	if (metrics[m].kind == KIND_GAUGE_EACH) {
		render_each(out, m);
		return;
	}
	buf_adds(out, name);
	if (metrics[m].labels[0])
		buf_addf(out, "{%s}", metrics[m].labels);
	buf_addc(out, ' ');
	render_value(out, name, metric_sum((enum metric)m));
}

static int64_t
bucket_sum(int h, size_t bucket)
{
	int64_t n = 0;
	for (int w = 0; w < row_count; w++)
		n += load(&rows[w].histogram[h].bucket[bucket]);
	return n;
}

static void
render_histogram(struct buf *out, int h)
{
	const char *name = histograms[h].name;
	int64_t count = 0, sum = 0;
	buf_addf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, histograms[h].help, name);
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		count += bucket_sum(h, i);
		buf_addf(out, "%s_bucket{le=\"%g\"} %lld\n", name,
		    (double)bounds[i] / (double)USEC_PER_SEC, (long long)count);
	}
	count += bucket_sum(h, ARRAY_LEN(bounds));
	for (int w = 0; w < row_count; w++)
		sum += load(&rows[w].histogram[h].sum);
	buf_addf(out, "%s_bucket{le=\"+Inf\"} %lld\n%s_sum ", name, (long long)count, name);
	add_millionths(out, sum);
	buf_addf(out, "\n%s_count %lld\n", name, (long long)count);
}

void
metric_render(struct buf *out)
{
	for (int m = 0; m < METRIC_COUNT; m++)
		render_metric(out, m);
	for (int h = 0; h < METRIC_H_COUNT; h++)
		render_histogram(out, h);
}
