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
	usec_t answer_max;        /* after that long on the server fn is told; 0: never */
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
/* Why there is no connection: a SQLSTATE, or "" when nobody has said. */
const char *session_code(const struct pg_session *c);
/* How long a transaction may be on the server: `first`, and twice as long after each one in a row
 * that session_drop ended, up to a minute. A server that hangs does not notice that we have left,
 * so every connection that is dropped takes one of its places until it moves again. */
usec_t session_patience(const struct pg_session *c, usec_t first);
/* Drops the connection with that reason; it is made again. Its ticket, which took too long, is
 * failed. */
void session_drop(struct pg_session *c, const char *why);

/* What a connection tells its pool (pool.c): a ticket ended (exactly one of r and e set), and: the
 * connection's state changed. Both are called from the loop's stack only. */
void pool_ticket_done(
    struct pg_pool *p, struct pg_ticket *t, const struct pg_result *r, const struct err *e);
void pool_session_changed(struct pg_pool *p);
/* What was wrong with one connection's server is so for the others of its pool as well: those that
 * do nothing are made again, which costs little. */
void pool_leave_idle(struct pg_pool *p, const char *why);

/* Whether statements are prepared, and: the server said that this does not work. */
bool pool_prepares(const struct pg_pool *p);
void pool_unprepared(struct pg_pool *p, const struct err *e);
