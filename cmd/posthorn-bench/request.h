/* The request that posts an event, ready but for the event's number. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "payload.h"
#include "peer.h"

struct request {
	char *bytes; /* owned */
	size_t n;
	size_t number_at;
	size_t key_number_at; /* in Idempotency-Key; 0: not sent */
};

struct request_form {
	bool idempotency_key;
	bool with_content;
};

void request_init(struct request *r, const struct peer *peer, const char *app,
    const struct payload *payload, struct request_form form);
void request_done(struct request *r);
/* Writes the event's number wherever it goes. */
void request_stamp(struct request *r, int64_t number);
