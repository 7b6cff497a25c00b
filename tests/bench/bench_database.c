/* What PostgreSQL does for many workers, without the workers: each one here has its slot, its
 *append, record and lease connections, and the product's own batching and statements, but events
 *come out of a clock and every delivery succeeds at once.
 *
 *	bench_database URL WORKERS EVENTS_PER_SECOND SECONDS [PAYLOAD_BYTES]
 *
 * The database is migrated, and nobody else uses its slots. tests/bench/database runs it and adds
 *what the server's side shows. The rate is that of all workers together; 0 leaves the heartbeats
 *alone. Prints one JSON object. An event that is due waits for its worker's append to come back, as
 *in ingest; "behind" is how many waited at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/rand.h"

#include "histogram.h"
#include "ingest/batch.h"
#include "send/record.h"
#include "statements.h"

#define WORKERS_MAX   1000
#define APPS          100
#define WARMUP        (2 * USEC_PER_SEC)
#define DRAIN_MAX     (10 * USEC_PER_SEC)
#define PAYLOAD_MAX   65536
#define LEASE_MS      3600000 /* nobody adopts what we hold */
#define CHANGED_MS    3000
#define ENDPOINT      4711 /* any: attempts refer to nothing */
#define EVENTS_IN_SQL "posthorn.bench"

struct bench;

struct worker {
	struct bench *bench;
	struct pg_pool *append, *record, *lease;
	int slot;
	int64_t epoch;
	struct id_source ids;
	struct batch *batch;
	struct recorder *recorder;
	struct timer due, beat;
	usec_t phase;  /* when its first event is due, after the start */
	int64_t taken; /* events, since the start */
	struct message *flying[BATCH_EVENTS_MAX];
	int nflying;
	usec_t sent;
	struct arena *arena;
	struct buf marks[4];
	bool beating;
};

struct bench {
	struct loop *loop;
	struct config config;
	struct timer end;
	int nworkers;
	struct worker *worker;
	double interval; /* µs between two events of one worker */
	usec_t start, seconds;
	bool stopped, measured;
	struct cat_app app[APPS]; /* id and version */
	char payload[PAYLOAD_MAX];
	size_t payload_len;
	/* within the time that is measured */
	int64_t appended, appends, recorded, beats;
	struct histogram latency;
};

_Noreturn static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_database: %s: %s\n", what, why);
	exit(1);
}

/* ---- events ------------------------------------------------------------------------------- */

static void flush(struct worker *w);

static void
on_due(void *arg)
{
	flush(arg);
}

/* Delivered, the moment it was stored. */
static void
deliver(struct worker *w, struct message *m)
{
	struct delivery *d = delivery_new(m, ENDPOINT, w->slot, w->epoch);
	struct result *r = result_new(d);
	r->attempted = r->success = true;
	r->id = id_next(&w->ids, loop_wall(w->bench->loop));
	r->http_status = 200;
	r->duration_ms = 12;
	r->url_no = 1;
	recorder_add(w->recorder, r);
	message_unref(m);
}

static void
on_recorded(void *arg, struct result *r, bool held)
{
	struct worker *w = arg;
	w->bench->recorded += w->bench->measured && held;
	result_free(r);
}

static void
on_appended(void *arg, const struct pg_result *r, const struct err *e)
{
	struct worker *w = arg;
	struct bench *b = w->bench;
	if (e)
		die("append", e->text);
	if (pg_rows(r->res[r->n - 1]) != w->nflying)
		die("append", "rows are missing");
	if (b->measured) {
		b->appended += w->nflying;
		b->appends++;
		histogram_add(&b->latency, clock_mono() - w->sent);
	}
	int n = w->nflying;
	w->nflying = 0;
	for (int i = 0; i < n; i++)
		deliver(w, w->flying[i]);
	flush(w);
}

static int64_t
due_until(const struct worker *w, usec_t now)
{
	usec_t since = now - w->bench->start - w->phase;
	return since < 0 || w->bench->interval <= 0
		   ? 0
		   : (int64_t)((double)since / w->bench->interval) + 1;
}

static void
append(struct worker *w, int n)
{
	struct bench *b = w->bench;
	struct batch_row rows[BATCH_EVENTS_MAX];
	static const int64_t endpoint = ENDPOINT;
	const struct targets targets = { .n = 1, .ids = &endpoint };
	const struct ingest_event event = { .event_type = STR(EVENTS_IN_SQL),
		.payload = { b->payload, b->payload_len } };
	for (int i = 0; i < n; i++) {
		int app = (int)((w->taken + i) % APPS);
		struct message *m =
		    message_new(b->app[app].id, id_next(&w->ids, loop_wall(b->loop)),
			event.event_type, mem_strndup(b->payload, b->payload_len), b->payload_len);
		w->flying[i] = m;
		rows[i] = (struct batch_row){ &event, m, &b->app[app], targets };
	}
	w->taken += n;
	w->nflying = n;
	w->sent = clock_mono();
	batch_submit(
	    w->batch, w->append, w->slot, w->epoch, loop_wall(b->loop), rows, n, on_appended, w);
}

/* Everything that is due and fits; else a look when the next event is. */
static void
flush(struct worker *w)
{
	struct bench *b = w->bench;
	if (w->nflying || b->stopped || b->interval <= 0)
		return;
	usec_t now = clock_mono();
	int64_t n = due_until(w, now) - w->taken;
	if (n > 0) {
		append(w, n < BATCH_EVENTS_MAX ? (int)n : BATCH_EVENTS_MAX);
		return;
	}
	usec_t next = b->start + w->phase + (usec_t)((double)w->taken * b->interval);
	timer_set(&w->due, next > now ? next - now : 0);
}

/* ---- heartbeats --------------------------------------------------------------------------- */

static void
on_beat_answer(void *arg, const struct pg_result *r, const struct err *e)
{
	struct worker *w = arg;
	(void)r;
	if (e)
		die("beat", e->text);
	w->beating = false;
	w->bench->beats += w->bench->measured;
}

static void
on_beat(void *arg)
{
	struct worker *w = arg;
	struct pg_args args;
	struct pg_array array;
	if (w->bench->stopped)
		return;
	timer_set(&w->beat, USEC_PER_SEC);
	if (w->beating)
		return;
	arena_reset(w->arena);
	pg_args_init(&args, w->arena);
	pg_array_begin(&array, &w->marks[0], PG_INT2);
	pg_array_int2(&array, (int16_t)w->slot);
	pg_array_end(&array, &args);
	pg_array_begin(&array, &w->marks[1], PG_INT8);
	pg_array_int8(&array, w->epoch);
	pg_array_end(&array, &args);
	pg_array_begin(&array, &w->marks[2], PG_INT8);
	pg_array_int8(&array, w->ids.last);
	pg_array_end(&array, &args);
	pg_array_begin(&array, &w->marks[3], PG_TIMESTAMPTZ);
	pg_array_time(&array, loop_wall(w->bench->loop));
	pg_array_end(&array, &args);
	pg_arg_int8(&args, LEASE_MS);
	pg_arg_bool(&args, false);
	pg_arg_int8(&args, CHANGED_MS);
	const struct pg_call call = { &stmt_beat, &args };
	w->beating = true;
	pg_submit(w->lease, &call, 1, on_beat_answer, w);
}

/* ---- setting up --------------------------------------------------------------------------- */

static int64_t
ask(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	int64_t value;
	if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) == 0 ||
	    str_to_i64(str_of(PQgetvalue(r, 0, 0)), INT64_MIN, INT64_MAX, &value))
		die(sql, PQresultErrorMessage(r));
	PQclear(r);
	return value;
}

static void
make_apps(struct bench *b, PGconn *c)
{
	struct id_source ids;
	char sql[160];
	id_source_init(&ids, 0, 0);
	for (int i = 0; i < APPS; i++) {
		b->app[i].id = id_next(&ids, clock_wall());
		snprintf(sql, sizeof(sql),
		    "insert into app (id, org, name) values (%lld, 'org_bench', 'bench %d') "
		    "returning version",
		    (long long)b->app[i].id, i);
		b->app[i].version = ask(c, sql);
	}
}

static struct pg_pool *
pool(struct bench *b, const char *url, const char *name)
{
	const struct pg_options o = { .url = url, .name = name, .connections = 1, .prepare = true };
	return pg_pool_new(b->loop, &o);
}

/* The slots from the last one down: a server beside us takes any, most likely another. */
static void
worker_init(struct worker *w, struct bench *b, int number, const char *url, PGconn *c)
{
	char sql[200];
	w->bench = b;
	w->slot = ID_SLOTS - 1 - number;
	snprintf(sql, sizeof(sql),
	    "update slot set owner = 1, epoch = epoch + 1, lease_until = now() + interval '1 hour' "
	    "where id = %d and (owner is null or owner = 1) returning epoch",
	    w->slot);
	w->epoch = ask(c, sql);
	id_source_init(&w->ids, w->slot, 0);
	w->append = pool(b, url, "append");
	w->record = pool(b, url, "record");
	w->lease = pool(b, url, "lease");
	w->batch = batch_new(&b->config);
	const struct recorder_events ev = { w, on_recorded, NULL, NULL };
	w->recorder = recorder_new(b->loop, w->record, &ev);
	w->arena = arena_new();
	for (int i = 0; i < 4; i++)
		buf_init(&w->marks[i], 4096);
	timer_init(&w->due, b->loop, on_due, w);
	timer_init(&w->beat, b->loop, on_beat, w);
}

static bool
all_connected(const struct bench *b)
{
	for (int i = 0; i < b->nworkers; i++) {
		const struct worker *w = &b->worker[i];
		if (!pg_pool_ready(w->append) || !pg_pool_ready(w->record) ||
		    !pg_pool_ready(w->lease))
			return false;
	}
	return true;
}

static bool
all_idle(const struct bench *b)
{
	for (int i = 0; i < b->nworkers; i++) {
		const struct worker *w = &b->worker[i];
		if (w->nflying || w->beating || recorder_backlog(w->recorder))
			return false;
	}
	return true;
}

/* ---- the run ------------------------------------------------------------------------------ */

static void
on_phase(void *arg)
{
	struct bench *b = arg;
	if (!b->measured) {
		b->measured = true;
		puts("measuring"); /* for whoever reads the server's counters */
		fflush(stdout);
		timer_set(&b->end, b->seconds);
		return;
	}
	b->measured = false;
	b->stopped = true;
}

static void
run(struct bench *b)
{
	usec_t give_up = clock_mono() + DRAIN_MAX;
	while (!all_connected(b)) {
		loop_turn(b->loop, 100);
		if (clock_mono() > give_up)
			die("connecting", "not all connections came up; see max_connections");
	}
	b->start = clock_mono();
	for (int i = 0; i < b->nworkers; i++) {
		struct worker *w = &b->worker[i];
		w->phase = (usec_t)(b->interval * i / b->nworkers);
		timer_set(&w->beat, (usec_t)(USEC_PER_SEC * i / b->nworkers));
		flush(w);
	}
	timer_set(&b->end, WARMUP);
	while (!b->stopped)
		loop_turn(b->loop, 100);
}

static void
report(const struct bench *b, int64_t behind)
{
	double seconds = (double)b->seconds / USEC_PER_SEC;
	printf(
	    "{\"events\":%lld,\"eventsPerSecond\":%.1f,\"appends\":%lld,\"recorded\":%lld,"
	    "\"beats\":%lld,\"behind\":%lld,\"appendUs\":{\"p50\":%lld,\"p99\":%lld,\"max\":%lld}}\n",
	    (long long)b->appended, (double)b->appended / seconds, (long long)b->appends,
	    (long long)b->recorded, (long long)b->beats, (long long)behind,
	    (long long)histogram_quantile(&b->latency, 0.5),
	    (long long)histogram_quantile(&b->latency, 0.99), (long long)b->latency.max);
}

static int64_t
events_behind(const struct bench *b)
{
	int64_t n = 0;
	usec_t now = clock_mono();
	for (int i = 0; i < b->nworkers && b->interval > 0; i++)
		n += due_until(&b->worker[i], now) - b->worker[i].taken;
	return n;
}

static void
worker_done(struct worker *w)
{
	recorder_free(w->recorder);
	pg_pool_free(w->append);
	pg_pool_free(w->record);
	pg_pool_free(w->lease);
	batch_free(w->batch);
	arena_free(w->arena);
	for (int i = 0; i < 4; i++)
		buf_free(&w->marks[i]);
	timer_done(&w->due);
	timer_done(&w->beat);
}

static void
bench_init(struct bench *b, const char *url, int64_t rate, int64_t seconds, int64_t payload)
{
	struct err e;
	b->loop = loop_new();
	b->seconds = seconds * USEC_PER_SEC;
	b->interval = rate > 0 ? 1e6 * b->nworkers / (double)rate : 0;
	b->payload_len = (size_t)payload;
	rand_bytes(b->payload, b->payload_len); /* nothing that could be compressed */
	b->config.idempotency_ttl = b->config.retention = 86400000;
	b->worker = mem_zalloc(sizeof(*b->worker) * (size_t)b->nworkers);
	timer_init(&b->end, b->loop, on_phase, b);
	PGconn *c = pg_connect_sync(url, &e);
	if (!c)
		die("connecting", e.text);
	make_apps(b, c);
	for (int i = 0; i < b->nworkers; i++)
		worker_init(&b->worker[i], b, i, url, c);
	PQfinish(c);
}

static int64_t
number(const char *text, int64_t min, int64_t max)
{
	int64_t value;
	if (str_to_i64(str_of(text), min, max, &value))
		die(text, "not a number that is taken here");
	return value;
}

int
main(int argc, char **argv)
{
	if (argc < 5 || argc > 6)
		die("usage",
		    "bench_database URL WORKERS EVENTS_PER_SECOND SECONDS [PAYLOAD_BYTES]");
	struct bench *b = mem_zalloc(sizeof(*b));
	b->nworkers = (int)number(argv[2], 1, WORKERS_MAX);
	bench_init(b, argv[1], number(argv[3], 0, 10000000), number(argv[4], 1, 3600),
	    argc > 5 ? number(argv[5], 1, PAYLOAD_MAX) : 900);
	run(b);
	int64_t behind = events_behind(b);
	usec_t give_up = clock_mono() + DRAIN_MAX;
	while (!all_idle(b) && clock_mono() < give_up)
		loop_turn(b->loop, 10);
	report(b, behind);
	for (int i = 0; i < b->nworkers; i++)
		worker_done(&b->worker[i]);
	timer_done(&b->end);
	loop_free(b->loop);
	free(b->worker);
	free(b);
	return 0;
}
