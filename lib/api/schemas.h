/* The JSON Schemas of an event type. */
#pragma once

#include "rest/field.h"

/* Member "schemas": an object, version to JSON Schema (policy/schema.h), or null. *ret are the
 * bytes of the request, not a copy of their meaning. */
void schemas_field(struct fields *f, struct str *ret);
