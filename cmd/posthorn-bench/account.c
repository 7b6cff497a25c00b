/* Events in chunks of a fixed size, found by number. */
#include "account.h"

#include <stdlib.h>

#include "base/mem.h"

#define CHUNK_EVENTS 16384
#define CHUNKS_MAX   (1 << 18) /* 4 billion events */

enum fate {
	FATE_OPEN, /* not answered yet; at the end the same as unknown */
	FATE_ACCEPTED,
	FATE_REFUSED,
	FATE_UNKNOWN,
};

/* Flags of a delivery. */
enum {
	SEEN = 1,
	TAKEN = 2,
};

struct account_event {
	usec_t due;
	int32_t app;
	enum fate fate;
};

struct chunk {
	struct account_event event[CHUNK_EVENTS];
	uint8_t delivery[]; /* CHUNK_EVENTS rows of `endpoints` flags */
};

struct account {
	int endpoints;
	const bool *takes_all;
	int64_t n; /* events */
	struct chunk *chunk[CHUNKS_MAX];
	int64_t outstanding;
	int64_t attempts, repeated, strangers;
};

struct account *
account_new(int endpoints, const bool *takes_all)
{
	struct account *a = mem_zalloc(sizeof(*a));
	a->endpoints = endpoints;
	a->takes_all = takes_all;
	return a;
}

void
account_free(struct account *a)
{
	if (!a)
		return;
	for (int i = 0; i < CHUNKS_MAX && a->chunk[i]; i++)
		free(a->chunk[i]);
	free(a);
}

static struct account_event *
event_at(const struct account *a, int64_t number)
{
	return &a->chunk[number / CHUNK_EVENTS]->event[number % CHUNK_EVENTS];
}

/* Flags of the event's deliveries, one for each endpoint of its application. */
static uint8_t *
deliveries_at(const struct account *a, int64_t number)
{
	return &a->chunk[number / CHUNK_EVENTS]->delivery[number % CHUNK_EVENTS * a->endpoints];
}

static const bool *
takes_all_at(const struct account *a, const struct account_event *ev)
{
	return a->takes_all + (int64_t)ev->app * a->endpoints;
}

int64_t
account_send(struct account *a, int app, usec_t due)
{
	int64_t number = a->n++;
	int64_t i = number / CHUNK_EVENTS;
	if (i == CHUNKS_MAX)
		abort(); /* days at any rate there is */
	if (!a->chunk[i])
		a->chunk[i] =
		    mem_zalloc(sizeof(struct chunk) + (size_t)CHUNK_EVENTS * (size_t)a->endpoints);
	*event_at(a, number) = (struct account_event){ .due = due, .app = app };
	return number;
}

usec_t
account_accept(struct account *a, int64_t number)
{
	struct account_event *ev = event_at(a, number);
	const bool *takes_all = takes_all_at(a, ev);
	const uint8_t *delivery = deliveries_at(a, number);
	ev->fate = FATE_ACCEPTED;
	for (int i = 0; i < a->endpoints; i++) /* the receipt may have been faster */
		a->outstanding += takes_all[i] && !(delivery[i] & TAKEN);
	return ev->due;
}

void
account_admit(struct account *a, int app, usec_t now)
{
	account_accept(a, account_send(a, app, now));
}

void
account_refuse(struct account *a, int64_t number)
{
	event_at(a, number)->fate = FATE_REFUSED;
}

void
account_lose(struct account *a, int64_t number)
{
	event_at(a, number)->fate = FATE_UNKNOWN;
}

static bool
is_expected(const struct account *a, int64_t number, int app, int endpoint)
{
	return number >= 0 && number < a->n && event_at(a, number)->app == app &&
	       endpoint < a->endpoints;
}

bool
account_seen(const struct account *a, int64_t number, int app, int endpoint)
{
	return is_expected(a, number, app, endpoint) && deliveries_at(a, number)[endpoint] & SEEN;
}

enum receipt
account_receive(
    struct account *a, int64_t number, int app, int endpoint, bool taken, usec_t *ret_due)
{
	a->attempts++;
	if (!is_expected(a, number, app, endpoint)) {
		a->strangers++;
		return RECEIPT_UNEXPECTED;
	}
	const struct account_event *ev = event_at(a, number);
	uint8_t *delivery = &deliveries_at(a, number)[endpoint];
	*ret_due = ev->due;
	*delivery |= SEEN;
	if (*delivery & TAKEN) {
		a->repeated++;
		return RECEIPT_REPEATED;
	}
	if (!taken)
		return RECEIPT_NOT_TAKEN;
	*delivery |= TAKEN;
	if (ev->fate == FATE_ACCEPTED && takes_all_at(a, ev)[endpoint])
		a->outstanding--;
	return RECEIPT_FIRST;
}

int64_t
account_outstanding(const struct account *a)
{
	return a->outstanding;
}

int64_t
account_events(const struct account *a)
{
	return a->n;
}

static void
tally_accepted(const struct account *a, int64_t number, struct tally *t)
{
	const bool *takes_all = takes_all_at(a, event_at(a, number));
	const uint8_t *delivery = deliveries_at(a, number);
	for (int i = 0; i < a->endpoints; i++) {
		if (!takes_all[i]) {
			t->failing++;
			continue;
		}
		t->deliveries++;
		if (delivery[i] & TAKEN) {
			t->taken++;
			continue;
		}
		if (t->missing++ == 0)
			t->first_missing = number;
	}
}

/* How many endpoints have seen the event. */
static int
count_seen(const struct account *a, int64_t number)
{
	const uint8_t *delivery = deliveries_at(a, number);
	int n = 0;
	for (int i = 0; i < a->endpoints; i++)
		n += delivery[i] & SEEN;
	return n;
}

void
account_tally(const struct account *a, struct tally *ret)
{
	*ret = (struct tally){ .sent = a->n,
		.first_missing = -1,
		.repeated = a->repeated,
		.attempts = a->attempts,
		.unexpected = a->strangers };
	for (int64_t i = 0; i < a->n; i++) {
		switch (event_at(a, i)->fate) {
		case FATE_ACCEPTED:
			ret->accepted++;
			tally_accepted(a, i, ret);
			break;
		case FATE_REFUSED:
			ret->refused++;
			ret->unexpected += count_seen(a, i);
			break;
		case FATE_OPEN:
		case FATE_UNKNOWN:
			ret->unknown++;
			ret->unknown_taken += count_seen(a, i) > 0;
			break;
		}
	}
}
