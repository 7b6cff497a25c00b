/* Judged answers by name, with an end to each: the resolver's memory. Pure: time is a parameter. At
 * the maximum the least recently used name goes. */
#pragma once

#include "base/clock.h"

#include "http/resolver.h"

#define NAME_CACHE_NAME_MAX 254 /* RFC 1035, section 2.3.4: 253 characters of text; and the NUL */

struct name_cache; /* opaque */

struct name_cache *name_cache_new(int names_max);
void name_cache_free(struct name_cache *c);
int name_cache_count(const struct name_cache *c);

/* Copies the answer in; it counts until `until`. Replaces an earlier one. */
void name_cache_put(
    struct name_cache *c, const char *name, const struct resolver_answer *a, usec_t until);
/* Copies the answer out and returns true, unless there is none or its time is over. */
bool name_cache_get(
    struct name_cache *c, const char *name, usec_t now, struct resolver_answer *ret);
void name_cache_drop(struct name_cache *c, const char *name);
void name_cache_clear(struct name_cache *c);
