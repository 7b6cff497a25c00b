/* Shared by server.c, conn.c, move.c, deadline.c and reply.c only.
 *
 * A connection is in the list of its state, ordered by deadline because each state has one
 *duration:
 *
 *	          first byte          request whole          socket full
 *	  IDLE ───────────────▶ READ ───────────────▶ HANDLE ───────────▶ WRITE
 *	   ▲ └─── request whole in one read ────────────▲ │                 │
 *	   └───────────────────── answer written ─────────┴─────────────────┘
 *
 *	  answer written, connection to be closed ──▶ LINGER ──▶ DEAD
 *	  IDLE, moved to another process ───────────▶ LEFT ───▶ DEAD
 *
 * IDLE and READ read requests, LINGER reads and drops; HANDLE and WRITE do not read at all: a
 *client's pipelined requests wait in its own socket. READ is also where a pipelined request waits
 *for its turn (conn.next). */
#pragma once

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/decay.h"

#include "http/parser.h"
#include "http/server.h"
#include "loop/loop.h"

enum conn_state {
	CONN_IDLE,
	CONN_READ,
	CONN_HANDLE,
	CONN_WRITE,
	CONN_LINGER,
	CONN_LEFT, /* another process has it; see move.c */
	CONN_DEAD, /* closed; freed by server.reap */
	CONN_STATES
};

struct conn {
	struct http_server *server; /* NULL: the server is gone, http_reply frees this */
	TAILQ_ENTRY(conn) entry;    /* in server.conns[state] */
	enum conn_state state;
	usec_t deadline; /* of the state; meaningless where it has none */
	int fd;
	bool deaf;      /* `readable` is not registered */
	bool closing;   /* after the answer under way */
	bool continued; /* "100 Continue" has been sent */
	struct event readable, writable;
	struct defer next; /* the pipelined request that is already in `in` */

	struct buf in; /* from `off` on: the current request, then what came after it */
	size_t off;
	struct http_scan scan;
	struct http_head head;       /* head_bytes == 0: not complete; slices die when `in` grows */
	struct http_chunked chunked; /* with `body`, of a chunked request */
	struct buf body;
	size_t size; /* bytes of the current request in `in`, in HANDLE */

	struct buf out; /* WRITE: the answer, from `written` on */
	size_t written;
	size_t lingered; /* bytes read and dropped in LINGER */
	struct http_request rq;

	usec_t since;        /* with this process */
	struct decay weight; /* bytes of its requests */
};
TAILQ_HEAD(conn_list, conn);

/* Buffers and arenas at hand for the next requests, so that memory follows the requests under way
 * rather than the connections open. */
#define SPARES_MAX 64

struct http_server {
	struct loop *loop;
	int listen_fd;
	struct event acceptable;
	bool (*accept_fn)(void *arg, int fd); /* NULL: none */
	void *accept_arg;
	bool (*move_fn)(void *arg, int fd, const struct http_stay *stay); /* NULL: none */
	void *move_arg;
	struct defer answered; /* requests, in this turn */
	usec_t answered_from;  /* deadline of the first connection that is idle since */
	struct timer forget;   /* set while connections are in LEFT */
	struct decay weight;   /* of all connections */
	struct timer resume;   /* accepting was paused */
	int spare_fd; /* given up when descriptors run out; -1 until there are some again */
	struct http_limits limits;
	http_handler_fn handler;
	void *ctx;
	char *of_refusals; /* their header lines; owned */
	bool draining;

	struct conn_list conns[CONN_STATES];
	usec_t allowed[CONN_STATES]; /* duration of a state; 0: no deadline */
	struct timer check;
	usec_t next_check; /* INT64_MAX: the timer is not set */
	struct defer reap;
	int connections; /* all but the dead */
	int pending;     /* in HANDLE */

	struct http_header *headers; /* limits.headers_max, for the parser */
	struct buf scratch;          /* an answer's head */
	struct buf spare_in[SPARES_MAX];
	struct arena *spare_arena[SPARES_MAX];
	int spare_ins, spare_arenas;
};

/* conn.c */

/* Serves fd, which it owns from now on. */
struct conn *conn_new(struct http_server *s, int fd);
/* Closes the socket now; the struct is freed at the end of the turn. */
void conn_close(struct conn *c);
/* Frees; the connection must be in no list any more. */
void conn_free(struct conn *c);
/* The server goes: the socket is closed, the struct stays until http_reply. */
void conn_orphan(struct conn *c);
/* Writes an answer, as much as goes at once, and ends the request. The slices are the caller's. */
void conn_answer(struct conn *c, struct str head, struct str body);

/* Stops looking at the socket. */
void conn_deafen(struct conn *c);

/* move.c */

void move_init(struct http_server *s);
void move_done(struct http_server *s);
void weight_init(struct decay *d, usec_t now);
/* Counts the request that was read. */
void conn_weigh(struct conn *c);
/* Whether an idle connection has moved; it is not ours any more then. */
bool conn_leaves(struct conn *c);
/* The connection has become idle after an answer. */
void conn_answered(struct conn *c);
/* Whether a request has arrived that has not been read yet. */
bool conn_has_unread(const struct conn *c);

/* deadline.c */

/* The one place that changes a state; the same state again renews its deadline. */
void conn_set(struct conn *c, enum conn_state state);
void deadline_init(struct http_server *s);

/* reply.c */

/* Answers with a JSON error, closes after it. `reason` is static text without quotes. */
void conn_refuse(struct conn *c, int status, const char *reason);
