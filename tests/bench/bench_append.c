/* Appending alone: what the product stores of an event, by its own statements and builders, from
 * --parallel producers that each wait for the commit. All of them wait for the same one, so the
 * batches are of that size.
 *
 *	bench_append --mode message|keyed|attempt --database URL [--tree PID]
 *
 * message: ingest/batch, without and (keyed) with an Idempotency-Key. attempt: send/record with
 * successes, whose floor of 5 ms between two flushes bounds the rate; the CPU time counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/rand.h"

#include "ground.h"
#include "ingest/batch.h"
#include "part.h"
#include "payload.h"
#include "send/record.h"

/* The endpoint is told nothing here. */
#define NOWHERE "http://127.0.0.1:9/"
#define SECRET  "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

struct append {
	struct part part;
	struct ground ground;
	struct config config;
	struct payload payload;
	struct id_source ids;
	struct pg_pool *pool;
	/* message, keyed */
	bool keyed;
	struct batch *batch;
	int n; /* events of the batch under way */
	struct ingest_event event[BATCH_EVENTS_MAX];
	struct message *message[BATCH_EVENTS_MAX];
	/* attempt */
	struct recorder *recorder;
};

static int64_t
next_id(struct append *a)
{
	return id_next(&a->ids, loop_wall(a->part.loop));
}

static struct message *
make_message(struct append *a)
{
	return message_new(a->ground.app_id, next_id(a), STR("posthorn.bench"),
	    mem_strndup(a->payload.bytes, a->payload.n), a->payload.n);
}

/* ---- messages ----------------------------------------------------------------------------- */

static void append_batch(struct append *a);

static void
on_appended(void *arg, const struct pg_result *r, const struct err *e)
{
	struct append *a = arg;
	bool good = !e && pg_rows(r->res[r->n - 1]) == a->n;
	if (e)
		fprintf(stderr, "bench_append: %s\n", e->text);
	for (int i = 0; i < a->n; i++) {
		message_unref(a->message[i]);
		part_count(&a->part, good);
	}
	append_batch(a);
}

static void
append_batch(struct append *a)
{
	struct batch_row rows[BATCH_EVENTS_MAX];
	const struct cat_app app = { .id = a->ground.app_id, .version = a->ground.version };
	const struct targets targets = { .n = 1, .ids = &a->ground.endpoint_id };
	int64_t number;
	a->n = 0;
	while (a->n < a->part.options->parallel && part_next(&a->part, &number)) {
		struct message *m = make_message(a);
		struct ingest_event *ev = &a->event[a->n];
		*ev = (struct ingest_event){ .event_type = m->event_type, .payload = m->payload };
		ev->has_key = a->keyed;
		if (a->keyed) {
			rand_bytes(ev->key, sizeof(ev->key));
			rand_bytes(ev->body, sizeof(ev->body));
		}
		a->message[a->n] = m;
		rows[a->n] = (struct batch_row){ ev, m, &app, targets };
		a->n++;
	}
	if (a->n > 0)
		batch_submit(a->batch, a->pool, a->ground.slot, a->ground.epoch,
		    loop_wall(a->part.loop), rows, a->n, on_appended, a);
}

static void
run_messages(struct append *a)
{
	a->batch = batch_new(&a->config);
	append_batch(a);
	part_run(&a->part);
	batch_free(a->batch);
}

/* ---- attempts ----------------------------------------------------------------------------- */

static void
add_attempt(struct append *a)
{
	int64_t number;
	if (!part_next(&a->part, &number))
		return;
	struct message *m = make_message(a);
	struct delivery *d =
	    delivery_new(m, a->ground.endpoint_id, a->ground.slot, a->ground.epoch);
	message_unref(m);
	struct result *r = result_new(d);
	r->attempted = r->success = true;
	r->id = next_id(a);
	r->http_status = 200;
	r->duration_ms = 12;
	r->url_no = 1;
	recorder_add(a->recorder, r);
}

static void
on_recorded(void *arg, struct result *r, bool held)
{
	struct append *a = arg;
	result_free(r);
	part_count(&a->part, held);
	add_attempt(a);
}

static void
run_attempts(struct append *a)
{
	const struct recorder_events ev = { a, on_recorded, NULL };
	a->recorder = recorder_new(a->part.loop, a->pool, &ev);
	for (int64_t i = 0; i < a->part.options->parallel; i++)
		add_attempt(a);
	part_run(&a->part);
	recorder_free(a->recorder);
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* As many rows as were answered for; the smoke test's question more than the measurement's. */
static bool
all_stored(const struct append *a, const char *table)
{
	int64_t rows = ground_rows(&a->ground, a->part.options->database, table);
	if (rows == a->part.done)
		return true;
	fprintf(stderr, "bench_append: %lld rows for %lld events\n", (long long)rows,
	    (long long)a->part.done);
	return false;
}

int
main(int argc, char **argv)
{
	struct part_options o;
	struct append *a = mem_zalloc(sizeof(*a));
	if (part_options_read(&o, argc, argv))
		return 64;
	const char *mode = o.mode ? o.mode : "message";
	bool attempts = strcmp(mode, "attempt") == 0;
	a->keyed = strcmp(mode, "keyed") == 0;
	config_init(&a->config);
	payload_init(&a->payload, (size_t)o.payload_bytes, NULL);
	ground_make(&a->ground, o.database, NOWHERE, SECRET);
	id_source_init(&a->ids, a->ground.slot, 0);
	struct loop *l = loop_new();
	part_init(&a->part, l, &o);
	a->pool = ground_pool(l, o.database, "append");
	ground_wait(l, a->pool);
	if (attempts)
		run_attempts(a);
	else
		run_messages(a);
	int status = part_report(&a->part, mode);
	if (!all_stored(a, attempts ? "attempt" : "message"))
		status = 1;
	ground_clear(&a->ground, o.database);
	pg_pool_free(a->pool);
	part_done(&a->part);
	loop_free(l);
	payload_done(&a->payload);
	free(a);
	return status;
}
