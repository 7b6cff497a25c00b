/* The append of one batch of events: arrays over columns, one transaction. */
#pragma once

#include "ingest/ingest.h"
#include "send/message.h"

#define BATCH_EVENTS_MAX 512
#define BATCH_BYTES_MAX  (8 << 20) /* of payloads; one event more may pass it */

/* One event of a batch. */
struct batch_row {
	const struct ingest_event *event;
	const struct message *message;
	int64_t version; /* of the catalogue, with which it was matched */
	int ntargets;
	const int64_t *targets;
};

struct batch; /* opaque */

struct batch *batch_new(const struct config *c);
void batch_free(struct batch *b);

/* Builds and submits. The rows and what they point to are read before it returns. fn gets the
 * result of the append last (the ids stored are its rows). */
struct pg_ticket *batch_submit(struct batch *b, struct pg_pool *pool, int slot, int64_t epoch,
    struct wall now, const struct batch_row *rows, int n, pg_fn fn, void *arg);

/* The oldest buckets that are looked at for duplicates (6 hours, weeks since 1970). */
int32_t batch_key_bucket_oldest(const struct batch *b, struct wall now);
int32_t batch_uid_bucket_oldest(const struct batch *b, struct wall now);
