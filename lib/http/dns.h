/* Questions to the hosts file and the name servers, with c-ares on the loop. What comes back is
 * raw: only the resolver may use it, which judges every address. */
#pragma once

#include <ares.h>

#include "base/err.h"

#include "loop/loop.h"

struct dns; /* opaque */

/* servers: NULL for the system's (/etc/resolv.conf), else "address:port, …". timeout: in which one
 * server is asked twice. ERR_CONFIG when servers cannot be read. */
struct dns *dns_new(struct loop *l, const char *servers, usec_t timeout, struct err *e);
/* Calls back with ARES_EDESTRUCTION for what it owes. */
void dns_free(struct dns *d);

/* Asks for the addresses of one family (AF_INET, AF_INET6). fn is called exactly once, perhaps on
 * this stack; it owns the ares_addrinfo. There is no cancelling (c-ares 1.18 has none). */
void dns_ask(struct dns *d, const char *name, int family, ares_addrinfo_callback fn, void *arg);
