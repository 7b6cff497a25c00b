/* The report for people. */
#include "result.h"

static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999 };

static void
write_setting(const struct result *r, struct buf *out)
{
	const struct options *o = r->options;
	if (o->receive_only) {
		buf_addf(out, "receiving only, %lld B payload, %d endpoint%s, for %.1f s\n\n",
		    (long long)o->payload_bytes, r->fleet->endpoints,
		    r->fleet->endpoints == 1 ? "" : "s", (double)r->window / 1e6);
		return;
	}
	if (o->rate)
		buf_addf(out, "open loop, %lld/s, ", (long long)o->rate);
	else
		buf_adds(out, "closed loop, ");
	buf_addf(out, "%lld connections, ", (long long)o->connections);
	if (o->batch)
		buf_addf(out, "batches of %lld, ", (long long)o->batch);
	buf_addf(out,
	    "%lld B payload, %d application%s with %d endpoint%s%s%s, measured %.1f s\n\n",
	    (long long)o->payload_bytes, r->fleet->napps, r->fleet->napps == 1 ? "" : "s",
	    r->fleet->endpoints, r->fleet->endpoints == 1 ? "" : "s",
	    o->unmatched ? " that want none" : "", o->idempotency_key ? ", idempotency keys" : "",
	    (double)r->window / 1e6);
}

static void
write_account(const struct result *r, struct buf *out)
{
	const struct tally *t = &r->tally;
	buf_addf(out,
	    "events      %lld sent: %lld accepted, %lld refused, %lld unknown (%lld of them "
	    "delivered)",
	    (long long)t->sent, (long long)t->accepted, (long long)t->refused,
	    (long long)t->unknown, (long long)t->unknown_taken);
	if (r->unsent)
		buf_addf(out, ", %lld due and never sent", (long long)r->unsent);
	buf_addf(out, "\ndeliveries  %lld of %lld received, %lld missing", (long long)t->taken,
	    (long long)t->deliveries, (long long)t->missing);
	if (t->missing)
		buf_addf(out, " (the first: event %lld)", (long long)t->first_missing);
	buf_addf(out, ", %lld duplicates, %lld unexpected, %lld altered, %lld foreign",
	    (long long)t->repeated, (long long)t->unexpected, (long long)r->receiver.altered,
	    (long long)r->receiver.foreign);
	if (t->failing)
		buf_addf(out, "; %lld more failing by script", (long long)t->failing);
	buf_addf(out, "\nrequests    %lld received; signatures: %lld verified, %lld wrong\n",
	    (long long)t->attempts, (long long)r->receiver.verified, (long long)r->receiver.wrong);
	const struct tls_counts *tls = &r->receiver.tls;
	if (tls->handshakes + tls->failed)
		buf_addf(out,
		    "TLS         %lld handshakes, %lld of them resumed, %lld more failed\n",
		    (long long)tls->handshakes, (long long)tls->resumed, (long long)tls->failed);
	if (r->refusal[0])
		buf_addf(out, "refusal     %s\n", r->refusal);
	if (r->options->receive_only)
		return;
	if (r->drained >= 0)
		buf_addf(out, "drained     %.2f s after the end\n", (double)r->drained / 1e6);
	else
		buf_adds(out, "drained     NOT within the time\n");
}

static void
write_latency(const char *what, const struct histogram *h, struct buf *out)
{
	if (h->count == 0)
		return;
	buf_addf(out, "  %-22s", what);
	for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
		buf_addf(out, "%10.2f", (double)histogram_quantile(h, quantiles[i]) / 1000);
	buf_addf(out, "%10.2f\n", (double)h->max / 1000);
}

static void
write_latencies(const struct result *r, struct buf *out)
{
	const struct mix *mix = &r->fleet->mix;
	if (r->options->receive_only) { /* when events were due is not known here */
		buf_addf(
		    out, "\nthroughput  %.0f/s received\n", result_rate(r, r->measure->received));
		return;
	}
	buf_addf(out, "\nthroughput  %.0f/s accepted, %.0f/s received\n",
	    result_rate(r, r->measure->accepted), result_rate(r, r->measure->received));
	buf_addf(out, "\nlatency, ms             %10s%10s%10s%10s%10s\n", "p50", "p90", "p99",
	    "p99.9", "max");
	write_latency("accept", &r->measure->accept, out);
	for (int i = 0; i < mix->n; i++) {
		char what[64] = "receipt";
		if (mix->n > 1)
			snprintf(what, sizeof(what), "receipt, %s", mix->rule[i].name);
		write_latency(what, &r->measure->receipt[i], out);
	}
}

static void
write_cpu(const struct result *r, const char *name, int group, struct buf *out)
{
	struct cpu_group g = result_cpu(r, group);
	if (g.processes == 0)
		return;
	usec_t both = g.user + g.system;
	buf_addf(out, "  %-22s%10.1f%10.1f%10.1f%10.2f%10d%10.1f\n", name,
	    result_us_per_event(r, g.user), result_us_per_event(r, g.system),
	    result_us_per_event(r, both), r->window ? (double)both / (double)r->window : 0,
	    g.processes, (double)g.rss_peak_kib / 1024);
}

void
report_text(const struct result *r, struct buf *out)
{
	write_setting(r, out);
	write_account(r, out);
	write_latencies(r, out);
	buf_addf(out, "\nCPU, us an event        %10s%10s%10s%10s%10s%10s\n", "user", "system",
	    "both", "cores", "processes", "peak MiB");
	for (int i = 0; i < r->watch.ngroups; i++)
		write_cpu(r, r->watch.name[i], i, out);
	write_cpu(r, "this load", -1, out);
	if (r->wal_bytes >= 0)
		buf_addf(out, "\nWAL         %.0f B an accepted event\n", result_wal_per_event(r));
	buf_addf(out, "\nverdict     %s\n", result_is_good(r) ? "good" : "BAD");
}
