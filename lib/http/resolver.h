/* Names to addresses with c-ares on the loop, so that a slow name server never blocks anything.
 *
 * Answers are judged by policy/address before anybody sees them: one refused address among several
 * refuses its family (a rebinding attempt). A name with no family left is blocked; IPv4 goes first.
 * /etc/hosts is honoured and judged alike; names are absolute, search domains are never tried.
 * Cached by TTL clamped to [1 s, 60 s], failures for 5 s; the cache holds at most 10 000 names
 * (least recently used goes first). Concurrent lookups of one name share one query. */
#pragma once

#include <netinet/in.h>

#include "base/err.h"

#include "loop/loop.h"
#include "policy/address.h"

#define RESOLVER_ADDRESSES_MAX 16

struct resolver; /* opaque */

enum resolved {
	RESOLVED_OK,
	RESOLVED_FAILED,  /* no such name, no address, no answer in time */
	RESOLVED_BLOCKED, /* the address policy refuses it */
};

struct resolver_answer {
	enum resolved result;
	int n; /* RESOLVED_OK: at least 1; IPv4 first */
	struct sockaddr_storage address[RESOLVER_ADDRESSES_MAX]; /* port 0 */
	char detail[96]; /* why not; never an address; "" for RESOLVED_OK */
};

/* Exactly once, never from inside resolver_lookup; answer is borrowed for the call. Not called
 * after resolver_cancel. */
typedef void (*resolver_fn)(void *arg, const struct resolver_answer *answer);
struct resolver_query; /* opaque */

/* servers: NULL for the system's (/etc/resolv.conf), else "127.0.0.1:5353" (tests). timeout: of a
 * whole lookup. policy is borrowed and must outlive the resolver. */
struct resolver *resolver_new(struct loop *l, const struct address_policy *policy,
    const char *servers, usec_t timeout, struct err *e);
void resolver_free(struct resolver *r); /* cancels what is under way */

/* The cached answer, valid until the next call of the resolver; NULL when it must be looked up. IP
 * literals and "localhost" (RFC 6761: loopback, without DNS) are answered here at once. */
const struct resolver_answer *resolver_cached(struct resolver *r, const char *host);

struct resolver_query *resolver_lookup(
    struct resolver *r, const char *host, resolver_fn fn, void *arg);
void resolver_cancel(struct resolver_query *q);
/* A cached answer counts for the longest time there is, for who waited for it so long that it could
 * not be used. */
void resolver_keep(struct resolver *r, const char *host);
/* Forgets a name, e.g. after a connection to its address failed. */
void resolver_forget(struct resolver *r, const char *host);
/* Forgets all names, e.g. after a change of policy. */
void resolver_forget_all(struct resolver *r);
