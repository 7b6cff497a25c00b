/* The judged addresses of one name, gathered by family. Pure. */
#pragma once

#include <stdbool.h>

#include "http/resolver.h"
#include "policy/address.h"

enum {
	VERDICT_IPV4, /* the preferred first */
	VERDICT_IPV6,
	VERDICT_FAMILIES,
};

struct verdict {
	struct verdict_family {
		int n;
		struct sockaddr_storage *address; /* owned; the allowed ones, port 0 */
		bool refused;                     /* at least one is not allowed */
	} family[VERDICT_FAMILIES];
};

void verdict_init(struct verdict *v);
void verdict_done(struct verdict *v);

/* Judges an address. All are judged, the first RESOLVER_ADDRESSES_MAX of a family are kept. */
void verdict_add(struct verdict *v, const struct address_policy *p, const struct sockaddr *sa);

/* One refused address spoils its family: who mixes public and internal addresses in one answer is
 * after a rebinding. No family left: RESOLVED_BLOCKED when any was refused, else RESOLVED_FAILED
 * with `why_not`. */
void verdict_give(const struct verdict *v, const char *why_not, struct resolver_answer *ret);
