/* A scripted subscriber on the loop: it accepts connections, reads requests, and does to each what
 * the test says, down to the byte: answer, drip, never end, close, reset, say nothing. */
#pragma once

#include <netinet/in.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#include "loop/loop.h"

enum receiver_end {
	RECEIVER_KEEP,  /* waits for the next request on the connection */
	RECEIVER_CLOSE, /* closes it */
	RECEIVER_RESET, /* closes it with RST */
};

/* What is done with one request: `bytes` at once, then `again` over and over when there is any
 * (every again_ms; 0: as fast as it goes), else the end. With no bytes and RECEIVER_KEEP: a black
 * hole. */
struct receiver_play {
	struct str bytes;
	struct str again;
	int again_ms;
	enum receiver_end end;
};

struct receiver_request {
	int number;     /* of all requests, from 1 */
	int connection; /* the ordinal of its connection, from 1 */
	struct str head;
	struct str body;
};

/* Called for each whole request. The play must live until the connection is through with it. NULL:
 * hold the answer back until receiver_release. */
typedef const struct receiver_play *(*receiver_fn)(void *arg, const struct receiver_request *rq);

struct receiver_counts {
	int accepted;
	int open;
	int requests;
	int held;
	int64_t written; /* bytes */
};

struct receiver; /* opaque */

/* address: "127.0.0.1" or "::1"; the port is free choice. tls: borrowed, or NULL for plain HTTP. */
struct receiver *receiver_new(
    struct loop *l, const char *address, SSL_CTX *tls, receiver_fn fn, void *arg);
void receiver_free(struct receiver *r);

const struct sockaddr_storage *receiver_address(const struct receiver *r);
int receiver_port(const struct receiver *r);
struct receiver_counts receiver_counts(const struct receiver *r);
/* Done to new connections instead of reading: RECEIVER_KEEP (the default) reads. */
void receiver_on_accept(struct receiver *r, enum receiver_end end);
/* Plays to all requests that were held back. */
void receiver_release(struct receiver *r, const struct receiver_play *play);
/* Closes the connections that are open, as an idle timeout of the receiver would. */
void receiver_close_connections(struct receiver *r);

/* A receiver_fn: arg is a script; the last play repeats. */
struct receiver_script {
	const struct receiver_play *plays;
	int n;
	int next;
};
const struct receiver_play *receiver_scripted(void *arg, const struct receiver_request *rq);

/* A key and a self-signed certificate made now, for the DNS name and 127.0.0.1. When pem_path is
 * not NULL the certificate is written there. The caller frees it with SSL_CTX_free. */
SSL_CTX *receiver_tls_new(const char *name, const char *pem_path);
