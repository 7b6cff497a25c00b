/* Validation of a posted event (message_in.h). The first thing that is wrong is told: this is the
 * busiest path, and its callers are programs. */
#include "api/message_in.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

#include "policy/name.h"

#define ORDERING_KEY_MAX    256 /* characters */
#define TAGS_MAX            32
#define TAG_MAX             128 /* characters */
#define RETENTION_DAYS_MAX  90
#define RETENTION_HOURS_MAX 2160
#define HOUR                (3600 * USEC_PER_SEC)
/* "One minute from now" has become a little less on its way. */
#define DELIVER_MIN (59 * USEC_PER_SEC)
#define DELIVER_MAX (24 * HOUR)

/* One event being read. */
struct reader {
	const struct slice *s;
	struct arena *arena;
	struct wall now;
	struct message_fault *fault;
	struct ingest_extra extra; /* what was found of it */
	bool overdue;              /* fault says what is wrong with its time */
};

static int PRINTF(4, 0)
    put_fault(struct reader *r, const char *field, const char *part, const char *fmt, va_list ap)
{
	r->fault->field = field;
	r->fault->part = part;
	vsnprintf(r->fault->msg, sizeof(r->fault->msg), fmt, ap);
	return -1;
}

static int PRINTF(3, 4) blame(struct reader *r, const char *field, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_fault(r, field, NULL, fmt, ap);
	va_end(ap);
	return -1;
}

static int PRINTF(4, 5)
    blame_part(struct reader *r, const char *field, const char *part, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_fault(r, field, part, fmt, ap);
	va_end(ap);
	return -1;
}

/* How clients know an item of a list. */
static const char *
item_at(struct reader *r, int place)
{
	return arena_printf(r->arena, "[%d]", place);
}

/* NULL when it is absent or null: most members may be either. */
static const struct slice_member *
get(const struct slice *s, const char *key)
{
	const struct slice_member *m = slice_get(s, key);
	return m && m->kind != SLICE_NULL ? m : NULL;
}

static int
read_event_type(struct reader *r, struct ingest_event *ev)
{
	const struct slice_member *m = get(r->s, "eventType");
	if (!m)
		return blame(r, "eventType", "is required");
	if (m->kind != SLICE_STRING)
		return blame(r, "eventType", "must be a text");
	ev->event_type = slice_string(m, r->arena);
	if (!name_valid(ev->event_type))
		return blame(r, "eventType", "must be 1 to %d of a-z A-Z 0-9 - _ .", NAME_MAX_LEN);
	return 0;
}

static int
read_event_id(struct reader *r, struct ingest_event *ev)
{
	const struct slice_member *m = get(r->s, "eventId");
	if (!m)
		return 0;
	if (m->kind != SLICE_STRING)
		return blame(r, "eventId", "must be a text");
	ev->event_id = slice_string(m, r->arena);
	if (!name_uid_valid(ID_MESSAGE, ev->event_id))
		return blame(r, "eventId",
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
blame_channel(struct reader *r, int place)
{
	return blame_part(
	    r, "channels", item_at(r, place), "must be a name, of characters that it may have");
}

static int
read_channels(struct reader *r, struct ingest_event *ev)
{
	const struct slice_member *m = get(r->s, "channels");
	struct str channels[INGEST_CHANNELS_MAX];
	int other;
	if (!m)
		return 0;
	int n = slice_strings(m, r->arena, channels, INGEST_CHANNELS_MAX, &other);
	if (n < 1 && other >= 0)
		return blame_channel(r, other);
	if (n < 1)
		return blame(r, "channels", "must be a list of 1 to %d texts", INGEST_CHANNELS_MAX);
	for (int i = 0; i < n; i++) {
		if (!name_channel_valid(channels[i]))
			return blame_channel(r, i);
		if (!has_channel(ev, channels[i]))
			ev->channels[ev->nchannels++] = channels[i];
	}
	return 0;
}

/* What has the same key is delivered in order where an endpoint asks for it. The key itself is not
 * kept; two keys of one number would only wait for each other. */
static int
read_ordering_key(struct reader *r, struct ingest_event *ev)
{
	const struct slice_member *m = get(r->s, "orderingKey");
	if (!m)
		return 0;
	if (m->kind != SLICE_STRING)
		return blame(r, "orderingKey", "must be a text");
	struct str key = slice_string(m, r->arena);
	size_t n = utf8_length(key.p, key.n);
	if (n < 1 || n > ORDERING_KEY_MAX)
		return blame(r, "orderingKey", "must have 1 to %d characters", ORDERING_KEY_MAX);
	ev->has_ordering_key = true;
	ev->ordering_key = fingerprint_number(key);
	return 0;
}

static int
read_payload(struct reader *r, struct ingest_event *ev)
{
	const struct slice_member *m = slice_get(r->s, "payload");
	if (!m)
		m = slice_get(r->s, "data");
	if (!m)
		return blame(r, "payload", "is required");
	if (m->kind != SLICE_OBJECT)
		return blame(r, "payload", "must be an object");
	ev->payload = m->value;
	return 0;
}

/* "transformationsParams": {"rawPayload": "…"} is sent verbatim, in the payload's place. */
static int
read_raw_payload(struct reader *r, struct message_in *ret)
{
	const struct slice_member *m = get(r->s, "transformationsParams");
	struct slice inner;
	struct err e;
	if (!m)
		return 0;
	if (m->kind != SLICE_OBJECT || slice_object(m->value, &inner, &e))
		return blame(r, "transformationsParams", "must be an object");
	const struct slice_member *raw = get(&inner, "rawPayload");
	if (!raw)
		return 0;
	if (raw->kind != SLICE_STRING)
		return blame_part(r, "transformationsParams", "rawPayload", "must be a text");
	ret->event.payload = slice_string(raw, r->arena);
	ret->raw_payload = true;
	return 0;
}

/* ---- what few events have ---- */

static bool
has_control(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
			return true;
	return false;
}

static bool
has_tag(struct str joined, struct str tag)
{
	struct str one;
	while (str_split(&joined, INGEST_TAG_BETWEEN, &one))
		if (str_eq(one, tag))
			return true;
	return false;
}

static int
read_tags(struct reader *r)
{
	const struct slice_member *m = get(r->s, "tags");
	struct str tags[TAGS_MAX], joined = { NULL, 0 };
	int other;
	if (!m)
		return 0;
	int n = slice_strings(m, r->arena, tags, TAGS_MAX, &other);
	if (n < 0 && other >= 0)
		return blame_part(r, "tags", item_at(r, other), "must be a text");
	if (n < 0)
		return blame(r, "tags", "must be a list of up to %d texts", TAGS_MAX);
	for (int i = 0; i < n; i++) {
		size_t length = utf8_length(tags[i].p, tags[i].n);
		if (length < 1 || length > TAG_MAX || has_control(tags[i]))
			return blame_part(r, "tags", item_at(r, i),
			    "must have 1 to %d characters, none of them a control character",
			    TAG_MAX);
		if (!joined.p)
			joined = tags[i];
		else if (!has_tag(joined, tags[i]))
			joined = str_of(arena_printf(r->arena, "%.*s%c%.*s", STR_FMT(joined),
			    INGEST_TAG_BETWEEN, STR_FMT(tags[i])));
	}
	r->extra.tags = joined;
	return 0;
}

static int
read_deliver_at(struct reader *r)
{
	const struct slice_member *m = get(r->s, "deliverAt");
	struct wall t;
	if (!m)
		return 0;
	if (m->kind != SLICE_STRING || wall_from_text(slice_string(m, r->arena), &t))
		return blame(r, "deliverAt", "must be a time such as 2026-01-31T12:00:00Z");
	r->extra.deliver_at = t;
	if (t.us - r->now.us >= DELIVER_MIN && t.us - r->now.us <= DELIVER_MAX)
		return 0;
	r->overdue = t.us - r->now.us < DELIVER_MIN;
	int wrong = blame(r, "deliverAt", "must be from one minute to 24 hours from now");
	return r->overdue ? 0 : wrong;
}

static int
read_retention(struct reader *r, const char *name, int64_t max, usec_t unit)
{
	const struct slice_member *m = get(r->s, name);
	int64_t value;
	if (!m)
		return 0;
	if (m->kind != SLICE_NUMBER || str_to_i64(m->value, 1, max, &value))
		return blame(r, name, "must be an integer from 1 to %lld", (long long)max);
	if (r->extra.forget_at.us)
		return blame(r, name, "cannot be given together with payloadRetentionPeriod");
	r->extra.forget_at.us = r->now.us + value * unit;
	return 0;
}

/* Whether it has no members but those that events usually have: one look, rather than one for each
 * that it might have. */
static bool
is_plain(const struct slice *s)
{
	static const struct str usual[] = { { "eventType", 9 }, { "payload", 7 }, { "eventId", 7 },
		{ "channels", 8 } };
	for (int i = 0; i < s->n; i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(usual) && !str_eq(s->member[i].key, usual[k]))
			k++;
		if (k == ARRAY_LEN(usual))
			return false;
	}
	return true;
}

static int
read_extra(struct reader *r, struct ingest_event *ev)
{
	if (is_plain(r->s))
		return 0;
	if (read_tags(r) || read_deliver_at(r) ||
	    read_retention(r, "payloadRetentionPeriod", RETENTION_DAYS_MAX, 24 * HOUR) ||
	    read_retention(r, "payloadRetentionHours", RETENTION_HOURS_MAX, HOUR))
		return -1;
	struct ingest_extra *x = &r->extra;
	if (!x->tags.p && !x->deliver_at.us && !x->forget_at.us)
		return 0;
	if (x->forget_at.us && x->deliver_at.us >= x->forget_at.us)
		return blame(r, "deliverAt", "the payload is forgotten before that");
	struct ingest_extra *copy = arena_alloc(r->arena, sizeof(*copy));
	*copy = *x;
	ev->extra = copy;
	return 0;
}

static int
read_application(struct reader *r, struct str *ret)
{
	const struct slice_member *m = get(r->s, "application");
	if (!m)
		return 0;
	if (m->kind != SLICE_OBJECT)
		return blame(r, "application", "must be an object");
	*ret = m->value;
	return 0;
}

int
message_in_take(const struct slice *s, struct arena *a, struct wall now, struct message_in *ret,
    struct message_fault *ret_fault)
{
	struct reader r = { .s = s, .arena = a, .now = now, .fault = ret_fault };
	*ret = (struct message_in){ 0 };
	struct ingest_event *ev = &ret->event;
	if (read_event_type(&r, ev) || read_payload(&r, ev) || read_event_id(&r, ev) ||
	    read_channels(&r, ev) || read_ordering_key(&r, ev) || read_raw_payload(&r, ret) ||
	    read_extra(&r, ev))
		return -1;
	if (read_application(&r, &ret->application))
		return -1;
	if (r.overdue) {
		struct message_fault *copy = arena_alloc(a, sizeof(*copy));
		*copy = *ret_fault;
		ret->overdue = copy;
	}
	return 0;
}

int
message_in_read(struct call *c, struct message_in *ret)
{
	static const char *const body[] = { "body", NULL };
	struct slice s;
	struct message_fault fault;
	struct err e;
	if (slice_object(c->rq->body, &s, &e)) {
		call_invalid_type(c, body, "value_error.jsondecode", "%s", e.text);
		return -1;
	}
	if (message_in_take(&s, c->arena, loop_wall(c->parts->loop), ret, &fault) == 0)
		return 0;
	const char *const loc[] = { "body", fault.field, fault.part, NULL };
	call_invalid(c, loc, "%s", fault.msg);
	return -1;
}
