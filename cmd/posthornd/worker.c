/* The worker: makes the parts, runs the loop, takes the parts down in order.
 *
 * Drain (SIGTERM): /readyz turns red and the listener closes; idle connections go to other workers,
 * if there are any, or are closed; requests under way are answered; then
 * the sender finishes what is in flight, records it and releases its slots; then the loop ends. The
 * parts are freed in the reverse order of their making, the catalogue first: its pending answers go
 * to parts that still live. */
#include "worker.h"

#include <ares.h>
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "api/api.h"
#include "api/task_runner.h"
#include "handover.h"
#include "http/server.h"
#include "ingest/ingest.h"
#include "loop/loop.h"
#include "ops/maintenance.h"
#include "ops/notices.h"
#include "ops/sight.h"
#include "rest/cors.h"
#include "send/sender.h"
#include "store/catalogue.h"

#define CATALOGUE_APPS_MAX 100000
#define READY_CHECK        (5 * USEC_PER_MS)
/* Of a transaction at first; pools that meet longer ones allow a minute, on which retry.h counts.
 */
#define RUN_MAX        (10 * USEC_PER_SEC)
#define LOAD_MAX       (20 * USEC_PER_SEC) /* housekeeping and tasks among them */
#define REQUESTS_MAX   (5 * USEC_PER_SEC)  /* how long a drain waits for requests under way */
#define TIDY           (10 * USEC_PER_SEC) /* between two looks at the memory */
#define TIDY_IN_FLIGHT 256                 /* requests to subscribers; with more it waits */

struct worker {
	struct loop *loop;
	const struct config *config;
	const struct worker_env *env;
	struct token_key *token_key;
	struct pg_pool *api_pool, *append_pool, *record_pool, *load_pool, *lease_pool;
	struct pg_pool *read_pool; /* of the replica, or NULL */
	struct catalogue *catalogue;
	struct sender *sender;
	struct ingest *ingest;
	struct task_runner *tasks;
	struct api *api;
	struct http_server *server;
	struct handover *handover;
	struct sight *sight;
	struct maintenance *maintenance;
	struct notices *notices;
	struct timer ready, quiet, tidy;
	bool stopping;
	usec_t stop_since;
};

static struct pg_pool *
pool_at(struct worker *w, const char *url, const char *name, int connections, int waiting_max,
    usec_t wait_max, usec_t run_max)
{
	const struct pg_options o = {
		.url = url,
		.name = name,
		.connections = connections,
		.waiting_max = waiting_max,
		.wait_max = wait_max,
		.run_max = run_max,
		.prepare = w->config->database_prepare,
		.read_only = url == w->config->read_database_url,
	};
	return pg_pool_new(w->loop, &o);
}

static struct pg_pool *
pool(struct worker *w, const char *name, int connections, usec_t wait_max, usec_t run_max)
{
	return pool_at(w, w->config->database_url, name, connections, 0, wait_max, run_max);
}

static struct pg_pool *
api_pool(struct worker *w, const char *url, const char *name)
{
	int connections = (int)w->config->database_connections;
	return pool_at(w, url, name, connections, 2000, 5 * USEC_PER_SEC, RUN_MAX);
}

static void
make_pools(struct worker *w)
{
	usec_t lease = w->config->lease * USEC_PER_MS;
	w->api_pool = api_pool(w, w->config->database_url, "api");
	if (w->config->read_database_url[0] != '\0')
		w->read_pool = api_pool(w, w->config->read_database_url, "read");
	w->append_pool = pool(w, "append", 1, USEC_PER_SEC, RUN_MAX);
	w->record_pool = pool(w, "record", 1, USEC_PER_SEC, RUN_MAX);
	w->load_pool = pool(w, "load", 2, 2 * USEC_PER_SEC, LOAD_MAX);
	/* A beat that is not answered must not keep the next one from another connection. */
	w->lease_pool = pool(w, "lease", 1, lease / 2, lease / 2);
}

static int
make_parts(struct worker *w, struct err *e)
{
	if (config_token_key(w->config, &w->token_key, e))
		return -1;
	const struct sender_pools pools = { w->record_pool, w->load_pool, w->lease_pool };
	w->catalogue = catalogue_new(w->loop, w->load_pool, CATALOGUE_APPS_MAX);
	w->sender = sender_new(w->loop, w->config, w->catalogue, &pools, e);
	if (!w->sender)
		return -1;
	w->ingest =
	    ingest_new(w->loop, w->config, w->catalogue, w->sender, w->append_pool, w->load_pool);
	w->tasks = task_runner_new(w->loop, w->load_pool, w->sender);
	const struct rest_parts api = { w->loop, w->config, w->token_key, w->api_pool, w->read_pool,
		w->catalogue, w->sender, w->ingest, w->tasks };
	w->api = api_new(&api);
	const struct sight_parts sight = { w->loop, w->config, w->api, w->sender, w->ingest,
		w->api_pool, w->lease_pool };
	w->sight = sight_new(&sight);
	w->notices = notices_new(w->loop, w->load_pool, w->sender, w->ingest);
	w->maintenance = maintenance_new(w->loop, w->config, w->load_pool);
	return 0;
}

/* ---- starting ----------------------------------------------------------------------------- */

static void
serve(struct worker *w)
{
	struct http_limits limits;
	http_limits_default(&limits);
	limits.body_max = (size_t)w->config->body_max;
	limits.connections_max = (int)w->config->http_connections_max;
	w->server = http_server_new(w->loop, w->env->listen_fd, &limits, api_handle, w->api);
	http_server_refusal_headers(w->server, CORS_ANY_ORIGIN);
	w->handover = handover_new(w->loop, w->config, w->env, w->server);
	metric_set(METRIC_SERVING, 1);
	FAULT_POINT(WORKER_READY);
	ssize_t ignored = write(w->env->ready_fd, "r", 1);
	(void)ignored; /* the supervisor sees the pipe close when we end */
	LOG_INFO(WORKER_START, KV("pid", (int64_t)getpid()));
}

/* Serves from the moment the worker holds a slot. */
static void
on_ready_check(void *arg)
{
	struct worker *w = arg;
	int slot;
	int64_t epoch;
	if (w->stopping)
		return;
	if (sender_home(w->sender, &slot, &epoch))
		serve(w);
	else
		timer_set(&w->ready, READY_CHECK);
}

/* ---- stopping ----------------------------------------------------------------------------- */

static void
on_drained(void *arg)
{
	struct worker *w = arg;
	loop_stop(w->loop);
}

/* Waits for the requests under way; then the sender drains. */
static void
on_quiet_check(void *arg)
{
	struct worker *w = arg;
	bool quiet =
	    ingest_pending(w->ingest) == 0 && (!w->server || http_server_pending(w->server) == 0);
	if (quiet || loop_now(w->loop) - w->stop_since > REQUESTS_MAX)
		sender_drain(w->sender, on_drained, w);
	else
		timer_set(&w->quiet, READY_CHECK);
}

static void
on_stop(int signum, void *arg)
{
	struct worker *w = arg;
	if (w->stopping)
		return;
	w->stopping = true;
	w->stop_since = loop_now(w->loop);
	LOG_INFO(WORKER_STOP, KV("signal", signum));
	FAULT_POINT(WORKER_STOP);
	sight_stop(w->sight);
	task_runner_stop(w->tasks);
	metric_set(METRIC_SERVING, 0);
	handover_stop(w->handover);
	if (w->server)
		http_server_drain(w->server);
	/* Without us the port is free: when the supervisor was killed its successor may want it. */
	close(w->env->listen_fd);
	timer_set(&w->quiet, 0);
}

static void
free_parts(struct worker *w)
{
	handover_free(w->handover);
	if (w->server)
		http_server_free(w->server);
	maintenance_free(w->maintenance);
	task_runner_free(w->tasks);
	catalogue_free(w->catalogue);
	notices_stop(w->notices);
	ingest_free(w->ingest);
	notices_free(w->notices);
	sender_free(w->sender);
	pg_pool_free(w->api_pool);
	pg_pool_free(w->read_pool);
	pg_pool_free(w->append_pool);
	pg_pool_free(w->record_pool);
	pg_pool_free(w->load_pool);
	pg_pool_free(w->lease_pool);
	sight_free(w->sight);
	api_free(w->api);
	token_key_free(w->token_key);
	timer_done(&w->ready);
	timer_done(&w->quiet);
	timer_done(&w->tidy);
}

/* What a burst left in memory goes back to the kernel while there is little to do. */
static void
on_tidy(void *arg)
{
	struct worker *w = arg;
	if (metric_own(METRIC_IN_FLIGHT) < TIDY_IN_FLIGHT)
		mem_tidy();
	timer_set(&w->tidy, TIDY);
}

int
worker_main(const struct config *c, const struct worker_env *env)
{
	struct worker w = { .config = c, .env = env };
	struct err e;
	signal(SIGPIPE, SIG_IGN);
	FAULT_POINT(WORKER_BEGIN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	ares_library_init(ARES_LIB_INIT_ALL);
	w.loop = loop_new();
	loop_signal(w.loop, SIGTERM, on_stop, &w);
	loop_signal(w.loop, SIGINT, on_stop, &w);
	timer_init(&w.ready, w.loop, on_ready_check, &w);
	timer_init(&w.quiet, w.loop, on_quiet_check, &w);
	timer_init(&w.tidy, w.loop, on_tidy, &w);
	timer_set(&w.tidy, TIDY);
	make_pools(&w);
	int status = EX_OK;
	if (make_parts(&w, &e)) {
		LOG_ERROR(FATAL, KV("reason", e.text));
		status = err_exit_code(e.kind);
	} else {
		timer_set(&w.ready, 0);
		loop_run(w.loop);
	}
	free_parts(&w);
	loop_free(w.loop);
	ares_library_cleanup();
	curl_global_cleanup();
	return status;
}
