/* An event in memory: what the sender needs of it, shared by its deliveries. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/str.h"

#include "store/catalogue.h"

struct message {
	int64_t id;
	int64_t app_id;
	struct str event_type; /* owned */
	struct str payload;    /* owned; p == NULL: a stub, read again when it is due */
	int refs;
	usec_t accepted; /* when it was accepted in this process; 0 for what was read back */
	/* First deliveries (chain 0, seq 0) not resolved yet, and the place in the slot's list of
	 * unresolved messages; listed only while unresolved > 0. */
	int unresolved;
	bool listed;
	TAILQ_ENTRY(message) entry;
};

/* Copies event_type; takes payload (malloc'ed or NULL). refs = 1. */
struct message *message_new(
    int64_t app_id, int64_t id, struct str event_type, char *payload_take, size_t payload_len);
/* Give a stub what was read back (copies). */
void message_set_payload(struct message *m, struct str payload);
void message_set_type(struct message *m, struct str event_type);
struct message *message_ref(struct message *m);
void message_unref(struct message *m);
