/* What an exchange with a subscriber means. Outcomes are data: a receiver's 500 is no error here.
 */
#pragma once

#include "base/str.h"

enum outcome {
	OUTCOME_DELIVERED, /* 2xx */
	OUTCOME_RETRY,     /* try again by the schedule */
	OUTCOME_THROTTLE,  /* 429, 502, 503, 504: try again, not before Retry-After */
	OUTCOME_GONE,      /* 410: disable the endpoint, dead-letter */
	OUTCOME_BLOCKED,   /* the address policy refuses the destination: dead-letter */
};

/* How the transport ended; TRANSPORT_OK means that a whole status line and head arrived. */
enum transport {
	TRANSPORT_OK,
	TRANSPORT_TIMEOUT,  /* the whole-exchange deadline passed */
	TRANSPORT_RESOLVE,  /* the name has no address, or the resolver failed */
	TRANSPORT_CONNECT,  /* refused, unreachable */
	TRANSPORT_TLS,      /* handshake or certificate */
	TRANSPORT_RESET,    /* the connection broke before the answer was whole */
	TRANSPORT_PROTOCOL, /* not HTTP, or an answer over the bounds */
	TRANSPORT_BLOCKED,  /* refused by the address policy */
	TRANSPORT_ABORTED,  /* we stopped it (a lost turn, a lost lease); not an attempt */
};

/* status is 0 unless transport == TRANSPORT_OK. */
enum outcome classify(int status, enum transport transport);

const char *outcome_to_text(enum outcome o);     /* "delivered"; static */
const char *transport_to_text(enum transport t); /* "timeout"; static */
