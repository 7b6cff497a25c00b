/* The phases: warm-up, window, and the end of what is under way. */
#include "part.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define GIVE_UP   (30 * USEC_PER_SEC) /* after the time is up, or with --events for all of it */
#define TEXTS_MAX 16

enum {
	FIRST_NUMBER = 'A',
	FIRST_TEXT = 'a'
};

static const struct part_options defaults = {
	.seconds = 5,
	.warmup_ms = 1000,
	.parallel = 64,
	.payload_bytes = 900,
};

_Noreturn void
part_die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, why);
	exit(1);
}

void
part_require(const char *name, const char *value)
{
	if (!value)
		part_die(name, "is needed");
}

int
part_options_read(struct part_options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "events", required_argument, NULL, FIRST_NUMBER },
		{ "seconds", required_argument, NULL, FIRST_NUMBER + 1 },
		{ "warmup-ms", required_argument, NULL, FIRST_NUMBER + 2 },
		{ "parallel", required_argument, NULL, FIRST_NUMBER + 3 },
		{ "payload-bytes", required_argument, NULL, FIRST_NUMBER + 4 },
		{ "tree", required_argument, NULL, FIRST_NUMBER + 5 },
		{ "mode", required_argument, NULL, FIRST_TEXT },
		{ "url", required_argument, NULL, FIRST_TEXT + 1 },
		{ "secret", required_argument, NULL, FIRST_TEXT + 2 },
		{ "run", required_argument, NULL, FIRST_TEXT + 3 },
		{ "ca-file", required_argument, NULL, FIRST_TEXT + 4 },
		{ "database", required_argument, NULL, FIRST_TEXT + 5 },
		{ "token-out", required_argument, NULL, FIRST_TEXT + 6 },
		{ 0 },
	};
	*o = defaults;
	struct {
		int64_t *to, min, max;
	} numbers[] = {
		{ &o->events, 1, 10000000 },
		{ &o->seconds, 1, 3600 },
		{ &o->warmup_ms, 0, 60000 },
		{ &o->parallel, 1, 512 },
		{ &o->payload_bytes, 64, 1048576 },
		{ &o->tree, 0, INT32_MAX },
	};
	const char **texts[] = { &o->mode, &o->url, &o->secret, &o->run, &o->ca_file, &o->database,
		&o->token_out };
	int c;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		size_t number = (size_t)(c - FIRST_NUMBER), text = (size_t)(c - FIRST_TEXT);
		if (c >= FIRST_TEXT && text < ARRAY_LEN(texts))
			*texts[text] = optarg;
		else if (c == '?' || number >= ARRAY_LEN(numbers))
			return -1;
		else if (str_to_i64(str_of(optarg), numbers[number].min, numbers[number].max,
			     numbers[number].to))
			part_die(optarg, "not in the range of its option");
	}
	return optind == argc ? 0 : -1;
}

/* ---- the phases --------------------------------------------------------------------------- */

static void
begin(struct part *p)
{
	cpu_sample(&p->watch, &p->before);
	p->from = clock_mono();
}

static void
end(struct part *p)
{
	p->to = clock_mono();
	cpu_sample(&p->watch, &p->after);
}

static void
stop_when_done(struct part *p)
{
	if (p->to && p->done == p->started)
		loop_stop(p->loop);
}

static void
on_phase(void *arg)
{
	struct part *p = arg;
	if (!p->from) {
		begin(p);
		timer_set(&p->phase, p->options->seconds * USEC_PER_SEC);
		return;
	}
	end(p);
	stop_when_done(p);
}

static void
on_give_up(void *arg)
{
	struct part *p = arg;
	p->stuck = true;
	loop_stop(p->loop);
}

void
part_init(struct part *p, struct loop *l, const struct part_options *o)
{
	struct err e;
	*p = (struct part){ .loop = l, .options = o };
	timer_init(&p->phase, l, on_phase, p);
	timer_init(&p->give_up, l, on_give_up, p);
	if (cpu_watch_init(&p->watch, o->tree ? "postgres" : "", (int)o->tree, &e))
		part_die("CPU time", e.text);
}

void
part_done(struct part *p)
{
	timer_done(&p->phase);
	timer_done(&p->give_up);
}

bool
part_next(struct part *p, int64_t *ret_number)
{
	const struct part_options *o = p->options;
	if (o->events ? p->started == o->events : p->to != 0)
		return false;
	*ret_number = p->started++;
	return true;
}

void
part_count(struct part *p, bool good)
{
	p->done++;
	p->failed += !good;
	if (p->from && !p->to)
		p->measured++;
	if (p->options->events && p->done == p->options->events)
		end(p);
	stop_when_done(p);
}

void
part_run(struct part *p)
{
	const struct part_options *o = p->options;
	usec_t load = o->events ? 0 : o->warmup_ms * USEC_PER_MS + o->seconds * USEC_PER_SEC;
	if (o->events)
		begin(p);
	else
		timer_set(&p->phase, o->warmup_ms * USEC_PER_MS);
	timer_set(&p->give_up, load + GIVE_UP);
	loop_run(p->loop);
}

/* ---- the report --------------------------------------------------------------------------- */

static void
print_cpu(const char *name, const struct cpu_group *a, const struct cpu_group *b, int64_t events)
{
	printf(",\"%s\":{\"userUs\":%.3f,\"systemUs\":%.3f}", name,
	    (double)(b->user - a->user) / (double)events,
	    (double)(b->system - a->system) / (double)events);
}

int
part_report(const struct part *p, const char *name)
{
	bool good = !p->stuck && p->failed == 0 && p->done == p->started && p->measured > 0;
	int64_t events = p->measured ? p->measured : 1;
	printf("{\"part\":\"%s\",\"good\":%s,\"started\":%lld,\"done\":%lld,\"failed\":%lld,"
	       "\"parallel\":%lld,\"measured\":%lld,\"perSecond\":%.1f",
	    name, good ? "true" : "false", (long long)p->started, (long long)p->done,
	    (long long)p->failed, (long long)p->options->parallel, (long long)p->measured,
	    p->to > p->from ? (double)p->measured * 1e6 / (double)(p->to - p->from) : 0);
	print_cpu("own", &p->before.own, &p->after.own, events);
	if (p->watch.ngroups)
		print_cpu("postgres", &p->before.group[0], &p->after.group[0], events);
	puts("}");
	return good ? 0 : 1;
}
