/* An endpoint as JSON (endpoint_out.h). */
#include "api/endpoint_out.h"

#include "api/endpoint_challenge.h"
#include "api/endpoint_shape.h"
#include "api/subscription.h"

static void
put_int_or_null(struct jw *j, const char *key, int64_t v)
{
	if (v)
		jw_put_i64(j, key, v);
	else
		jw_put_null(j, key);
}

/* Milliseconds as seconds, in as many digits as it takes: 50 is 0.05. */
static struct str
seconds(struct arena *a, int64_t ms)
{
	struct str s =
	    str_of(arena_printf(a, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000)));
	while (s.p[s.n - 1] == '0')
		s.n--;
	if (s.p[s.n - 1] == '.')
		s.n--;
	return s;
}

static void
put_retry_schedule(struct call *c, struct jw *j, const struct endpoint_row *e)
{
	jw_key(j, "retrySchedule");
	if (!e->has_retry_schedule) {
		jw_null(j);
		return;
	}
	jw_open_array(j);
	for (int i = 0; i < e->nretry_schedule; i++)
		jw_raw(j, seconds(c->arena, e->retry_schedule[i]));
	jw_close_array(j);
}

static void
put_time_or_null(struct jw *j, const char *key, struct wall t)
{
	if (t.us)
		jw_put_time(j, key, t);
	else
		jw_put_null(j, key);
}

/* What an operator wants to know first. */
static const char *
delivery_state(const struct endpoint_row *e)
{
	static const char *const texts[] = {
		[HOLD_CLOSED] = "active",
		[HOLD_OPEN] = "failing",
		[HOLD_DRAINING] = "draining",
		[HOLD_PAUSED] = "paused",
	};
	if (e->disabled)
		return "disabled";
	return e->unverified ? "unverified" : texts[e->hold];
}

static void
put_holding(struct jw *j, const struct endpoint_row *e)
{
	bool failing = e->hold == HOLD_OPEN && !e->disabled && !e->unverified;
	jw_put_bool(j, "paused", e->paused);
	jw_put_text_or_null(j, "ordering", e->ordering);
	jw_put_text(j, "headOfLine", e->head_of_line);
	jw_put_text(j, "deliveryState", str_of(delivery_state(e)));
	put_time_or_null(j, "failingSince", e->hold ? e->failing_since : (struct wall){ 0 });
	put_time_or_null(j, "nextProbeAt", failing ? e->probe_at : (struct wall){ 0 });
}

void
endpoint_put_fields(struct call *c, struct jw *j, const struct endpoint_row *e)
{
	jw_put_id(j, "id", ID_ENDPOINT, e->id);
	jw_put_text_or_null(j, "uid", e->uid);
	jw_put_text(j, "url", e->url);
	jw_put_text(j, "description", e->description);
	jw_put_i64(j, "version", e->version);
	jw_put_bool(j, "disabled", e->disabled);
	jw_put_text_or_null(j, "disabledReason", e->disabled_reason);
	subscription_put(j, e->event_types, e->nevent_types, e->channels, e->nchannels);
	put_int_or_null(j, "throttleRate", e->throttle_rate);
	put_int_or_null(j, "rateLimit", e->throttle_rate);
	put_retry_schedule(c, j, e);
	put_int_or_null(j, "timeoutMs", e->timeout_ms);
	put_int_or_null(j, "maxInFlight", e->max_in_flight);
	put_holding(j, e);
	endpoint_shape_put(j, e);
	endpoint_challenge_put(j, e);
	jw_put_time(j, "createdAt", e->created_at);
	jw_put_time(j, "updatedAt", e->updated_at);
}
