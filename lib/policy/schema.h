/* JSON Schema, draft 7 (draft-handrews-json-schema-01 and -validation-01): a document is made into
 * a small tree once, and values are judged by it.
 *
 * References stay inside the document: "#", "#/definitions/x", "#name" for a subschema whose $id is
 * that, and the same behind the document's own $id. Others are refused, and so is one that leads
 * back to itself without going deeper into the value. Formats are checked (schema_format.c has
 * which); contentEncoding and contentMediaType are not.
 *
 * No judging takes more steps than it is given or goes deeper than SCHEMA_DEPTH_MAX: what would is
 * not judged, which is a verdict of its own. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

#define SCHEMA_NODES_MAX   20000     /* subschemas of a document */
#define SCHEMA_HEIGHT_MAX  64        /* subschemas one after the other that apply to one value */
#define SCHEMA_PATTERN_MAX (1 << 20) /* bytes of its regular expressions, compiled */
#define SCHEMA_STEPS_MAX   1000000   /* about as many as 50 ms have */
#define SCHEMA_DEPTH_MAX   600       /* subschemas within one another while a value is judged */
#define SCHEMA_LOC_MAX     16        /* segments of a place that are told */

struct schema; /* opaque; immutable */

/* Keeps a reference to the document. ERR_INVALID with the place in it and the reason. */
int schema_new(json_t *document, struct schema **ret, struct err *e) MUST_CHECK;
void schema_free(struct schema *s);          /* NULL is allowed */
size_t schema_bytes(const struct schema *s); /* of the tree, without the document */

enum schema_verdict {
	SCHEMA_VALID,
	SCHEMA_INVALID,
	SCHEMA_BEYOND, /* it cannot be known within the limits */
};

/* What is wrong with a value: the first thing that was found. */
struct schema_finding {
	int n;
	const char *loc[SCHEMA_LOC_MAX + 1]; /* the outermost first, then NULL: "items", "[2]", …;
					      * into the value, the document and what follows */
	char index[SCHEMA_LOC_MAX][24];
	char reason[192];
};

/* Takes what it took off *steps, at most SCHEMA_STEPS_MAX at first. *ret is written unless the
 * verdict is SCHEMA_VALID. */
enum schema_verdict schema_judge(const struct schema *s, const json_t *value, int64_t *steps,
    struct schema_finding *ret) MUST_CHECK;
