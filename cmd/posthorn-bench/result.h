/* All that a run found out, for those who print it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "cpu.h"
#include "fleet.h"
#include "generator.h"
#include "measure.h"
#include "options.h"
#include "receiver.h"

struct result {
	const struct options *options; /* borrowed */
	const struct fleet *fleet;     /* borrowed */
	const struct measure *measure; /* borrowed */
	struct tally tally;
	struct receiver_counts receiver;
	int64_t unsent;
	char refusal[GENERATOR_REFUSAL_SIZE];
	usec_t window;  /* that was measured */
	usec_t drained; /* from the last event sent to the last one received; -1: not all were */
	struct cpu_watch watch;
	struct cpu_sample before, after; /* of the window */
	int64_t wal_bytes;               /* of the whole run; -1: not asked */
};

/* Nothing missing, no signature wrong, nothing altered or unexpected, and something was measured.
 */
bool result_is_good(const struct result *r);

double result_rate(const struct result *r, int64_t events);     /* per second */
double result_us_per_event(const struct result *r, usec_t cpu); /* received */
double result_wal_per_event(const struct result *r);            /* bytes */
/* Time of a group between the samples; negative is 0. group -1: this process. */
struct cpu_group result_cpu(const struct result *r, int group);

/* report_text.c, report_json.c, svg.c: in out, complete. */
void report_text(const struct result *r, struct buf *out);
void report_json(const struct result *r, struct buf *out);
void svg_draw(const struct result *r, struct buf *out);
