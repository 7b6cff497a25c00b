/* The append of one batch of events: arrays over columns, one transaction. */
#pragma once

#include "ingest/ingest.h"
#include "ingest/targets.h"
#include "send/message.h"

#define BATCH_EVENTS_MAX 512
#define BATCH_BYTES_MAX  (8 << 20) /* of payloads and queued targets; one event may pass it */
#define BATCH_QUEUED     48        /* bytes that a queued target counts for */

/* One event of a batch. */
struct batch_row {
	const struct ingest_event *event;
	const struct message *message;
	const struct cat_app *app; /* with which it was matched */
	struct targets targets;
};

struct batch; /* opaque */

struct batch *batch_new(const struct config *c);
void batch_free(struct batch *b);

/* Results of the append: the ids stored are the rows of the first; those of the second, which is
 * there when something had queued targets, are deliveries that are due at once instead. (Without
 * them the statement of polling endpoints may stand in its place, which has no rows.) */
enum batch_result {
	BATCH_STORED = 1,
	BATCH_NOT_QUEUED = 2,
};
/* Builds and submits, in the order of the messages' ids. The rows and what they point to are read
 * before it returns. */
struct pg_ticket *batch_submit(struct batch *b, struct pg_pool *pool, int slot, int64_t epoch,
    struct wall now, const struct batch_row *rows, int n, pg_fn fn, void *arg);

/* The oldest buckets that are looked at for duplicates (6 hours, weeks since 1970). */
int32_t batch_key_bucket_oldest(const struct batch *b, struct wall now);
int32_t batch_uid_bucket_oldest(const struct batch *b, struct wall now);
