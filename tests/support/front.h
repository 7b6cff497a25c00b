/* A server on loopback with a scripted handler, and raw clients on the same loop's thread.
 *
 * The handler answers by path: "/echo" with the request's body, "/target" with method and target,
 * "/hold" not until front_release, "/large" with FRONT_LARGE bytes, anything else with "{}". */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

#include "http/server.h"

#define FRONT_LARGE     (8 * 1024 * 1024)
#define FRONT_HELD_MAX  64
#define FRONT_PEERS_MAX 64
#define FRONT_OK        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

struct peer {
	int fd;        /* -1: closed by the test */
	bool mute;     /* does not read */
	bool ended;    /* the server has closed its side, or reset */
	bool reset;    /* it ended with a reset, which may destroy an answer on its way */
	struct buf in; /* everything received; NUL-terminated */
};

struct front {
	struct loop *loop;
	struct http_server *server;
	int listen_fd, port;
	struct http_request *held[FRONT_HELD_MAX]; /* in order */
	int nheld;
	int handled;
	bool free_in_handler; /* the next request frees the server before it is answered */
	struct peer *peers[FRONT_PEERS_MAX];
	int npeers;
};

void front_start(struct front *f, const struct http_limits *limits);
void front_stop(struct front *f); /* whatever is left; the server may be freed already */

/* One turn of the loop and of every client. */
void front_turn(struct front *f);
/* Answers the oldest held request with "{}". */
void front_release(struct front *f);

struct peer *peer_open(struct front *f);
/* Sends all, turning the loop while the socket is full. A server that has closed is no error. */
void peer_send(struct front *f, struct peer *p, struct str bytes);
void peer_sends(struct front *f, struct peer *p, const char *text);
void peer_shut(struct peer *p);  /* no more from this side */
void peer_close(struct peer *p); /* politely */
void peer_reset(struct peer *p);
bool peer_has(const struct peer *p, const char *text);
int peer_answers(const struct peer *p); /* status lines received */

/* Turns until it holds. */
#define WAIT_FOR(f, condition)                                                                     \
	do {                                                                                       \
		usec_t give_up = clock_mono() + 30 * USEC_PER_SEC;                                 \
		while (!(condition)) {                                                             \
			if (clock_mono() > give_up)                                                \
				fail_msg("waited in vain for %s", #condition);                     \
			front_turn(f);                                                             \
		}                                                                                  \
	} while (0)
