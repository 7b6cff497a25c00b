/* One connection to PostgreSQL.
 *
 *   DOWN --backoff over--> CONNECTING --ok--> IDLE <--> BUSY
 *    ^------- any loss, refusal or time-out ----'--------'
 *
 * In pipeline mode a statement's results are: one PGresult, then NULL; the sync at the end is one
 * PGresult without a NULL behind it (libpq manual, "Pipeline Mode"). `step` counts the statements
 * whose result has been seen; prepares take part in the same sequence. */
#include "pg/session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "pg/conninfo.h"
#include "pg/sqlstate.h"

#define CONNECT_TIMEOUT (5 * USEC_PER_SEC)
#define BACKOFF_MIN     (50 * USEC_PER_MS)
#define BACKOFF_MAX     USEC_PER_SEC /* a restarted server is used within this time */
#define TURNS_MAX       5040         /* a multiple of any number of hosts that one has */
#define PATIENCE_MAX    (60 * USEC_PER_SEC)
#define STEPS_MAX       (2 * PG_STATEMENTS_MAX + 1) /* one for a fault */

struct prepared {
	const struct pg_stmt *stmt; /* key */
	UT_hash_handle hh;
};

struct pg_session {
	struct pg_pool *pool;
	struct loop *loop;
	char *url;
	const char *name;
	bool writes;
	enum session_state state;
	PGconn *pq;
	struct event *read_ev, *write_ev;
	struct timer timer;  /* DOWN: backoff; CONNECTING: time-out; else unused */
	struct defer broken; /* a send failed inside session_run: handled on the loop's stack */
	struct rand rand;
	usec_t backoff;
	int turn;                 /* of several hosts: which one is tried first */
	bool lost_logged;         /* one log line per outage, not per try */
	bool suspect;             /* it connects, but the last transaction has told us to leave */
	int strikes;              /* transactions in a row that took too long */
	char code[SQLSTATE_SIZE]; /* why there is no connection; "" when nobody has said */
	struct prepared *prepared;

	struct pg_ticket *ticket; /* BUSY only */
	int nsteps, step;
	const struct pg_stmt *step_prepares[STEPS_MAX]; /* NULL: the step is a query */
	PGresult *results[PG_STATEMENTS_MAX];
	int nresults;
	bool failed, leave; /* leave: the connection is of no use any more */
	bool unsure;        /* committed here, perhaps not on the standby that it must be on */
	struct err err;     /* of the first failed step */
};

static void session_lost(struct pg_session *c, const char *why);
static void on_socket(evutil_socket_t fd, short what, void *arg);

static void
session_set(struct pg_session *c, enum session_state state)
{
	metric_add(METRIC_PG_CONNECTIONS, (state >= SESSION_IDLE) - (c->state >= SESSION_IDLE));
	metric_add(
	    METRIC_PG_CONNECTIONS_BUSY, (state == SESSION_BUSY) - (c->state == SESSION_BUSY));
	c->state = state;
	pool_session_changed(c->pool);
}

enum session_state
session_state(const struct pg_session *c)
{
	return c->state;
}

struct pg_ticket *
session_ticket(const struct pg_session *c)
{
	return c->ticket;
}

const char *
session_code(const struct pg_session *c)
{
	return c->code;
}

usec_t
session_patience(const struct pg_session *c, usec_t first)
{
	usec_t most = first;
	for (int i = 0; i < c->strikes && most < PATIENCE_MAX; i++)
		most *= 2;
	return most > PATIENCE_MAX && first < PATIENCE_MAX ? PATIENCE_MAX : most;
}

/* ---- connecting --------------------------------------------------------------------------- */

/* The socket may be another one after each PQconnectPoll, so the events are made again. */
static void
watch(struct pg_session *c, bool reads, bool writes)
{
	if (c->read_ev)
		event_free(c->read_ev);
	if (c->write_ev)
		event_free(c->write_ev);
	int fd = PQsocket(c->pq);
	c->read_ev = event_new(loop_base(c->loop), fd, EV_READ | EV_PERSIST, on_socket, c);
	c->write_ev = event_new(loop_base(c->loop), fd, EV_WRITE, on_socket, c);
	if (reads)
		event_add(c->read_ev, NULL);
	if (writes)
		event_add(c->write_ev, NULL);
}

/* "The transaction has already committed locally, but might not have been replicated to the
 * standby": a warning, behind which the statement succeeds. It has no code of its own, and its text
 * is translated; the function that it comes from is not. */
static bool
is_unreplicated(const PGresult *r)
{
	const char *function = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);
	return function && strcmp(function, "SyncRepWaitForLSN") == 0;
}

static void
on_notice(void *arg, const PGresult *r)
{
	struct pg_session *c = arg;
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	c->unsure = c->unsure || is_unreplicated(r);
	LOG_DEBUG(PG_NOTICE, KV("pool", c->name), KV("text", text ? text : ""));
}

/* The next loss begins another outage. */
static void
session_is_well(struct pg_session *c)
{
	c->suspect = false;
	c->backoff = 0;
	c->lost_logged = false;
	c->code[0] = '\0';
}

static void
connected(struct pg_session *c)
{
	timer_stop(&c->timer);
	PQsetNoticeReceiver(c->pq, on_notice, c);
	if (PQsetnonblocking(c->pq, 1) || PQenterPipelineMode(c->pq) != 1) {
		session_lost(c, "cannot enter pipeline mode");
		return;
	}
	watch(c, true, false);
	if (!c->suspect)
		session_is_well(c);
	LOG_DEBUG(PG_CONNECT, KV("pool", c->name), KV("backend", PQbackendPID(c->pq)));
	session_set(c, SESSION_IDLE);
}

static void
connect_poll(struct pg_session *c)
{
	switch (PQconnectPoll(c->pq)) {
	case PGRES_POLLING_READING:
		watch(c, true, false);
		break;
	case PGRES_POLLING_WRITING:
		watch(c, false, true);
		break;
	case PGRES_POLLING_OK:
		connected(c);
		break;
	default:
		session_lost(c, PQerrorMessage(c->pq));
	}
}

static void
connect_start(struct pg_session *c)
{
	char app[64];
	struct conninfo ci;
	snprintf(app, sizeof(app), "posthorn %s", c->name);
	conninfo_init(&ci, c->url, app, c->writes, c->turn);
	session_set(c, SESSION_CONNECTING);
	if (fault_hit(FAULT_PG_CONNECT)) {
		conninfo_done(&ci);
		session_lost(c, "fault");
		return;
	}
	c->pq = PQconnectStartParams(ci.key, ci.value, 1);
	conninfo_done(&ci);
	if (!c->pq || PQstatus(c->pq) == CONNECTION_BAD) {
		session_lost(c, c->pq ? PQerrorMessage(c->pq) : "out of memory");
		return;
	}
	PQsetErrorVerbosity(
	    c->pq, PQERRORS_VERBOSE); /* with the SQLSTATE, which tells the reason */
	timer_set(&c->timer, CONNECT_TIMEOUT);
	watch(c, false, true);
}

static void
on_timer_due(void *arg)
{
	struct pg_session *c = arg;
	if (c->state == SESSION_DOWN)
		connect_start(c);
	else
		session_lost(c, "connecting took too long");
}

static void
log_lost(struct pg_session *c, const char *why)
{
	if (c->lost_logged)
		return;
	c->lost_logged = true;
	size_t n = strcspn(why, "\n");
	LOG_WARN(PG_LOST, KV("pool", c->name), KV("reason", ((struct str){ why, n })),
	    KV("code", (const char *)c->code));
}

static void
forget_prepared(struct pg_session *c)
{
	struct prepared *p, *next;
	HASH_ITER(hh, c->prepared, p, next) {
		HASH_DEL(c->prepared, p);
		free(p);
	}
}

static void
close_socket(struct pg_session *c)
{
	if (c->read_ev)
		event_free(c->read_ev);
	if (c->write_ev)
		event_free(c->write_ev);
	c->read_ev = c->write_ev = NULL;
	if (c->pq)
		PQfinish(c->pq);
	c->pq = NULL;
	forget_prepared(c);
	defer_cancel(&c->broken);
}

static void
clear_results(struct pg_session *c)
{
	for (int i = 0; i < c->nresults; i++)
		PQclear(c->results[i]);
	c->nresults = 0;
}

/* Takes the ticket off the connection and tells the pool how it ended. */
static void
finish_ticket(struct pg_session *c, const struct err *e)
{
	struct pg_ticket *t = c->ticket;
	struct pg_result r = { .n = c->nresults, .res = c->results };
	c->ticket = NULL;
	t->session = NULL;
	pool_ticket_done(c->pool, t, e ? NULL : &r, e);
	clear_results(c);
}

/* Every host gets to be the first that is tried. */
static void
next_host(struct pg_session *c)
{
	c->turn = (c->turn + 1) % TURNS_MAX;
}

/* Closes the connection, to be made again; e is how its ticket ended. */
static void
session_end(struct pg_session *c, const char *why, const struct err *e)
{
	sqlstate_of_text(why, c->code);
	if (c->ticket && c->failed) /* the server's last words */
		snprintf(c->code, sizeof(c->code), "%.5s", c->err.origin);
	log_lost(c, why);
	if (c->state >= SESSION_IDLE)
		metric_add(METRIC_PG_LOST, 1);
	else
		next_host(c);
	close_socket(c);
	c->backoff = c->backoff ? c->backoff * 2 : BACKOFF_MIN;
	if (c->backoff > BACKOFF_MAX)
		c->backoff = BACKOFF_MAX;
	timer_set(&c->timer, rand_between(&c->rand, c->backoff / 2, c->backoff));
	session_set(c, SESSION_DOWN);
	if (c->ticket)
		finish_ticket(c, e);
}

static void
session_lost(struct pg_session *c, const char *why)
{
	struct err e;
	err_set(&e, ERR_UNAVAILABLE, "the connection to PostgreSQL was lost");
	session_end(c, why, &e);
}

void
session_drop(struct pg_session *c, const char *why)
{
	c->strikes += c->ticket != NULL;
	next_host(c);
	session_lost(c, why);
}

/* ---- running ------------------------------------------------------------------------------ */

static void
on_broken(void *arg)
{
	struct pg_session *c = arg;
	session_lost(c, c->pq ? PQerrorMessage(c->pq) : "broken");
}

static void
flush(struct pg_session *c)
{
	int left = PQflush(c->pq);
	if (left < 0)
		defer_schedule(&c->broken);
	else if (left > 0)
		event_add(c->write_ev, NULL);
}

/* Already, or by an earlier step of this transaction. */
static bool
is_prepared(struct pg_session *c, const struct pg_stmt *stmt)
{
	struct prepared *p;
	HASH_FIND_PTR(c->prepared, &stmt, p);
	for (int i = 0; i < c->nsteps && !p; i++)
		if (c->step_prepares[i] == stmt)
			return true;
	return p != NULL;
}

static bool
send_call(struct pg_session *c, const struct pg_ticket *t, int i)
{
	static const int binary[PG_ARGS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	const struct pg_stmt *stmt = t->call[i].stmt;
	int n = t->call[i].nargs;
	assert(n == stmt->nparams);
	if (!pool_prepares(c->pool)) {
		c->step_prepares[c->nsteps++] = NULL;
		return PQsendQueryParams(
		    c->pq, stmt->sql, n, NULL, t->call[i].value, t->call[i].length, binary, 1);
	}
	if (!is_prepared(c, stmt)) {
		c->step_prepares[c->nsteps++] = stmt;
		if (!PQsendPrepare(c->pq, stmt->name, stmt->sql, n, NULL))
			return false;
	}
	c->step_prepares[c->nsteps++] = NULL;
	return PQsendQueryPrepared(
	    c->pq, stmt->name, n, t->call[i].value, t->call[i].length, binary, 1);
}

/* Makes the transaction fail at its end with the SQLSTATE that a test wants, on the server: what it
 * did is undone. */
static bool
send_fault(struct pg_session *c)
{
	static const char sql[] = "do $$ begin raise 'fault' using errcode = '%s'; end $$";
	char text[sizeof(sql) + FAULT_CODE_MAX];
	if (!fault_hit(FAULT_PG_TRANSACTION))
		return true;
	snprintf(text, sizeof(text), sql, fault_code()[0] ? fault_code() : "XX000");
	c->step_prepares[c->nsteps++] = NULL;
	return PQsendQueryParams(c->pq, text, 0, NULL, NULL, NULL, NULL, 1);
}

void
session_run(struct pg_session *c, struct pg_ticket *t)
{
	assert(c->state == SESSION_IDLE);
	c->ticket = t;
	t->session = c;
	c->nsteps = c->step = 0;
	c->failed = c->leave = c->unsure = false;
	session_set(c, SESSION_BUSY);
	bool ok = !fault_hit(t->before);
	for (int i = 0; ok && i < t->n; i++)
		ok = send_call(c, t, i);
	ok = ok && send_fault(c);
	if (ok)
		ok = PQpipelineSync(c->pq) == 1;
	if (ok)
		flush(c);
	else
		defer_schedule(&c->broken);
}

static void
note_failure(struct pg_session *c, const PGresult *r)
{
	if (c->failed)
		return;
	c->failed = true;
	const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	code = code ? code : "";
	const struct sqlstate *meaning = sqlstate_find(code);
	err_set(&c->err, meaning->kind, "%s", text ? text : PQresultErrorMessage(r));
	snprintf(c->err.origin, sizeof(c->err.origin), "%s", code);
	/* 0A000: a cached plan no longer fits, and its name is taken: only a new connection is rid
	 * of it. */
	c->leave = meaning->leave || strcmp(code, "0A000") == 0;
	if (pool_prepares(c->pool) && sqlstate_unprepared(code)) {
		c->err.kind = ERR_UNAVAILABLE; /* not the statement's fault: it will do next time */
		forget_prepared(c);
		pool_unprepared(c->pool, &c->err);
	}
}

/* One result of the current step. Takes r. */
static void
take_result(struct pg_session *c, PGresult *r)
{
	ExecStatusType status = PQresultStatus(r);
	const struct pg_stmt *prepares = c->step_prepares[c->step];
	if (status == PGRES_COMMAND_OK && prepares) {
		struct prepared *p = mem_zalloc(sizeof(*p));
		p->stmt = prepares;
		HASH_ADD_PTR(c->prepared, stmt, p);
	} else if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
		c->results[c->nresults++] = r;
		return;
	} else if (status != PGRES_PIPELINE_ABORTED) {
		note_failure(c, r);
	}
	PQclear(r);
}

/* The server reports these settings as they change, before it ends a transaction (PostgreSQL 14).
 * One that has become read-only may be a primary that was replaced: what it says is old. */
static bool
is_read_only(const struct pg_session *c)
{
	static const char *const settings[] = { "default_transaction_read_only", "in_hot_standby" };
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		const char *value = PQparameterStatus(c->pq, settings[i]);
		if (value && strcmp(value, "on") == 0)
			return true;
	}
	return false;
}

static void
transaction_over(struct pg_session *c)
{
	if (c->writes && !c->leave && is_read_only(c)) {
		c->leave = true;
		err_set(&c->err, ERR_UNAVAILABLE, "the database has become read-only");
		if (c->failed) /* certainly; else nobody knows */
			snprintf(c->err.origin, sizeof(c->err.origin), "25006");
	}
	struct err e = c->err;
	if (c->leave) {
		/* Else it would be made again, and left again, at once. */
		c->suspect = true;
		pool_leave_idle(c->pool, "another one has to be left");
		session_end(c, e.text, &e);
		return;
	}
	if (!c->failed && c->nresults != c->ticket->n) {
		session_lost(c, "results are missing");
		return;
	}
	if (!c->failed && fault_hit(c->ticket->after)) {
		session_lost(c, "fault");
		return;
	}
	if (!c->failed && c->unsure) {
		c->failed = true;
		err_set(&e, ERR_UNAVAILABLE, "the commit was not confirmed by the standby");
	}
	c->strikes = 0;
	if (!c->failed && (c->suspect || c->lost_logged))
		session_is_well(c);
	session_set(c, SESSION_IDLE);
	finish_ticket(c, c->failed ? &e : NULL);
}

static void
read_results(struct pg_session *c)
{
	while (c->state == SESSION_BUSY && !PQisBusy(c->pq)) {
		PGresult *r = PQgetResult(c->pq);
		if (!r) {
			/* The end of one statement's results. */
			if (c->step >= c->nsteps)
				return;
			c->step++;
			continue;
		}
		if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
			PQclear(r);
			transaction_over(c);
			return;
		}
		if (c->step >= c->nsteps) {
			PQclear(r);
			session_lost(c, "an unexpected result");
			return;
		}
		take_result(c, r);
	}
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct pg_session *c = arg;
	(void)fd;
	if (c->state == SESSION_CONNECTING) {
		connect_poll(c);
		return;
	}
	if ((what & EV_READ) && !PQconsumeInput(c->pq)) {
		session_lost(c, PQerrorMessage(c->pq));
		return;
	}
	if (what & EV_WRITE || c->state == SESSION_BUSY)
		flush(c);
	read_results(c);
	if (c->state == SESSION_IDLE && PQstatus(c->pq) == CONNECTION_BAD)
		session_lost(c, PQerrorMessage(c->pq));
}

struct pg_session *
session_new(struct pg_pool *p, struct loop *l, const struct pg_options *o, uint64_t seed)
{
	struct pg_session *c = mem_zalloc(sizeof(*c));
	c->pool = p;
	c->loop = l;
	c->url = mem_strdup(o->url);
	c->name = o->name;
	c->writes = !o->read_only;
	c->state = SESSION_DOWN;
	rand_seed(&c->rand, seed);
	timer_init(&c->timer, l, on_timer_due, c);
	defer_init(&c->broken, l, on_broken, c);
	timer_set(&c->timer, 0);
	return c;
}

void
session_free(struct pg_session *c)
{
	assert(!c->ticket);
	close_socket(c);
	clear_results(c);
	metric_add(METRIC_PG_CONNECTIONS, -(c->state >= SESSION_IDLE));
	timer_done(&c->timer);
	free(c->url);
	free(c);
}
