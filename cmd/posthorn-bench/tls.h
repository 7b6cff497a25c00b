/* TLS for the receiver: connections that a plain HTTP server accepts are taken from it, decrypted,
 * and given back as the far end of a socket pair. The relaying costs this process a few system
 * calls a request, and the server under test nothing. */
#pragma once

#include <stdint.h>

#include "base/err.h"

#include "http/server.h"
#include "loop/loop.h"

struct tls; /* opaque */

struct tls_counts {
	int64_t handshakes; /* completed */
	int64_t resumed;    /* of those */
	int64_t failed;
};

/* A listener's entrance; the caller keeps it as long as the server. */
struct tls_door {
	struct tls *tls;
	struct http_server *server;
};

/* pem_path: certificate and key. ERR_IO when they cannot be used. */
struct tls *tls_new(struct loop *l, const char *pem_path, struct err *e);
/* Closes what is left, after the servers. NULL is allowed. */
void tls_free(struct tls *t);

/* From now on the server serves TLS only. */
void tls_guard(struct tls *t, struct http_server *s, struct tls_door *door);

void tls_counts(const struct tls *t, struct tls_counts *ret);
