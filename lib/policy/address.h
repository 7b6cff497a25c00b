/* Which addresses a delivery may go to. IPv4: everything in the IANA special-purpose registry is
 * refused, with multicast, class E and known platform addresses in public space. IPv6: only
 * 2000::/3 less its special blocks; forms that embed an IPv4 address (mapped, 6to4, NAT64, Teredo,
 * ISATAP, SIIT) are unwrapped or refused, never passed. The allow list (CIDR) goes before the
 * refusals; an IPv4 entry also allows the mapped form, an IPv6 entry never an IPv4 address (so that
 * ::/0 does not hold 127.0.0.1). */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

#define ADDRESS_RANGES_MAX 64

struct address_range {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	int bits;                /* prefix length of the 128 */
};

struct address_policy {
	int n;
	struct address_range allow[ADDRESS_RANGES_MAX];
};

/* "127.0.0.0/8, ::1/128, 10.1.2.3": a comma-separated list; empty allows nothing extra.
 * ERR_INVALID for anything else, also for bits behind the prefix length ("10.0.0.5/8"). */
int address_policy_parse(struct str text, struct address_policy *ret, struct err *e) MUST_CHECK;

/* true when a delivery may connect there. Families other than AF_INET and AF_INET6 may not. */
bool address_allowed(const struct address_policy *p, const struct sockaddr *sa);
