/* The ingestor: from a posted body to a stored event.
 *
 * Natural batching: whatever arrives while one append transaction commits goes into the next. The
 * answer is given only after the commit. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include "pg/pg.h"
#include "policy/fingerprint.h"
#include "send/sender.h"
#include "store/catalogue.h"

#define INGEST_CHANNELS_MAX 10
#define INGEST_TAG_BETWEEN  '\x1f' /* stands between joined tags, and is in none */

struct ingest; /* opaque */

struct ingest *ingest_new(struct loop *l, const struct config *c, struct catalogue *cat,
    struct sender *s, struct pg_pool *append, struct pg_pool *read);
void ingest_free(struct ingest *in);
/* Requests not answered yet. */
int ingest_pending(const struct ingest *in);
/* What keeps events from being stored at this moment, in words for an operator; NULL: nothing.
 * After an append that failed that is so until one succeeds, or for ten seconds without a try. */
const char *ingest_stalled(const struct ingest *in);

/* What few events have. Times with us == 0 are not there. */
struct ingest_extra {
	struct str tags; /* joined; {NULL, 0}: none */
	struct wall deliver_at;
	struct wall forget_at; /* when the payload is forgotten */
};

/* One event, already validated by the caller (names, payload). All slices live until the callback.
 */
struct ingest_event {
	struct str org;
	struct str app_ref; /* id or uid */
	struct str event_type;
	struct str event_id; /* {NULL, 0}: none */
	int nchannels;
	struct str channels[INGEST_CHANNELS_MAX];
	int64_t
	    only_endpoint;  /* it goes to this one alone, whatever that wants; 0: to who wants it */
	struct str payload; /* exactly the producer's bytes; copied */
	bool has_ordering_key;
	int64_t ordering_key;             /* its number (fingerprint.h), when has_ordering_key */
	const struct ingest_extra *extra; /* NULL: nothing of it */
	bool has_key;                     /* Idempotency-Key given */
	unsigned char key[FINGERPRINT_SIZE];
	unsigned char body[FINGERPRINT_SIZE]; /* fingerprint of the request, when has_key */
};

struct ingest_answer {
	int64_t app_id;
	int64_t msg_id;
	bool replayed; /* an earlier request with the same key made this message; what follows is
			  its */
	struct str event_type, event_id, payload; /* payload.p NULL: expunged since */
	struct str channels;                      /* comma-separated; {NULL, 0}: none */
	struct str tags;                          /* joined; {NULL, 0}: none */
	struct wall deliver_at;                   /* us == 0: at once */
};

/* Exactly once, never from inside ingest_submit; exactly one of a and e is not NULL. Errors:
 * ERR_NOT_FOUND (application), ERR_CONFLICT (event id in use), ERR_INVALID (key used with another
 * body: 422), ERR_UNAVAILABLE. */
typedef void (*ingest_fn)(void *arg, const struct ingest_answer *a, const struct err *e);
void ingest_submit(struct ingest *in, const struct ingest_event *ev, ingest_fn fn, void *arg);

/* For an event that may not be stored now but may have been before (has_key, or an event_id): what
 * ingest_submit answers to a repetition, from what is stored at this moment; with a and e both NULL
 * when it is none. Stores nothing. */
void ingest_find(struct ingest *in, const struct ingest_event *ev, ingest_fn fn, void *arg);

/* One of several events of the same organisation and app_ref, with the argument of its answer. */
struct ingest_item {
	const struct ingest_event *event;
	void *arg;
};
/* As n times ingest_submit (n > 0), in one piece. Those with n > 1 stand in a line of their own, so
 * that many events at once do not hold up single ones: these have first claim to three quarters of
 * each append, those to the rest. The items are copied. */
void ingest_submit_list(struct ingest *in, const struct ingest_item *items, int n, ingest_fn fn);
