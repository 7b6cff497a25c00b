/* posthornd without a command: the service. Everything that a person can have got wrong is found
 * before the first worker starts, in the order in which it is cheap to find: settings, directory,
 * port, database, schema. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metric.h"

#include "command.h"
#include "database.h"
#include "dev.h"
#include "http/server.h"
#include "postgres.h"
#include "signals.h"
#include "supervisor.h"

struct service {
	struct config *config;
	struct dev dev;
	struct postgres postgres;
	int listen_fd;
	int port;
};

static int
worker_count(const struct config *c)
{
	cpu_set_t set;
	int cores = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	int n = c->workers > 0 ? (int)c->workers : c->dev ? cores / 2 : cores;
	if (n < 1)
		return 1;
	return n < METRIC_WORKERS_MAX ? n : METRIC_WORKERS_MAX;
}

/* "posthorn is ready: http://127.0.0.1:8071 (token in DIR/token)" */
static void
ready_line(const struct service *s, char *out, size_t size)
{
	const char *colon = strrchr(s->config->listen, ':');
	int host = colon ? (int)(colon - s->config->listen) : 0;
	int n = snprintf(
	    out, size, "posthorn is ready: http://%.*s:%d", host, s->config->listen, s->port);
	if (s->config->dev && s->dev.has_token && n > 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, " (token in %s/token)", s->dev.dir);
}

static int
supervise(struct service *s)
{
	char line[CONFIG_TEXT_MAX + DEV_PATH_MAX];
	bool hurry = false;
	ready_line(s, line, sizeof(line));
	signals_block();
	struct supervisor_env env = {
		.workers = worker_count(s->config),
		.listen_fd = s->listen_fd,
		.lock_fd = s->config->dev ? s->dev.lock_fd : -1,
		.postgres = s->config->dev ? &s->postgres : NULL,
		.ready_line = line,
	};
	LOG_INFO(SUPERVISOR_START, KV("version", POSTHORN_VERSION),
	    KV("listen", (const char *)s->config->listen), KV("workers", env.workers));
	int status = supervisor_run(s->config, &env, &hurry);
	if (s->config->dev)
		postgres_stop(&s->postgres, hurry);
	LOG_INFO(SUPERVISOR_EXIT, KV("status", status));
	return status;
}

static int
serve(struct service *s, struct err *e)
{
	const struct config *c = s->config;
	if (config_check(c, e) < 0 || http_listen(c->listen, &s->listen_fd, &s->port, e) < 0)
		return -1;
	if (database_check(c, e) < 0) {
		close(s->listen_fd);
		return -1;
	}
	return supervise(s);
}

/* From here a stop has to be noticed: there is a PostgreSQL to take down. */
static int
start_postgres(struct service *s, struct err *e)
{
	struct config *c = s->config;
	int applied;
	signals_block();
	if (postgres_start(&s->postgres, e) < 0)
		return -1;
	postgres_url(&s->postgres, c->database_url, sizeof(c->database_url));
	if (database_migrate(c, &applied, e) < 0)
		return -1;
	LOG_INFO(DEV_POSTGRES_START, KV("pid", (int64_t)s->postgres.child.pid),
	    KV("url", (const char *)c->database_url));
	return 0;
}

static int
serve_dev_in(struct service *s, struct err *e)
{
	if (config_check(s->config, e) < 0 ||
	    cluster_find(&s->postgres.cluster, s->dev.dir, e) < 0 ||
	    http_listen(s->config->listen, &s->listen_fd, &s->port, e) < 0)
		return -1;
	if (start_postgres(s, e) == 0)
		return supervise(s);
	postgres_stop(&s->postgres, false);
	close(s->listen_fd);
	return signals_stop_pending() ? 0 : -1;
}

static int
serve_dev(struct service *s, const char *arg, struct err *e)
{
	if (dev_open(&s->dev, arg, s->config, e) < 0)
		return -1;
	int status = serve_dev_in(s, e);
	dev_close(&s->dev);
	return status;
}

int
service_cmd(struct args *a, struct err *e)
{
	if (args_load_config(a, e) < 0)
		return -1;
	log_set_level(a->config.log_level);
	log_set_json(a->config.log_format == LOG_FORMAT_JSON);
	struct service s = { .config = &a->config, .listen_fd = -1 };
	return a->dev ? serve_dev(&s, a->dev, e) : serve(&s, e);
}
