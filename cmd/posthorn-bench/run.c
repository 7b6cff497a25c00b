/* The phases of a run, each begun by a timer of its own:
 *
 *     warm-up ──> window ──> drain ──> linger ──> report
 *
 * The window is bounded by two samples of CPU time. Draining ends when every event was answered and
 * everything accepted has arrived, or its time is up; lingering lets duplicates show themselves. */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "account.h"
#include "cpu.h"
#include "fleet.h"
#include "generator.h"
#include "measure.h"
#include "payload.h"
#include "peer.h"
#include "receiver.h"
#include "result.h"
#include "setup.h"
#include "wal.h"

#define LOOK     (10 * USEC_PER_MS)  /* how often draining looks */
#define LINGER   (250 * USEC_PER_MS) /* for duplicates */
#define FOR_EVER (24 * 3600 * USEC_PER_SEC)

struct run {
	const struct options *options;
	struct loop *loop;
	struct peer peer;
	struct payload payload;
	struct fleet fleet;
	struct account *account;
	struct measure *measure;
	struct receiver *receiver;
	struct generator *generator;
	struct timer timer; /* of the phase */
	usec_t ended;       /* when the window was */
	usec_t give_up;     /* draining */
	struct result result;
};

static void on_window(void *arg);
static void on_end(void *arg);
static void on_look(void *arg);
static void on_done(void *arg);

static void
run_phase(struct run *r, void (*fn)(void *arg), usec_t after)
{
	r->timer.fn = fn;
	timer_set(&r->timer, after);
}

static void
on_window(void *arg)
{
	struct run *r = arg;
	cpu_sample(&r->result.watch, &r->result.before);
	run_phase(r, on_end, r->measure->to - clock_mono());
}

static void
on_end(void *arg)
{
	struct run *r = arg;
	r->ended = clock_mono();
	r->result.window = r->ended < r->measure->to ? r->ended - r->measure->from
						     : r->measure->to - r->measure->from;
	cpu_sample(&r->result.watch, &r->result.after);
	generator_stop(r->generator);
	r->give_up = r->ended + r->options->drain * USEC_PER_MS;
	run_phase(r, on_look, 0);
}

static void
on_look(void *arg)
{
	struct run *r = arg;
	usec_t now = clock_mono();
	bool done = generator_is_done(r->generator) && account_outstanding(r->account) == 0;
	if (done)
		r->result.drained = now - r->ended;
	if (!done && now < r->give_up) {
		run_phase(r, on_look, LOOK);
		return;
	}
	r->result.unsent = generator_unsent(r->generator);
	generator_cut(r->generator);
	run_phase(r, on_done, LINGER);
}

static void
on_done(void *arg)
{
	struct run *r = arg;
	loop_stop(r->loop);
}

/* The first Ctrl-C ends the load, the second the wait. */
static void
on_interrupt(UNUSED int signum, void *arg)
{
	struct run *r = arg;
	if (r->options->receive_only) {
		loop_stop(r->loop);
		return;
	}
	if (!r->generator)
		_exit(130);
	generator_cut(r->generator);
	if (r->ended)
		r->give_up = 0;
	else
		run_phase(r, on_end, 0);
}

static void
load(struct run *r)
{
	usec_t warmup = r->options->warmup * USEC_PER_MS;
	usec_t duration = r->options->duration * USEC_PER_MS;
	r->generator =
	    generator_new(r->loop, r->options, &r->peer, &r->fleet, r->account, r->measure);
	measure_window(r->measure, clock_mono() + warmup, duration);
	generator_start(r->generator, warmup + duration);
	run_phase(r, on_window, r->measure->from - clock_mono());
	loop_run(r->loop);
}

static void
conclude(struct run *r, struct buf *report, struct buf *drawing)
{
	struct result *result = &r->result;
	measure_end(r->measure);
	account_tally(r->account, &result->tally);
	receiver_counts(r->receiver, &result->receiver);
	if (r->generator)
		snprintf(result->refusal, sizeof(result->refusal), "%s",
		    generator_refusal(r->generator));
	if (strcmp(r->options->output, "json") == 0)
		report_json(result, report);
	else
		report_text(result, report);
	if (drawing)
		svg_draw(result, drawing);
}

/* Every connection and each of the server's is a descriptor; the default limit is 1024. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
prepare(struct run *r, struct err *e)
{
	const struct options *o = r->options;
	raise_descriptor_limit();
	signal(SIGPIPE, SIG_IGN);
	if ((!o->receive_only && peer_init(&r->peer, o->url, o->token, e)) ||
	    cpu_watch_init(&r->result.watch, o->processes, (int)o->tree, e) ||
	    fleet_init(&r->fleet, o->apps, o->endpoints, o->behaviour, e))
		return -1;
	payload_init(&r->payload, (size_t)o->payload_bytes, NULL);
	/* Without a match, whatever arrives is one too many. */
	r->account = account_new(o->unmatched ? 0 : r->fleet.endpoints, r->fleet.takes_all);
	r->measure = measure_new();
	r->loop = loop_new();
	timer_init(&r->timer, r->loop, on_window, r);
	loop_signal(r->loop, SIGINT, on_interrupt, r);
	loop_signal(r->loop, SIGTERM, on_interrupt, r);
	r->result = (struct result){ .options = o,
		.fleet = &r->fleet,
		.measure = r->measure,
		.watch = r->result.watch,
		.drained = -1,
		.wal_bytes = -1 };
	r->receiver = receiver_new(r->loop, o, &r->fleet, &r->payload, r->account, r->measure, e);
	return r->receiver ? 0 : -1;
}

static void
release(struct run *r)
{
	generator_free(r->generator);
	receiver_free(r->receiver);
	if (r->loop)
		timer_done(&r->timer);
	loop_free(r->loop);
	measure_free(r->measure);
	account_free(r->account);
	payload_done(&r->payload);
	fleet_done(&r->fleet);
}

/* Between the creation of the applications and their end. */
static int
run_load(struct run *r, struct buf *report, struct buf *drawing, struct err *e)
{
	const char *command = r->options->wal_command;
	int64_t before = 0, after = 0;
	if (command && wal_position(command, &before, e))
		return -1;
	load(r);
	if (command && wal_position(command, &after, e))
		return -1;
	if (command)
		r->result.wal_bytes = after - before;
	conclude(r, report, drawing);
	return result_is_good(&r->result) ? 0 : 1;
}

/* What a producer has to know: for each endpoint its URL, its key and the run's name. */
static void
announce(const struct run *r)
{
	for (int i = 0; i < r->fleet.nhooks; i++) {
		char url[RECEIVER_URL_SIZE], secret[SIGN_TEXT_SIZE];
		sign_key_to_text(&r->fleet.hook[i].secret, secret);
		fprintf(stderr, "receiving %s %s %s\n", receiver_url(r->receiver, i, url), secret,
		    r->payload.run);
		explicit_bzero(secret, sizeof(secret));
	}
}

/* Until interrupted. What is measured goes from the first event to the last; before and after them
 * nothing happens, so the samples of CPU time may be taken outside. */
static int
run_receiver(struct run *r, struct buf *report, struct buf *drawing)
{
	struct receiver_counts counts;
	measure_window(r->measure, clock_mono(), FOR_EVER);
	cpu_sample(&r->result.watch, &r->result.before);
	announce(r);
	loop_run(r->loop);
	cpu_sample(&r->result.watch, &r->result.after);
	receiver_counts(r->receiver, &counts);
	r->result.window = counts.last - counts.first;
	conclude(r, report, drawing);
	return result_is_good(&r->result) ? 0 : 1;
}

int
run_bench(const struct options *o, struct buf *report, struct buf *drawing, struct err *e)
{
	struct run r = { .options = o };
	struct err ignored;
	int rc = prepare(&r, e);
	if (rc == 0 && o->receive_only) {
		rc = run_receiver(&r, report, drawing);
	} else if (rc == 0) {
		rc = setup_create(r.loop, o, &r.peer, &r.fleet, &r.payload, r.receiver, e);
		if (rc == 0)
			rc = run_load(&r, report, drawing, e);
		if (!o->keep && setup_delete(r.loop, o, &r.peer, &r.fleet, rc < 0 ? &ignored : e))
			rc = -1;
	}
	release(&r);
	return rc;
}
