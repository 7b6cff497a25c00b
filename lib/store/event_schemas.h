/* The schemas by which payloads are checked, as one worker knows them: a bounded cache of
 * event_type. What changes is known to this worker at once when it made the change
 * (event_schemas_forget), else after two seconds, four at most.
 *
 * Pure memory: who finds that something is to be read reads it (event_type_schemas.sql) and puts
 * it in. */
#pragma once

#include "base/clock.h"

#include "pg/pg.h"
#include "policy/schema.h"

#define EVENT_SCHEMAS_MAX   2000               /* event types, those without a schema included */
#define EVENT_SCHEMAS_BYTES (32 * 1024 * 1024) /* of schemas, about */

struct event_schemas; /* opaque */

struct event_schemas *event_schemas_new(void);
void event_schemas_free(struct event_schemas *c); /* NULL is allowed */

/* False: it is to be read now, by the caller. Else *ret is the schema of the newest version, or
 * NULL: the type is unknown, archived, or has none. Borrowed until the next event_schemas_take. */
bool event_schemas_find(struct event_schemas *c, struct str org, struct str type, usec_t now,
    const struct schema **ret) MUST_CHECK;
/* The arguments of event_type_schemas for these names, and what it answered. The first of them is
 * found afterwards, whatever the bounds. */
void event_schemas_args(struct event_schemas *c, struct str org, const struct str *types, int n,
    struct arena *a, struct pg_args *ret);
void event_schemas_take(struct event_schemas *c, struct str org, const struct str *types, int n,
    const PGresult *r, usec_t now);
/* It has changed, or may have. */
void event_schemas_forget(struct event_schemas *c, struct str org, struct str type);
