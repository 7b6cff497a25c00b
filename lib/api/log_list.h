/* What the lists of the log (messages, attempts, dead letters) have in common: newest first, over a
 * stretch of time, filtered.
 *
 * A list looks at 90 days: before now, or before `before` or the iterator. Every statement gets the
 * stretch as a range of ids, from which PostgreSQL knows the few partitions that it must open.
 *
 * A filter may select one row of millions. A page therefore ends after so many rows that were
 * looked at, full or not, perhaps empty: "done" is false then, and the iterator goes on behind
 * them. */
#pragma once

#include "rest/call.h"

#define LOG_TYPES_MAX 100

typedef void (*call_go_fn)(struct call *c);

struct log_list {
	struct page page;
	int64_t above, below; /* ids, exclusive */
	int ntypes;           /* 0: all */
	struct str types[LOG_TYPES_MAX];
	struct str channel;    /* {NULL, 0}: all */
	struct str tag;        /* {NULL, 0}: all */
	int64_t status;        /* -1: all */
	int64_t class;         /* first digit of the answer's status, 0: there was none; -1: all */
	int64_t content_bytes; /* of payloads in one answer; 0: none are wanted */
	call_go_fn ask;        /* log_list_ask */
	usec_t since;
};

/* Reads limit, iterator, before, after, event_types, channel, tag, status, status_code_class and
 * with_content; answers 400 or 422 and returns -1 when one is wrong. kind: of the ids in the list.
 */
int log_list_read(struct call *c, enum id_kind kind, struct log_list *ret) MUST_CHECK;

/* Arguments. */
void log_list_arg_range(struct pg_args *a, const struct log_list *l); /* above, below, rows */
void log_list_arg_channel(
    struct pg_args *a, const struct log_list *l);                      /* types, channel, or null */
void log_list_arg_status(struct pg_args *a, const struct log_list *l); /* int2 or null */
void log_list_arg_class(struct pg_args *a, const struct log_list *l);  /* int2 or null */

void log_list_arg_tag(struct pg_args *a, const struct log_list *l); /* text or null */
void log_list_arg_scan(struct pg_args *a);                          /* rows to look at */

/* Calls ask, which asks the database for the page; again, from further on, while nothing is found
 * and little time has passed. */
void log_list_ask(struct call *c, struct log_list *l, call_go_fn ask);
/* With the answer, which has in that column whether its last row is where reading ended, and in the
 * next whether it is no row of the list. True: asked again, nothing is to be done. */
bool log_list_again(struct call *c, struct log_list *l, const PGresult *r, int column) MUST_CHECK;

/* The ids made before, and after, an instant lie below, and above, this one. */
int64_t log_below(struct wall before);
int64_t log_above(struct wall after);

/* Payloads come until they fill an answer: ends the page before the first row that was left without
 * (a true in that column). The next page goes on there. */
void log_list_cut(struct log_list *l, const PGresult *r, int column);

/* The status of an attempt, or of a message at an endpoint, as the API numbers it. */
enum log_status {
	STATUS_SUCCESS,
	STATUS_PENDING,
	STATUS_FAIL,
	STATUS_SENDING,
};
void log_put_status(struct jw *j, enum log_status status); /* "status" and "statusText" */
