/* The host of a URL: as written, as the DNS takes it, and what kind of name it is. For url.c. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define HOST_MAX 253 /* RFC 1035, section 3.1: 255 octets on the wire */

/* A name in any spelling: percent signs resolved, labels that are not ASCII as A-labels, lower
 * case, without the dot of the root. ERR_INVALID when that gives no name of letters, digits, '-'
 * and '_' in labels of 1 to 63. An IPv4 address passes as it is written. */
int host_from_name(struct str text, char ret[HOST_MAX + 1], struct err *e) MUST_CHECK;

/* An IPv6 address without its brackets, in the spelling of RFC 5952. Zone ids are ERR_INVALID. */
int host_from_ipv6(struct str text, char ret[HOST_MAX + 1], struct err *e) MUST_CHECK;

/* The rest is about what these gave. */

bool host_is_address(const char *host); /* dotted IPv4 with four numbers, or IPv6 */

/* The last label reads as a number: to some, such a name is an IPv4 address in an odd spelling (the
 * host parser of https://url.spec.whatwg.org). */
bool host_ends_in_number(const char *host);

/* A name that means something inside a network, and not the same thing everywhere: single labels,
 * localhost, *.local, *.internal and such. */
bool host_is_internal(const char *host);
