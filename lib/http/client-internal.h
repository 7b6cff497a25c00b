/* The client's private parts, shared by client.c (the exchanges), client_connection.c (connections
 * and which of them are kept), client_wire.c (bytes, plain or by TLS) and client_target.c (URLs).
 */
#pragma once

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/types.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "http/answer_parser.h"
#include "http/client.h"

/* ---- client_target.c ---- */

/* Where a connection leads to by name: what TLS asks for, and what must be equal for a kept
 * connection to be used again. */
struct client_origin {
	int refs;
	uint32_t hash;
	uint16_t port; /* the URL's, host order */
	bool tls;
	bool is_address; /* the name is an address literal, without brackets */
	char name[];     /* lower case, without a trailing dot */
};
struct client_origin *client_origin_ref(struct client_origin *o);
void client_origin_unref(struct client_origin *o);
bool client_origin_equal(const struct client_origin *a, const struct client_origin *b);

struct client_target {
	struct client_origin *origin; /* a reference */
	struct buf head;              /* the request line and Host, with their line ends */
	bool bodiless;                /* its requests have no body */
};

/* An address with its port. */
union client_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* ---- client_wire.c ---- */

/* What every TLS connection of a client shares: roots, options, sessions. */
struct client_tls;                                                     /* opaque */
struct client_tls *client_tls_new(const char *ca_file, bool insecure); /* NULL: no roots */
void client_tls_free(struct client_tls *t);

struct client_wire {
	int fd;
	SSL *ssl;         /* NULL: plain */
	uint32_t blocked; /* EPOLLIN or EPOLLOUT: what the last WIRE_AGAIN waits for */
	int turn;         /* bytes that OpenSSL may still read in this call */
	int silent;       /* bytes that it has read since it last gave some */
};

/* Instead of a count of bytes. */
enum {
	WIRE_END = 0,     /* of what the peer had to say */
	WIRE_AGAIN = -1,  /* when `blocked` has come */
	WIRE_BROKEN = -2, /* the connection is of no more use */
};

ssize_t wire_read(struct client_wire *w, void *p, size_t n);
ssize_t wire_write(struct client_wire *w, const void *p, size_t n);
/* Bytes that are here already, so that no event will tell of them. */
bool wire_pending(const struct client_wire *w);
/* The peer of a connection at rest has neither closed it nor said anything. */
bool wire_is_silent(struct client_wire *w);
/* Nothing is expected for a while: gives back memory. */
void wire_rest(struct client_wire *w);
void wire_close(struct client_wire *w);

/* The handshake: wire_tls_start once, wire_handshake until it says 1. origin is borrowed until
 * wire_close. False: the CA file is unusable. */
bool wire_tls_start(struct client_wire *w, struct client_tls *t, struct client_origin *origin);
int wire_handshake(struct client_wire *w); /* 1, WIRE_AGAIN or WIRE_BROKEN */
/* Why it failed, for people. */
void wire_handshake_detail(const struct client_wire *w, char *out, size_t size);

/* ---- client_connection.c ---- */

enum connection_state {
	CONNECTION_DIALLING, /* waits for TCP */
	CONNECTION_SHAKING,  /* waits for TLS */
	CONNECTION_BUSY,     /* carries its exchange */
	CONNECTION_IDLE,     /* kept: in the lists, without an exchange */
};

struct client_connection {
	struct client *client;            /* borrowed */
	struct client_exchange *exchange; /* borrowed; NULL when idle */
	struct client_origin *origin;     /* a reference */
	union client_address to;
	enum connection_state state; /* changed by connection_set only */
	struct client_wire wire;
	uint32_t watched; /* EPOLLIN, EPOLLOUT: what it is registered for; 0: it is not */
	usec_t idle_since;
	LIST_ENTRY(client_connection) same;  /* in its bucket of client.buckets */
	TAILQ_ENTRY(client_connection) idle; /* in client.idle */
};
LIST_HEAD(connection_bucket, client_connection);
TAILQ_HEAD(connection_list, client_connection);

/* Makes and closes the set of sockets; by then there are no connections. */
void client_sockets_init(struct client *c);
void client_sockets_done(struct client *c);
/* Dials for the exchange, which is told by exchange_on_ready or exchange_end, never from
 * inside. NULL and *ret_detail when it cannot even begin. */
struct client_connection *connection_open(struct client_exchange *x, const char **ret_detail);
/* A kept connection to where the exchange wants to go, busy with it from now on; NULL: none. */
struct client_connection *connection_take(struct client_exchange *x);
/* Keeps it for the next exchange, within the bound. */
void connection_keep(struct client_connection *k);
void connection_close(struct client_connection *k);
/* Waits for bytes, or for bytes and room. */
void connection_wait(struct client_connection *k, bool for_room);
/* Closes the oldest idle ones while there are too many connections, or while they are too old. */
void client_trim(struct client *c);

/* ---- client_exchange.c ---- */

enum exchange_state {
	EXCHANGE_FREE,    /* in client.pool */
	EXCHANGE_QUEUED,  /* in client.queued: started, without a connection */
	EXCHANGE_RUNNING, /* in client.running */
	EXCHANGE_CALLING, /* in no list: its callback is on the stack */
};

struct client_exchange {
	TAILQ_ENTRY(client_exchange) entry;
	enum exchange_state state;
	struct client *client;                /* borrowed */
	struct client_connection *connection; /* borrowed: RUNNING, but for moments */
	struct timer deadline;
	client_fn fn;
	void *arg;
	usec_t started;
	struct client_request rq; /* without `to`; headers is our array */
	const char **lines;       /* owned: rq.headers */
	int lines_room;
	union client_address to;

	struct str unsent; /* formatted bytes to be written: in client.out, or in kept */
	char *kept;        /* owned; NULL unless a write blocked */
	size_t body_at;    /* bytes of the body that were written or formatted */
	int sends;
	bool reused;      /* its connection has carried another exchange */
	bool send_broken; /* the connection took only a part of the request */
	struct answer answer;
};
TAILQ_HEAD(exchange_list, client_exchange);

/* One from the pool, or a new one. */
struct client_exchange *exchange_get(struct client *c);
void exchange_free(struct client_exchange *x);
/* Takes it out of the lists, and closes its connection: nobody reads the rest of an answer. Then it
 * goes to the pool. */
void exchange_detach(struct client_exchange *x);
void exchange_recycle(struct client_exchange *x);
/* Ends it with its one callback. The status of a whole head is the outcome, whatever became of the
 * body; otherwise it is `transport`, and `detail` says why. */
void exchange_end(struct client_exchange *x, enum transport transport, const char *detail);
/* Gets it a connection: a kept one if it may be, or a new one. Both are judged here. */
void exchange_connect(struct client_exchange *x, bool may_reuse);
/* What its connection tells. Each may be the end of both. */
void exchange_on_ready(struct client_exchange *x);
void exchange_on_event(struct client_exchange *x);

/* ---- client.c ---- */

#define CLIENT_READ_SIZE 16384
#define CLIENT_READY_MAX 128 /* sockets looked at in one turn; the rest follows in the next */

struct client {
	struct loop *loop;                   /* borrowed */
	const struct address_policy *policy; /* borrowed */
	struct client_options options;       /* user_agent is an owned copy, ca_file NULL */
	struct client_tls *tls;              /* owned */
	struct defer work;

	struct exchange_list queued, running, pool;
	int in_flight;            /* queued and running */
	int pooled, pooled_least; /* now, and the least since `rest` ran */
	struct timer rest;        /* set while there is something to give back */
	bool calling;             /* a client_fn may be on the stack */
	bool dying;               /* client_free was called meanwhile */

	int nconnections;                  /* all of them */
	int nidle;                         /* of them, in `idle`: at most options.connections_max */
	struct connection_list idle;       /* the latest first */
	struct connection_bucket *buckets; /* owned; the idle ones by origin, too */
	uint32_t nbuckets;                 /* a power of two */

	/* Sockets are in an epoll set of their own, which is one event of the loop. */
	int epoll_fd;
	struct event *ready;                        /* owned */
	struct epoll_event batch[CLIENT_READY_MAX]; /* under way; NULL: closed meanwhile */
	int nbatch;

	struct buf out;            /* the request that is being written */
	char in[CLIENT_READ_SIZE]; /* the bytes that are being read */
};

/* Around everything that may end an exchange: client_free inside its callback takes effect in
 * client_leave, after which the client may be gone. */
void client_enter(struct client *c);
void client_leave(struct client *c);
