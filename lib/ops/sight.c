/* Metrics and health.
 *
 * /livez says that the loop turns: it is answered by it. /readyz is red when something stalls, and
 * names it: the database, the lease, the appends, the results, the loop. A load balancer reads the
 * status; people read the lines. */
#include "ops/sight.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#define METRICS_MAX (1 << 20)
#define PAGE_MAX    8192
#define DOWN_MAX    USEC_PER_SEC       /* without a connection to the database */
#define STALL_MAX   (2 * USEC_PER_SEC) /* a loop turn */
#define STALL_LOG   USEC_PER_SEC
#define WATCH       USEC_PER_SEC

struct sight {
	struct sight_parts parts;
	struct timer watch;
	usec_t stalled_at; /* when a turn over STALL_MAX was seen last; 0: never */
	bool stopping;
};

struct check {
	const char *name;
	const char *wrong; /* NULL: all is well */
};

static const char *
check_database(const struct sight *s)
{
	usec_t down = pg_pool_down_since(s->parts.pool);
	return down && loop_now(s->parts.loop) - down <= DOWN_MAX ? NULL
								  : pg_pool_trouble(s->parts.pool);
}

static const char *
check_loop(const struct sight *s)
{
	return s->stalled_at && loop_now(s->parts.loop) - s->stalled_at < 10 * USEC_PER_SEC
		   ? "a turn of the event loop took over two seconds"
		   : NULL;
}

static void
on_livez(void *ctx, struct http_request *rq)
{
	(void)ctx;
	http_reply(rq, 200, "text/plain; charset=utf-8", STR("ok\n"), "");
}

static void
on_readyz(void *ctx, struct http_request *rq)
{
	const struct sight *s = ctx;
	const struct check checks[] = {
		{ "stop", s->stopping ? "the worker is stopping" : NULL },
		{ "database", check_database(s) },
		{ "sender", sender_stalled(s->parts.sender) },
		{ "append", ingest_stalled(s->parts.ingest) },
		{ "loop", check_loop(s) },
	};
	struct buf out;
	bool ok = true;
	buf_init(&out, PAGE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		const char *wrong = checks[i].wrong;
		ok = ok && !wrong;
		buf_addf(
		    &out, "[%c]%s %s\n", wrong ? '-' : '+', checks[i].name, wrong ? wrong : "ok");
	}
	buf_adds(&out, ok ? "ready\n" : "not ready\n");
	http_reply(
	    rq, ok ? 200 : 503, "text/plain; charset=utf-8", (struct str){ out.data, out.len }, "");
	buf_free(&out);
}

/* The process_ metrics that Prometheus clients share, of the answering worker. */
static void
put_process(struct buf *out)
{
	struct rusage use;
	getrusage(RUSAGE_SELF, &use);
	double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		     (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / (double)USEC_PER_SEC;
	buf_addf(out,
	    "# HELP process_cpu_seconds_total CPU time of the worker that answers\n"
	    "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.3f\n"
	    "# HELP process_resident_memory_max_bytes peak memory of the worker that answers\n"
	    "# TYPE process_resident_memory_max_bytes gauge\nprocess_resident_memory_max_bytes %ld\n"
	    "# HELP posthorn_build_info version of the program\n"
	    "# TYPE posthorn_build_info gauge\nposthorn_build_info{version=\"%s\"} 1\n",
	    cpu, use.ru_maxrss * 1024, POSTHORN_VERSION);
}

static void
on_metrics(void *ctx, struct http_request *rq)
{
	struct buf out;
	(void)ctx;
	buf_init(&out, METRICS_MAX);
	metric_render(&out);
	put_process(&out);
	http_reply(rq, 200, "text/plain; version=0.0.4; charset=utf-8",
	    (struct str){ out.data, out.len }, "");
	buf_free(&out);
}

static void
on_watch(void *arg)
{
	struct sight *s = arg;
	usec_t longest = loop_longest_turn(s->parts.loop);
	metric_set(METRIC_LOOP_STALL, longest);
	if (longest > STALL_LOG)
		LOG_WARN(WORKER_STALL, KV("ms", longest / USEC_PER_MS));
	if (longest > STALL_MAX)
		s->stalled_at = loop_now(s->parts.loop);
	timer_set(&s->watch, WATCH);
}

struct sight *
sight_new(const struct sight_parts *parts)
{
	struct sight *s = mem_zalloc(sizeof(*s));
	s->parts = *parts;
	timer_init(&s->watch, parts->loop, on_watch, s);
	timer_set(&s->watch, WATCH);
	api_add_path(parts->api, "/metrics", on_metrics, s);
	api_add_path(parts->api, "/livez", on_livez, s);
	api_add_path(parts->api, "/readyz", on_readyz, s);
	return s;
}

void
sight_free(struct sight *s)
{
	if (!s)
		return;
	timer_done(&s->watch);
	free(s);
}

void
sight_stop(struct sight *s)
{
	s->stopping = true;
}
