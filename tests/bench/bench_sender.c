/* The sender alone, with a null record: deliveries are made in memory and go the product's way
 * through lanes, exchange, signing and client to a receiver (posthorn-bench --receive-only), and
 * what came of them counts as stored the moment it would be stored.
 *
 *	bench_sender --database URL --url URL --secret KEY --run NAME
 *
 * The linker replaces recorder_add of lib/send (-Wl,--wrap); all else is the product's, its slot
 * and its catalogue included, which is what the database is for: a beat a second. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#include "ground.h"
#include "part.h"
#include "post.h"
#include "send/record.h"
#include "send/sender.h"

#define HOME_MAX (30 * USEC_PER_SEC) /* until there is a slot */

struct bench {
	struct part part;
	struct poster poster;
	struct ground ground;
	struct config config;
	struct pg_pool *record, *load, *lease;
	struct catalogue *catalogue;
	struct sender *sender;
	bool drained;
};

/* ---- the null record ---------------------------------------------------------------------- */

/* What the sender gave recorder_new, and the results that it has given since. */
static struct {
	struct bench *bench;
	struct recorder_events ev;
	struct result_list list;
	struct defer defer;
} null;

/* The names are the linker's: calls of x reach __wrap_x, and __real_x is the x of the library. */
struct recorder *__real_recorder_new(
    struct loop *l, struct pg_pool *pool, const struct recorder_events *ev);
struct recorder *__wrap_recorder_new(
    struct loop *l, struct pg_pool *pool, const struct recorder_events *ev);
void __wrap_recorder_add(struct recorder *rec, struct result *r);

static void deliver(struct bench *b);

static void
on_stored(void *arg)
{
	struct result *r;
	(void)arg;
	while ((r = TAILQ_FIRST(&null.list))) {
		bool success = r->success;
		TAILQ_REMOVE(&null.list, r, entry);
		null.ev.recorded(null.ev.arg, r, true);
		part_count(&null.bench->part, success);
		deliver(null.bench);
	}
}

struct recorder *
__wrap_recorder_new(struct loop *l, struct pg_pool *pool, const struct recorder_events *ev)
{
	null.ev = *ev;
	TAILQ_INIT(&null.list);
	defer_init(&null.defer, l, on_stored, NULL);
	return __real_recorder_new(l, pool, ev);
}

void
__wrap_recorder_add(struct recorder *rec, struct result *r)
{
	(void)rec;
	TAILQ_INSERT_TAIL(&null.list, r, entry);
	defer_schedule(&null.defer);
}

/* ---- deliveries --------------------------------------------------------------------------- */

/* One more event, as ingest hands it over. */
static void
deliver(struct bench *b)
{
	int64_t number;
	if (!part_next(&b->part, &number))
		return;
	struct message *m = message_new(b->ground.app_id, sender_id(b->sender),
	    STR("posthorn.bench"), poster_payload(&b->poster, number), b->poster.payload.n);
	m->accepted = loop_now(b->part.loop);
	sender_expect(b->sender, m, 1);
	sender_deliver(b->sender, m, &b->ground.endpoint_id, 1);
	message_unref(m);
}

/* ---- the sender --------------------------------------------------------------------------- */

static void
sender_begin(struct bench *b)
{
	const char *database = b->part.options->database;
	struct loop *l = b->part.loop;
	struct err e;
	int slot;
	int64_t epoch;
	config_init(&b->config);
	log_set_level(LOG_LEVEL_ERROR);
	if (config_set(&b->config, "allow_addresses", "127.0.0.0/8", CONFIG_FROM_FLAG, &e))
		part_die("allow_addresses", e.text);
	b->record = ground_pool(l, database, "record");
	b->load = ground_pool(l, database, "load");
	b->lease = ground_pool(l, database, "lease");
	b->catalogue = catalogue_new(l, b->load, 100);
	const struct sender_pools pools = { b->record, b->load, b->lease };
	b->sender = sender_new(l, &b->config, b->catalogue, &pools, &e);
	if (!b->sender)
		part_die("sender", e.text);
	usec_t give_up = clock_mono() + HOME_MAX;
	while (!sender_home(b->sender, &slot, &epoch)) {
		loop_turn(l, 10);
		if (clock_mono() > give_up)
			part_die("sender", "no slot");
	}
}

static void
on_drained(void *arg)
{
	struct bench *b = arg;
	b->drained = true;
}

static void
sender_end(struct bench *b)
{
	sender_drain(b->sender, on_drained, b);
	while (!b->drained) /* bounded by stop_timeout */
		loop_turn(b->part.loop, 10);
	catalogue_free(b->catalogue);
	sender_free(b->sender);
	defer_cancel(&null.defer);
	pg_pool_free(b->record);
	pg_pool_free(b->load);
	pg_pool_free(b->lease);
}

int
main(int argc, char **argv)
{
	struct part_options o;
	struct bench b = { 0 };
	if (part_options_read(&o, argc, argv))
		return 64;
	signal(SIGPIPE, SIG_IGN);
	part_require("--url", o.url);
	poster_init(&b.poster, &o);
	ground_make(&b.ground, o.database, o.url, o.secret);
	struct loop *l = loop_new();
	part_init(&b.part, l, &o);
	null.bench = &b;
	sender_begin(&b);
	for (int64_t i = 0; i < o.parallel; i++)
		deliver(&b);
	part_run(&b.part);
	int status = part_report(&b.part, "sender");
	sender_end(&b);
	ground_clear(&b.ground, o.database);
	part_done(&b.part);
	loop_free(l);
	poster_done(&b.poster);
	return status;
}
