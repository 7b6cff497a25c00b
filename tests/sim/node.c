/* Nodes (node.h). */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

#include "send/sender-internal.h"
#include "send/slot-internal.h"
#include "sim_loop.h"
#include "table.h"
#include "trace.h"

#define CATALOGUE_APPS_MAX 1000
#define RUN_MAX            (60 * USEC_PER_SEC)
#define RESULTS_MAX        20000 /* as sender.c */

static struct pg_pool *
pool(struct node *n, const char *name, int connections, usec_t wait_max, usec_t run_max)
{
	const struct pg_options o = {
		.url = "",
		.name = name,
		.connections = connections,
		.wait_max = wait_max,
		.run_max = run_max,
		.prepare = true,
	};
	return pg_pool_new(n->loop, &o);
}

struct node *
node_new(const struct config *c, int number)
{
	struct node *n = mem_zalloc(sizeof(*n));
	struct err e;
	usec_t lease = c->lease * USEC_PER_MS;
	snprintf(n->name, sizeof(n->name), "n%d", number);
	n->loop = loop_new();
	sim_loop_set_name(n->loop, n->name);
	sim_loop_enter(n->loop);
	n->append = pool(n, "append", 1, USEC_PER_SEC, RUN_MAX);
	n->record = pool(n, "record", 1, USEC_PER_SEC, RUN_MAX);
	n->load = pool(n, "load", 2, 2 * USEC_PER_SEC, RUN_MAX);
	n->lease = pool(n, "lease", 1, lease / 2, lease / 2);
	n->api = pool(n, "api", 1, 5 * USEC_PER_SEC, RUN_MAX);
	n->catalogue = catalogue_new(n->loop, n->load, CATALOGUE_APPS_MAX);
	const struct sender_pools pools = { n->record, n->load, n->lease };
	n->sender = sender_new(n->loop, c, n->catalogue, &pools, &e);
	n->ingest = ingest_new(n->loop, c, n->catalogue, n->sender, n->append, n->load);
	sim_loop_enter(NULL);
	TRACE("%s starts", n->name);
	return n;
}

/* What is counted up and down is back at nothing when all is freed. */
static void
check_freed(const struct node *n)
{
	static const struct {
		enum metric metric;
		const char *name;
	} gauges[] = {
		{ METRIC_QUEUED_BYTES, "payload bytes" },
		{ METRIC_RECORD_BACKLOG, "results" },
		{ METRIC_IN_FLIGHT, "exchanges" },
		{ METRIC_RETRIES_LOADED, "retries" },
		{ METRIC_CATALOGUE_APPS, "applications" },
		{ METRIC_PG_WAITING, "waiting transactions" },
	};
	for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
		if (sim_loop_metrics(n->loop)[gauges[i].metric])
			violation("%s: %lld %s are left", n->name,
			    (long long)sim_loop_metrics(n->loop)[gauges[i].metric], gauges[i].name);
}

void
node_free(struct node *n)
{
	TRACE("%s ends", n->name);
	n->dying = true;
	sim_loop_enter(n->loop);
	catalogue_free(n->catalogue);
	ingest_free(n->ingest);
	sender_free(n->sender);
	pg_pool_free(n->append);
	pg_pool_free(n->record);
	pg_pool_free(n->load);
	pg_pool_free(n->lease);
	pg_pool_free(n->api);
	sim_loop_enter(NULL);
	check_freed(n);
	loop_free(n->loop);
	free(n);
}

static void
on_drained(void *arg)
{
	struct node *n = arg;
	n->drained = true;
}

static void
drain(void *arg)
{
	struct node *n = arg;
	sender_drain(n->sender, on_drained, n);
}

void
node_stop(struct node *n)
{
	TRACE("%s is to stop", n->name);
	n->stopping = true;
	n->stop_since = agenda_now();
	sim_loop_call(n->loop, drain, n);
}

void
node_check(const struct node *n, const struct config *c)
{
	const struct sender *s = n->sender;
	if (exchanges_in_flight(s->exchanges) > c->in_flight_max)
		violation("%d requests are under way", exchanges_in_flight(s->exchanges));
	if (recorder_backlog(s->recorder) > RESULTS_MAX)
		violation("%d results wait", recorder_backlog(s->recorder));
	if (!slots_confirmed(s->slots) || s->slots->releasing)
		return;
	for (int i = 0; i < s->slots->n; i++) {
		const struct slot *slot = s->slots->slot[i];
		if (db.slot[slot->id].now.epoch != slot->epoch)
			violation("%s thinks to hold slot %d under epoch %lld, which is %lld",
			    n->name, slot->id, (long long)slot->epoch,
			    (long long)db.slot[slot->id].now.epoch);
	}
}

void
node_check_quiet(const struct node *n)
{
	const struct slots *s = n->sender->slots;
	for (int i = 0; i < s->n; i++)
		if (!TAILQ_EMPTY(&s->slot[i]->old) || !TAILQ_EMPTY(&s->slot[i]->fresh))
			violation("%s waits for a message of slot %d, which is resolved", n->name,
			    s->slot[i]->id);
}

void
node_check_apart(const struct node *a, const struct node *b)
{
	const struct slots *x = a->sender->slots, *y = b->sender->slots;
	if (!slots_confirmed(x) || !slots_confirmed(y) || x->releasing || y->releasing)
		return;
	for (int i = 0; i < x->n; i++)
		if (slots_epoch(y, x->slot[i]->id) >= 0)
			violation("%s and %s both think to hold slot %d", a->name, b->name,
			    x->slot[i]->id);
}
