/* The headers that an admin adds to an endpoint's deliveries. */
#pragma once

#include "rest/field.h"

#define ENDPOINT_HEADERS_MAX 64

/* Member "headers" of a new endpoint: an object, name to value; *ret is its JSON text. */
void endpoint_headers_field(struct fields *f, struct str *ret);
