/* A message as JSON (message_out.h). The payload is copied as the producer wrote it. */
#include "api/message_out.h"

#include "ingest/ingest.h"
#include "policy/scan.h"

/* A body that was posted as rawPayload need not be JSON. */
static bool
is_json_object(struct str text)
{
	if (text.n == 0)
		return false;
	struct scan s = scan_at(text);
	scan_blanks(&s);
	if (scan_peek(&s) != '{' || !scan_container(&s, SCAN_DEPTH_MAX))
		return false;
	scan_blanks(&s);
	return scan_peek(&s) == SCAN_END;
}

void
message_put_payload(struct jw *j, struct str payload)
{
	jw_key(j, "payload");
	if (is_json_object(payload)) {
		jw_raw(j, payload);
		return;
	}
	jw_open_object(j);
	if (payload.p)
		jw_put_text(j, "rawPayload", payload);
	else
		jw_put_bool(j, "expired", true);
	jw_close_object(j);
}

static void
put_list(struct jw *j, struct str joined, char between)
{
	struct str one;
	jw_open_array(j);
	while (str_split(&joined, between, &one))
		jw_text(j, one);
	jw_close_array(j);
}

static void
put_channels(struct jw *j, struct str channels)
{
	jw_key(j, "channels");
	if (channels.p)
		put_list(j, channels, ',');
	else
		jw_null(j);
}

/* What few messages have is not there for the others. */
static void
put_extra(struct jw *j, const struct message_out *m)
{
	if (m->tags.p) {
		jw_key(j, "tags");
		put_list(j, m->tags, INGEST_TAG_BETWEEN);
	}
	if (m->deliver_at.us)
		jw_put_time(j, "deliverAt", m->deliver_at);
}

void
message_put_fields(struct jw *j, const struct message_out *m)
{
	jw_put_id(j, "id", ID_MESSAGE, m->id);
	jw_put_text_or_null(j, "eventId", m->event_id);
	jw_put_text(j, "eventType", m->event_type);
	put_channels(j, m->channels);
	put_extra(j, m);
	jw_put_time(j, "timestamp", id_time(m->id));
	if (m->with_content && m->payload_is_object)
		jw_put_raw(j, "payload", m->payload);
	else if (m->with_content)
		message_put_payload(j, m->payload);
	else
		jw_put_raw(j, "payload", STR("{}"));
}

void
message_out_read(
    const PGresult *r, int row, int first, int64_t id, bool with_content, struct message_out *ret)
{
	*ret = (struct message_out){
		.id = id,
		.event_type = pg_str(r, row, first),
		.event_id = pg_str(r, row, first + 1),
		.channels = pg_str(r, row, first + 2),
		.with_content = with_content,
		.payload = pg_str(r, row, first + 3),
		.tags = pg_str(r, row, first + 4),
		.deliver_at = pg_time(r, row, first + 5),
	};
}

struct pg_args *
message_args(struct call *c)
{
	struct pg_args *a = call_args(c);
	struct ref message = call_ref(ID_MESSAGE, c->params[1]);
	call_arg_app(c, a);
	call_arg_ref(a, &message);
	return a;
}
