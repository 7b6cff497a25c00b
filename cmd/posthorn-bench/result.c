/* Figures that follow from the figures. */
#include "result.h"

bool
result_is_good(const struct result *r)
{
	const struct tally *t = &r->tally;
	return t->missing == 0 && t->unexpected == 0 && r->receiver.wrong == 0 &&
	       r->receiver.altered == 0 && t->accepted > 0;
}

double
result_rate(const struct result *r, int64_t events)
{
	return r->window > 0 ? (double)events * 1e6 / (double)r->window : 0;
}

double
result_us_per_event(const struct result *r, usec_t cpu)
{
	const bool accepts_only = r->options->endpoints == 0 || r->options->unmatched;
	int64_t n = accepts_only ? r->measure->accepted : r->measure->received;
	return n ? (double)cpu / (double)n : 0;
}

double
result_wal_per_event(const struct result *r)
{
	return r->tally.accepted ? (double)r->wal_bytes / (double)r->tally.accepted : 0;
}

static usec_t
not_negative(usec_t t)
{
	return t > 0 ? t : 0;
}

struct cpu_group
result_cpu(const struct result *r, int group)
{
	const struct cpu_group *a = group < 0 ? &r->before.own : &r->before.group[group];
	const struct cpu_group *b = group < 0 ? &r->after.own : &r->after.group[group];
	return (struct cpu_group){ .processes = b->processes,
		.user = not_negative(b->user - a->user),
		.system = not_negative(b->system - a->system),
		.rss_peak_kib = b->rss_peak_kib };
}
