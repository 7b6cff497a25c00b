/* One nonblocking connection in pipeline mode: connects with backoff, runs one transaction at a
 * time, reports back to its pool. Private to lib/pg. */
#pragma once

#include "base/rand.h"

#include "pg/pg.h"

enum session_state {
	SESSION_DOWN,       /* waits for its backoff */
	SESSION_CONNECTING, /* PQconnectPoll under way */
	SESSION_IDLE,
	SESSION_BUSY, /* a transaction is on the server */
};

/* What the pool hands over: one transaction. */
struct pg_ticket {
	TAILQ_ENTRY(pg_ticket) entry; /* in the pool's line, or among the refused ones */
	struct pg_pool *pool;
	struct pg_session *session; /* NULL while in line */
	bool refused;               /* the line was full */
	pg_fn fn;                   /* NULL once cancelled */
	void *arg;
	usec_t since;             /* in line since, then on the server since */
	enum fault before, after; /* its points */
	int n;
	struct {
		const struct pg_stmt *stmt;
		int nargs;
		const char *const *value;
		const int *length;
	} call[PG_STATEMENTS_MAX];
};

struct pg_session;

struct pg_session *session_new(
    struct pg_pool *p, struct loop *l, const struct pg_options *o, uint64_t seed);
void session_free(struct pg_session *c); /* its ticket must have been taken away before */
enum session_state session_state(const struct pg_session *c);

/* Starts a transaction; the connection must be idle. Never calls back from inside. */
void session_run(struct pg_session *c, struct pg_ticket *t);
struct pg_ticket *session_ticket(const struct pg_session *c);
/* Drops the connection with that reason; it is made again. Its ticket is failed. */
void session_drop(struct pg_session *c, const char *why);

/* What a connection tells its pool (pool.c): a ticket ended (exactly one of r and e set), and: the
 * connection's state changed. Both are called from the loop's stack only. */
void pool_ticket_done(
    struct pg_pool *p, struct pg_ticket *t, const struct pg_result *r, const struct err *e);
void pool_session_changed(struct pg_pool *p);
