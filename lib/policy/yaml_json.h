/* YAML as JSON: the documents that people write by hand, and no more of it than JSON can say. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

#define YAML_DEPTH_MAX 100

/* The one document of the text. Scalars are read by the core schema (YAML 1.2): null, booleans,
 * numbers, else texts; what is quoted is a text. Refused with ERR_INVALID and the line: aliases
 * (they can make much of little), tags other than the core's, keys that are no scalars. Of a key
 * that comes again the last value counts. */
int yaml_parse(struct str text, json_t **ret, struct err *e) MUST_CHECK;
