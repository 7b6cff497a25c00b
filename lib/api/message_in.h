/* A posted event: cut out of the request, never built as a tree. */
#pragma once

#include "ingest/ingest.h"
#include "policy/slice.h"
#include "rest/call.h"

/* The first thing that is wrong with it. */
struct message_fault {
	const char *field; /* static */
	const char *part;  /* what of it: "[2]" of a list, a member; NULL: it as a whole */
	char msg[160];
};

struct message_in {
	struct ingest_event event; /* without its application and key */
	struct str application; /* the member "application": an object's bytes; {NULL, 0}: none */
	bool raw_payload;       /* the payload is a text of any kind, no JSON object */
	const struct message_fault
	    *overdue; /* its deliverAt is too near by now: it may only be the
			 repetition of an event that was accepted; else NULL */
};

/* From the members of the posted object, at that time. What is no span of it goes to the arena. */
int message_in_take(const struct slice *s, struct arena *a, struct wall now, struct message_in *ret,
    struct message_fault *ret_fault) MUST_CHECK;

/* Answers 422 with the field to blame and returns -1 when the body is no event. */
int message_in_read(struct call *c, struct message_in *ret) MUST_CHECK;
