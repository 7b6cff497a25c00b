/* The request that posts an event or a batch of them, ready but for the events' numbers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "payload.h"
#include "peer.h"

#define REQUEST_EVENT_TYPE "posthorn.bench"

struct request {
	char *bytes; /* owned */
	size_t n;
	int events;
	size_t number_at;     /* of the first event … */
	size_t stride;        /* … and from each to the next */
	size_t key_number_at; /* in Idempotency-Key; 0: not sent */
};

struct request_form {
	bool idempotency_key;
	bool with_content;
	int batch; /* events in one request; 0: one, alone */
};

void request_init(struct request *r, const struct peer *peer, const char *app,
    const struct payload *payload, struct request_form form);
void request_done(struct request *r);
/* Writes the events' numbers, from this one on, wherever they go. */
void request_stamp(struct request *r, int64_t number);
