/* Validation of a posted event (message_in.h). The first thing that is wrong is told: this is the
 * busiest path, and its callers are programs. */
#include "api/message_in.h"

#include <stdarg.h>
#include <stdio.h>

#include "policy/name.h"

#define RETENTION_DAYS_MAX  90
#define RETENTION_HOURS_MAX 2160

static int PRINTF(3, 4) blame(struct call *c, const char *field, const char *fmt, ...)
{
	const char *const loc[] = { "body", field, NULL };
	char msg[160];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	call_invalid(c, loc, "%s", msg);
	return -1;
}

/* NULL when it is absent or null: most members may be either. */
static const struct slice_member *
get(const struct slice *s, const char *key)
{
	const struct slice_member *m = slice_get(s, key);
	return m && m->kind != SLICE_NULL ? m : NULL;
}

static int
read_event_type(struct call *c, const struct slice *s, struct ingest_event *ev)
{
	const struct slice_member *m = get(s, "eventType");
	if (!m)
		return blame(c, "eventType", "is required");
	if (m->kind != SLICE_STRING)
		return blame(c, "eventType", "must be a text");
	ev->event_type = slice_string(m, c->arena);
	if (!name_valid(ev->event_type))
		return blame(c, "eventType", "must be 1 to %d of a-z A-Z 0-9 - _ .", NAME_MAX_LEN);
	return 0;
}

static int
read_event_id(struct call *c, const struct slice *s, struct ingest_event *ev)
{
	const struct slice_member *m = get(s, "eventId");
	if (!m)
		return 0;
	if (m->kind != SLICE_STRING)
		return blame(c, "eventId", "must be a text");
	ev->event_id = slice_string(m, c->arena);
	if (!name_uid_valid(ID_MESSAGE, ev->event_id))
		return blame(c, "eventId",
		    "must be 1 to %d of a-z A-Z 0-9 - _ . and may not start with %s", NAME_MAX_LEN,
		    id_prefix(ID_MESSAGE));
	return 0;
}

static bool
has_channel(const struct ingest_event *ev, struct str channel)
{
	for (int i = 0; i < ev->nchannels; i++)
		if (str_eq(ev->channels[i], channel))
			return true;
	return false;
}

static int
read_channels(struct call *c, const struct slice *s, struct ingest_event *ev)
{
	const struct slice_member *m = get(s, "channels");
	struct str channels[INGEST_CHANNELS_MAX];
	struct err e;
	if (!m)
		return 0;
	int n = slice_strings(m, c->arena, channels, INGEST_CHANNELS_MAX, &e);
	if (n < 1)
		return blame(c, "channels", "must be a list of 1 to %d texts", INGEST_CHANNELS_MAX);
	for (int i = 0; i < n; i++) {
		if (!name_channel_valid(channels[i]))
			return blame(
			    c, "channels", "name %d has characters that it may not have", i + 1);
		if (!has_channel(ev, channels[i]))
			ev->channels[ev->nchannels++] = channels[i];
	}
	return 0;
}

static int
read_payload(struct call *c, const struct slice *s, struct ingest_event *ev)
{
	const struct slice_member *m = slice_get(s, "payload");
	if (!m)
		m = slice_get(s, "data");
	if (!m)
		return blame(c, "payload", "is required");
	if (m->kind != SLICE_OBJECT)
		return blame(c, "payload", "must be an object");
	ev->payload = m->value;
	return 0;
}

/* "transformationsParams": {"rawPayload": "…"} is sent verbatim, in the payload's place. */
static int
read_raw_payload(struct call *c, const struct slice *s, struct message_in *ret)
{
	const struct slice_member *m = get(s, "transformationsParams");
	struct slice inner;
	struct err e;
	if (!m)
		return 0;
	if (m->kind != SLICE_OBJECT || slice_object(m->value, &inner, &e))
		return blame(c, "transformationsParams", "must be an object");
	const struct slice_member *raw = get(&inner, "rawPayload");
	if (!raw)
		return 0;
	if (raw->kind != SLICE_STRING)
		return blame(c, "transformationsParams", "rawPayload must be a text");
	ret->event.payload = slice_string(raw, c->arena);
	ret->raw_payload = true;
	return 0;
}

/* Checked, so that a slip is told; what is kept how long is the server's setting. */
static int
check_retention(struct call *c, const struct slice *s, const char *name, int64_t max)
{
	const struct slice_member *m = get(s, name);
	int64_t value;
	if (!m || (m->kind == SLICE_NUMBER && str_to_i64(m->value, 1, max, &value) == 0))
		return 0;
	return blame(c, name, "must be an integer from 1 to %lld", (long long)max);
}

static int
read_application(struct call *c, const struct slice *s, struct str *ret)
{
	const struct slice_member *m = get(s, "application");
	if (!m)
		return 0;
	if (m->kind != SLICE_OBJECT)
		return blame(c, "application", "must be an object");
	*ret = m->value;
	return 0;
}

int
message_in_read(struct call *c, struct message_in *ret)
{
	static const char *const loc[] = { "body", NULL };
	struct slice s;
	struct err e;
	*ret = (struct message_in){ 0 };
	if (slice_object(c->rq->body, &s, &e)) {
		call_invalid_type(c, loc, "value_error.jsondecode", "%s", e.text);
		return -1;
	}
	struct ingest_event *ev = &ret->event;
	if (read_event_type(c, &s, ev) || read_payload(c, &s, ev) || read_event_id(c, &s, ev) ||
	    read_channels(c, &s, ev) || read_raw_payload(c, &s, ret) ||
	    check_retention(c, &s, "payloadRetentionPeriod", RETENTION_DAYS_MAX) ||
	    check_retention(c, &s, "payloadRetentionHours", RETENTION_HOURS_MAX))
		return -1;
	return read_application(c, &s, &ret->application);
}
