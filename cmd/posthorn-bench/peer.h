/* The server under test: where it is and how it is addressed. */
#pragma once

#include <sys/socket.h>

#include "base/err.h"

#define PEER_TEXT_MAX 256

struct peer {
	struct sockaddr_storage address;
	socklen_t address_len;
	char host[PEER_TEXT_MAX];   /* for the Host field */
	char prefix[PEER_TEXT_MAX]; /* path in front of /api/v1; "" or "/…" without a slash at its
				       end */
	const char *token;          /* borrowed */
};

/* "http://host[:port][/prefix]"; https is not spoken. Resolves the name, blocking. */
int peer_init(struct peer *p, const char *url, const char *token, struct err *e) MUST_CHECK;
