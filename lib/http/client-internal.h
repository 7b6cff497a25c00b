/* The client's private parts, shared by client.c (the exchanges), client_socket.c (the multi handle
 * on the loop), client_tls.c (sessions) and client_answer.c (what comes back). */
#pragma once

#include <curl/curl.h>
#include <event2/event.h>
#include <sys/queue.h>

#include "http/client.h"

#define CLIENT_RETRY_AFTER_MAX 128 /* bytes; a date has 29, and longer ones are none */

/* Lines that take away what libcurl would add by itself. */
#define CLIENT_HEADERS_OWN 3

/* Caches of TLS sessions; a receiver's are all in one, chosen by its name and port. */
#define CLIENT_TLS_CACHES 64

/* One descriptor of the client, found by its number. */
struct client_socket {
	uint32_t life;   /* counts the sockets that had this number */
	uint8_t watched; /* EPOLLIN, EPOLLOUT: what it is registered for; 0: it is not */
	bool open;       /* ours, between open_socket and close_socket */
	bool busy;       /* a transfer is on it; otherwise it is kept for the next one */
};

enum exchange_state {
	EXCHANGE_FREE,    /* in client.pool */
	EXCHANGE_QUEUED,  /* in client.queued: started, libcurl does not know it yet */
	EXCHANGE_RUNNING, /* in client.running: added to the multi handle */
	EXCHANGE_CALLING, /* in no list: its callback is on the stack */
};

struct client_exchange {
	TAILQ_ENTRY(client_exchange) entry;
	enum exchange_state state;
	struct client *client; /* borrowed */
	CURL *easy;            /* owned; constant options are set once, see client_answer.c */
	int tls_cache;         /* that easy uses */
	struct timer deadline;
	client_fn fn;
	void *arg;
	usec_t started;

	/* What the easy handle points to. Node i of headers is followed by node i + 1. */
	char connect_to[INET6_ADDRSTRLEN + 16]; /* "::address:port" */
	struct curl_slist connect_node;
	struct curl_slist *headers; /* owned: CLIENT_HEADERS_OWN nodes, and room for the caller's */
	int headers_room;           /* at most CLIENT_HEADERS_MAX and the user agent */

	/* The answer so far. */
	int status;          /* of a whole final head; 0 before */
	size_t head_bytes;   /* all header lines, those of 1xx heads and trailers included */
	size_t body_bytes;   /* read, kept or not */
	struct buf body;     /* the kept part; max = keep_body */
	char *retry_after;   /* owned; room for CLIENT_RETRY_AFTER_MAX, made when a line comes */
	int retry_after_len; /* -1: none */
	bool blocked;        /* the policy refused the address */
	int sends;
};
TAILQ_HEAD(exchange_list, client_exchange);

struct client {
	struct loop *loop;                    /* borrowed */
	const struct address_policy *policy;  /* borrowed */
	struct client_options options;        /* ca_file is an owned copy; no user_agent */
	CURLM *multi;                         /* owned */
	CURLSH *tls_cache[CLIENT_TLS_CACHES]; /* owned; NULL: not used yet */
	struct timer timer;                   /* libcurl's */
	struct defer work;
	/* Sockets are in an epoll set of their own, which is one event of the loop. */
	int epoll_fd;
	struct event *ready;
	struct client_socket *sockets; /* owned, by descriptor number */
	int nsockets;
	struct exchange_list queued, running, pool;
	int in_flight;            /* queued and running */
	int pooled, pooled_least; /* now, and the least since `rest` ran */
	struct timer rest;        /* set while there is something to give back */
	usec_t used_at;           /* when an exchange was started last; 0: no connection is kept */
	char *user_agent_line;    /* owned; NULL: none */
	bool calling;             /* a client_fn is on the stack */
	bool dying;               /* client_free was called meanwhile */
};

/* client_socket.c: makes the multi handle and destroys it with its connections. No easy handle may
 * be left by then. */
void client_multi_init(struct client *c);
void client_multi_done(struct client *c);
/* Closes and forgets all kept connections; nothing may be in flight. */
void client_multi_renew(struct client *c);
/* Runs what is due inside libcurl: transfers just added, and its timers. */
void client_multi_kick(struct client *c);
/* The options of an easy handle that concern its sockets. */
void client_socket_setup(struct client_exchange *x);

/* client_tls.c: the options of an easy handle that concern the resumption of TLS sessions. */
void client_tls_setup(struct client_exchange *x);
/* The cache for a receiver, and to be used by an exchange before it is handed to libcurl. */
int client_tls_cache_of(struct str host, struct str port);
void client_tls_use(struct client_exchange *x, int cache);
/* No easy handle may be left by then. */
void client_tls_done(struct client *c);

/* client_answer.c: the options of an easy handle that concern the answer, and the state for a new
 * one. */
void client_answer_setup(struct client_exchange *x);
void client_answer_reset(struct client_exchange *x);
/* What the exchange came to, by libcurl's code. Slices point into x. */
void client_answer_get(struct client_exchange *x, CURLcode code, struct client_response *ret);
