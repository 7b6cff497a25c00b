/* Which events an endpoint or a polling endpoint gets: the types and channels it names. */
#pragma once

#include "rest/field.h"

struct subscription {
	struct names event_types; /* n == 0: all */
	struct names channels;    /* n == 0: every message */
};

/* Members eventTypes (alias filterTypes) and channels. No event types are all of them: that is what
 * portals send for "everything". */
void subscription_read(struct fields *f, struct subscription *ret);
void subscription_arg(struct pg_args *a, const struct subscription *s); /* two arguments */

/* Asks which of its event types is unknown: a filter names those that there are, as a slip of the
 * pen would be an endpoint without events. At least one must be named. fn as of call_query_one;
 * subscription_refused then answers the call if there is such a type. */
void subscription_check(struct call *c, const struct subscription *s, call_fn fn);
bool subscription_refused(struct call *c, const struct pg_result *r);

/* Three members of an endpoint's JSON; null where it is all of them. */
void subscription_put(struct jw *j, const struct str *event_types, int nevent_types,
    const struct str *channels, int nchannels);
