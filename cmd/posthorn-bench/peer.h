/* The server under test: where its nodes are and how they are addressed. */
#pragma once

#include <sys/socket.h>

#include "base/err.h"

#define PEER_TEXT_MAX  256
#define PEER_NODES_MAX 64

struct peer_node {
	struct sockaddr_storage address;
	socklen_t address_len;
};

struct peer {
	int nnodes;
	struct peer_node node[PEER_NODES_MAX];
	char host[PEER_TEXT_MAX];   /* for the Host field: the first node's */
	char prefix[PEER_TEXT_MAX]; /* path in front of /api/v1; "" or "/…" without a slash at its
				       end; the same for all */
	const char *token;          /* borrowed */
};

/* "http://host[:port][/prefix]", several with commas between them; https is not spoken. Resolves
 * the names, blocking. */
int peer_init(struct peer *p, const char *urls, const char *token, struct err *e) MUST_CHECK;
