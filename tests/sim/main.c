/* sim: Posthorn's delivery state machine under a virtual clock.
 *
 *   sim --seeds 1-100000 [--events N] [--trace] [--hash] [--without PROTECTION]…
 *
 * Everything of lib/send, lib/ingest and lib/store/catalogue.c, and the pools of lib/pg, is the
 * real code, unchanged; what is below their interfaces is replaced, in this process, without
 * sockets, threads or a database:
 *
 *   sim_loop.c      loop/loop.h, base/clock.h: time jumps from one happening to the next (agenda.c)
 *   sim_session.c   pg/session.h: connections, over
 *   txn.c           transactions and locks of a model of PostgreSQL, with
 *   model_*.c       the statements by name, on
 *   table.c         tables in memory
 *   sim_client.c    http/client.h; receiver.c has the receivers' scripts
 *   sim_resolver.c  http/resolver.h
 *   dice.c          base/rand.h's rand_bytes
 *
 * A schedule is a seed: plan.c makes from it how many workers, endpoints and events there are, how
 * slow the server is, and which faults strike (trouble.c). world.c runs it. What must hold is
 * checked at every commit (ledger_rules.c: what would be lost if every worker died now?), after
 * every turn (node.c), at every request (sim_client.c) and at the end. The same seed gives the same
 * trace, byte for byte.
 *
 * --without switches off a protection of the model, to see that a seed is found that needs it.
 *
 * To find a bug: run seeds until one fails; it prints its number; run that one with --trace.
 * Where a new statement goes: model.h, model.c, and a function in the model_*.c of its noun. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ledger.h"
#include "model.h"
#include "trace.h"
#include "world.h"

struct options {
	uint64_t first, last;
	int events;
	bool hash;
};

static void
usage(void)
{
	fprintf(stderr,
	    "usage: sim --seeds FIRST[-LAST] [--events N] [--trace] [--hash] [--without NAME]...\n"
	    "protections:\n");
#define X(name, text, help) fprintf(stderr, "  %-10s %s\n", text, help);
	MODEL_PROTECTIONS(X)
#undef X
	exit(EX_USAGE);
}

static uint64_t
number(struct str text)
{
	int64_t v;
	if (str_to_i64(text, 0, INT64_MAX, &v))
		usage();
	return (uint64_t)v;
}

static void
read_seeds(struct options *o, const char *text)
{
	struct str rest = str_of(text), first;
	(void)str_split(&rest, '-', &first);
	o->first = o->last = number(first);
	if (rest.p)
		o->last = number(rest);
	if (o->last < o->first)
		usage();
}

static void
read_options(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(argv[i], "--trace") == 0) {
			trace_mode = TRACE_PRINT;
		} else if (strcmp(argv[i], "--hash") == 0) {
			o->hash = true;
			if (trace_mode == TRACE_OFF)
				trace_mode = TRACE_HASH;
		} else if (!value) {
			usage();
		} else if (strcmp(argv[i], "--seeds") == 0) {
			read_seeds(o, argv[++i]);
		} else if (strcmp(argv[i], "--events") == 0) {
			o->events = (int)number(str_of(argv[++i]));
		} else if (strcmp(argv[i], "--without") == 0) {
			if (model_switch_off(argv[++i]))
				usage();
		} else {
			usage();
		}
	}
	if (o->last == 0)
		usage();
}

/* An assertion of the product has failed: which seed was it? */
static void
on_abort(int signum)
{
	static const char text[] = "sim: aborted; the seed that ran last:\n";
	char digits[24];
	size_t n = sizeof(digits);
	(void)signum;
	digits[--n] = '\n';
	for (uint64_t v = trace_seed; v > 0; v /= 10)
		digits[--n] = (char)('0' + v % 10);
	ssize_t ignored = write(2, text, sizeof(text) - 1);
	ignored = write(2, digits + n, sizeof(digits) - n);
	(void)ignored;
}

static void
tell_sums(const struct options *o)
{
	const struct ledger_sums *s = &ledger_sums;
	printf("%" PRIu64 " schedules: %" PRId64 " messages, %" PRId64 " requests, %" PRId64
	       " repeated, %" PRId64 " by hand, %" PRId64 " dead letters, %" PRId64 " takeovers\n",
	    o->last - o->first + 1, s->messages, s->sent, s->repeated, s->by_hand, s->dead,
	    s->takeovers);
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	read_options(&o, argc, argv);
	signal(SIGABRT, on_abort);
	trace_events = o.events;
	setvbuf(stdout, NULL, _IOLBF, 1 << 16);
	for (uint64_t seed = o.first; seed <= o.last; seed++) {
		trace_reset();
		world_run(seed, o.events);
		if (o.hash)
			printf("%" PRIu64 " %016" PRIx64 "\n", seed, trace_hash());
	}
	tell_sums(&o);
	db_reset();
	return 0;
}
