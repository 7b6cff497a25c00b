/* The JSON Schemas of an event type. */
#pragma once

#include "api/field.h"

/* Member "schemas": an object, version to JSON Schema (draft 7), or null. *ret are the bytes of the
 * request, not a copy of their meaning. */
void schemas_field(struct fields *f, struct str *ret);

/* Whether a value has the shape of a schema: every known keyword has a value of its kind. NULL when
 * it has, else the keyword that has not (static text). */
const char *schema_fault(const json_t *schema);
