/* What the programs have in common that measure one part of the product alone: their options, when
 * to begin and to end, and the line of JSON that says what came of it.
 *
 * By time: load from the start on, measured after a warm-up for so many seconds. By number
 * (--events): exactly so many events, all of them measured; that is for tests, which look at the
 * account and not at the time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cpu.h"
#include "loop/loop.h"

struct part_options {
	int64_t events; /* 0: by time */
	int64_t seconds, warmup_ms;
	int64_t parallel; /* events under way at a time */
	int64_t payload_bytes;
	int64_t tree;          /* pid of the server whose PostgreSQL is measured too; 0: none */
	const char *mode;      /* NULL: the program's first */
	const char *url;       /* of the endpoint */
	const char *secret;    /* its key, as text */
	const char *run;       /* see payload_init */
	const char *ca_file;   /* NULL: the system's */
	const char *database;  /* connection string of a migrated database */
	const char *token_out; /* where to write a token */
};

/* -1 after having said what is wrong. */
int part_options_read(struct part_options *o, int argc, char **argv);
/* Ends the program when a required option is missing, or for any other reason not to go on. */
void part_require(const char *name, const char *value);
_Noreturn void part_die(const char *what, const char *why);

struct part {
	struct loop *loop;
	const struct part_options *options;
	int64_t started, done, failed;
	int64_t measured; /* of those done, within the window */
	usec_t from, to;  /* the window; 0: not yet */
	struct timer phase, give_up;
	bool stuck;
	struct cpu_watch watch;
	struct cpu_sample before, after;
};

void part_init(struct part *p, struct loop *l, const struct part_options *o);
void part_done(struct part *p);

/* May one more event be started? Then *ret_number is its number, from 0. */
bool part_next(struct part *p, int64_t *ret_number);
/* An event is through. */
void part_count(struct part *p, bool good);

/* Begins the phases and turns the loop until all that was started is through; what is started
 * before the loop turns is the caller's business. */
void part_run(struct part *p);
/* Writes the line to stdout. Returns the exit status: 0 when all that was started came through. */
int part_report(const struct part *p, const char *name);
