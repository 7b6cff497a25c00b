/* A posted event: cut out of the request, never built as a tree. */
#pragma once

#include "api/call.h"
#include "ingest/ingest.h"
#include "policy/slice.h"

struct message_in {
	struct ingest_event event; /* without its application and key */
	struct str application; /* the member "application": an object's bytes; {NULL, 0}: none */
	bool raw_payload;       /* the payload is a text of any kind, no JSON object */
};

/* Answers 422 with the field to blame and returns -1 when the body is no event. */
int message_in_read(struct call *c, struct message_in *ret) MUST_CHECK;
