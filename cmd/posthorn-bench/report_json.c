/* The report for programs: one object, times in microseconds. */
#include <math.h>

#include "base/jw.h"

#include "result.h"

static const struct {
	const char *key;
	double share;
} quantiles[] = {
	{ "p50", 0.5 },
	{ "p90", 0.9 },
	{ "p99", 0.99 },
	{ "p999", 0.999 },
};

static void
put_decimal(struct jw *j, const char *key, double v)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%.2f", isfinite(v) ? v : 0);
	jw_put_raw(j, key, (struct str){ text, (size_t)n });
}

static void
put_latency(struct jw *j, const char *key, const struct histogram *h)
{
	jw_key(j, key);
	jw_open_object(j);
	jw_put_i64(j, "count", h->count);
	for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
		jw_put_i64(j, quantiles[i].key, histogram_quantile(h, quantiles[i].share));
	jw_put_i64(j, "max", h->max);
	jw_close_object(j);
}

static void
put_setting(struct jw *j, const struct result *r)
{
	const struct options *o = r->options;
	jw_key(j, "setting");
	jw_open_object(j);
	jw_put_i64(j, "connections", o->connections);
	jw_put_i64(j, "rate", o->rate);
	jw_put_i64(j, "payloadBytes", o->payload_bytes);
	jw_put_i64(j, "applications", r->fleet->napps);
	jw_put_i64(j, "endpoints", r->fleet->endpoints);
	jw_put_i64(j, "batch", o->batch);
	jw_put_bool(j, "unmatched", o->unmatched);
	jw_put_text(j, "behaviour", str_of(o->behaviour));
	jw_put_bool(j, "idempotencyKey", o->idempotency_key);
	jw_put_i64(j, "windowUs", r->window);
	jw_close_object(j);
}

static void
put_account(struct jw *j, const struct result *r)
{
	const struct tally *t = &r->tally;
	const struct {
		const char *key;
		int64_t value;
	} rows[] = {
		{ "sent", t->sent },
		{ "accepted", t->accepted },
		{ "refused", t->refused },
		{ "unknown", t->unknown },
		{ "unknownReceived", t->unknown_taken },
		{ "unsent", r->unsent },
		{ "deliveries", t->deliveries },
		{ "received", t->taken },
		{ "missing", t->missing },
		{ "failingByScript", t->failing },
		{ "duplicates", t->repeated },
		{ "unexpected", t->unexpected },
		{ "altered", r->receiver.altered },
		{ "foreign", r->receiver.foreign },
		{ "requests", t->attempts },
		{ "signaturesVerified", r->receiver.verified },
		{ "signaturesWrong", r->receiver.wrong },
	};
	jw_key(j, "account");
	jw_open_object(j);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		jw_put_i64(j, rows[i].key, rows[i].value);
	jw_put_text(j, "firstRefusal", str_of(r->refusal));
	jw_close_object(j);
}

static void
put_cpu(struct jw *j, const struct result *r, const char *name, int group)
{
	struct cpu_group g = result_cpu(r, group);
	jw_key(j, name);
	jw_open_object(j);
	jw_put_i64(j, "processes", g.processes);
	put_decimal(j, "userUsPerEvent", result_us_per_event(r, g.user));
	put_decimal(j, "systemUsPerEvent", result_us_per_event(r, g.system));
	put_decimal(j, "usPerEvent", result_us_per_event(r, g.user + g.system));
	jw_put_i64(j, "peakKib", g.rss_peak_kib);
	jw_close_object(j);
}

static void
put_tls(struct jw *j, const struct result *r)
{
	const struct tls_counts *t = &r->receiver.tls;
	jw_key(j, "tls");
	jw_open_object(j);
	jw_put_i64(j, "handshakes", t->handshakes);
	jw_put_i64(j, "resumed", t->resumed);
	jw_put_i64(j, "failed", t->failed);
	jw_close_object(j);
}

static void
put_course(struct jw *j, const struct result *r)
{
	jw_put_i64(j, "courseStepUs", r->measure->step);
	jw_key(j, "course");
	jw_open_array(j);
	for (int i = 0; i < r->measure->npoints; i++) {
		const struct measure_point *p = &r->measure->point[i];
		jw_open_object(j);
		jw_put_i64(j, "accepted", p->accepted);
		jw_put_i64(j, "received", p->received);
		jw_put_i64(j, "p50", p->p50);
		jw_put_i64(j, "p99", p->p99);
		jw_put_i64(j, "max", p->max);
		jw_close_object(j);
	}
	jw_close_array(j);
}

void
report_json(const struct result *r, struct buf *out)
{
	struct jw j;
	jw_begin(&j, out);
	jw_open_object(&j);
	jw_put_bool(&j, "good", result_is_good(r));
	put_setting(&j, r);
	put_account(&j, r);
	put_decimal(&j, "acceptedPerSecond", result_rate(r, r->measure->accepted));
	put_decimal(&j, "receivedPerSecond", result_rate(r, r->measure->received));
	jw_put_i64(&j, "drainedUs", r->drained);
	put_latency(&j, "acceptUs", &r->measure->accept);
	jw_key(&j, "receiptUs");
	jw_open_object(&j);
	for (int i = 0; i < r->fleet->mix.n; i++)
		put_latency(&j, r->fleet->mix.rule[i].name, &r->measure->receipt[i]);
	jw_close_object(&j);
	jw_key(&j, "cpu");
	jw_open_object(&j);
	for (int i = 0; i < r->watch.ngroups; i++)
		put_cpu(&j, r, r->watch.name[i], i);
	put_cpu(&j, r, "load", -1);
	jw_close_object(&j);
	if (r->wal_bytes >= 0)
		put_decimal(&j, "walBytesPerEvent", result_wal_per_event(r));
	if (r->options->tls)
		put_tls(&j, r);
	put_course(&j, r);
	jw_close_object(&j);
	jw_end(&j);
	buf_addc(out, '\n');
}
