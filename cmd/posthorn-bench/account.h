/* The books: every event sent, what the server answered, and which endpoint took it.
 *
 * Events are numbered from 0 in the order they are sent; endpoints of an application from 0.
 * Memory: 16 bytes an event and one a delivery, in pieces that never move. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct account; /* opaque */

enum receipt {
	RECEIPT_FIRST,      /* taken for the first time */
	RECEIPT_REPEATED,   /* taken once more */
	RECEIPT_NOT_TAKEN,  /* an attempt that was not answered with 2xx */
	RECEIPT_UNEXPECTED, /* no such event, or not for this application */
};

struct tally {
	int64_t sent;
	int64_t accepted, refused, unknown;
	int64_t unknown_taken; /* unknown events that at least one endpoint took */
	int64_t deliveries;    /* of accepted events to endpoints that take all */
	int64_t taken;         /* of those */
	int64_t missing;       /* of those */
	int64_t first_missing; /* an event's number, or -1 */
	int64_t failing;       /* deliveries to endpoints that never take any */
	int64_t repeated;      /* RECEIPT_REPEATED */
	int64_t attempts;      /* requests received */
	int64_t unexpected;    /* RECEIPT_UNEXPECTED, and deliveries of events that were refused */
};

/* takes_all[app * endpoints + endpoint]: must the endpoint have every event in the end? Borrowed.
 */
struct account *account_new(int endpoints, const bool *takes_all);
void account_free(struct account *a);

/* A new event; returns its number. `due` is when its latency begins. */
int64_t account_send(struct account *a, int app, usec_t due);
/* A new event that somebody else posted: it counts as accepted now. */
void account_admit(struct account *a, int app, usec_t now);
/* What became of the request. Each returns when the event was due. */
usec_t account_accept(struct account *a, int64_t number);
void account_refuse(struct account *a, int64_t number);
void account_lose(struct account *a, int64_t number);

/* Whether an attempt of the event has reached the endpoint before. */
bool account_seen(const struct account *a, int64_t number, int app, int endpoint);
/* An attempt reached the endpoint, which takes it or not. *ret_due as of account_send, unless
 * RECEIPT_UNEXPECTED. */
enum receipt account_receive(
    struct account *a, int64_t number, int app, int endpoint, bool taken, usec_t *ret_due);

/* Deliveries of accepted events that endpoints which take all have not got yet. */
int64_t account_outstanding(const struct account *a);
int64_t account_events(const struct account *a);
void account_tally(const struct account *a, struct tally *ret);
