/* A message as JSON, and naming one. */
#pragma once

#include "rest/call.h"

struct message_out {
	int64_t id;
	struct str event_type, event_id; /* event_id {NULL, 0}: none */
	struct str channels;             /* comma-separated; {NULL, 0}: none */
	struct str tags;                 /* joined (ingest.h); {NULL, 0}: none */
	struct wall deliver_at;          /* us == 0: at once */
	bool with_content;
	struct str payload;     /* when with_content; {NULL, 0}: forgotten */
	bool payload_is_object; /* known to be JSON; otherwise it is looked at */
};

/* Columns from `first` on: id is its own argument; event type, eventId, channels,
 * payload, tags, time of delivery. */
#define MESSAGE_COLUMNS 6
void message_out_read(
    const PGresult *r, int row, int first, int64_t id, bool with_content, struct message_out *ret);
/* Fields into an object that is open. */
void message_put_fields(struct jw *j, const struct message_out *m);
/* The value of "payload". */
void message_put_payload(struct jw *j, struct str payload);

/* The five arguments that every statement about one message begins with: call_arg_app's, then its
 * id or null, its eventId or null. The message is the path's second placeholder. */
struct pg_args *message_args(struct call *c);
