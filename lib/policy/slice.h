/* Cutting a JSON document without building it: validates strictly (RFC 8259, UTF-8) in one pass and
 * gives the byte spans of the top-level members. The span of a value is exactly the sender's bytes:
 * numbers, escapes, white space and key order inside it are untouched.
 *
 * Accepts the same documents as jansson with an object at the top, except that numbers of any size
 * are allowed, and refuses what jansson refuses: \u0000 in keys and values, lone surrogates,
 * control characters, invalid UTF-8, a BOM, trailing commas, text behind the value, depth over the
 * limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include "policy/scan.h"

#define SLICE_MEMBERS_MAX 64
#define SLICE_DEPTH_MAX   256

enum slice_kind {
	SLICE_OBJECT,
	SLICE_ARRAY,
	SLICE_STRING,
	SLICE_NUMBER,
	SLICE_TRUE,
	SLICE_FALSE,
	SLICE_NULL,
};

struct slice_member {
	struct str key;   /* between the quotes, escapes not resolved */
	struct str value; /* the whole value; strings with their quotes */
	enum slice_kind kind;
	bool escaped; /* a string value holds at least one backslash */
};

struct slice {
	int n;
	struct slice_member member[SLICE_MEMBERS_MAX];
};

/* The document must be one object. All spans point into text. ERR_INVALID with the byte offset and
 * a reason (never quoting the input) otherwise; more than SLICE_MEMBERS_MAX top-level members are
 * refused, and so are containers nested deeper than SLICE_DEPTH_MAX, the object included. *ret is
 * unspecified after a failure. */
int slice_object(struct str text, struct slice *ret, struct err *e) MUST_CHECK;

/* The same for an object in the middle of a text: takes the one at the cursor and stops behind it.
 * False when there is none (scan.h). */
bool slice_scan(struct scan *c, struct slice *ret);

/* The last member of that name (as jansson: the last duplicate wins), or NULL. Keys with escapes
 * are compared unescaped. */
const struct slice_member *slice_get(const struct slice *s, const char *key);

/* A string value without quotes and escapes: into the document when it has no escapes, otherwise in
 * the arena. Asserts kind == SLICE_STRING. */
struct str slice_string(const struct slice_member *m, struct arena *a);

/* Elements of an array value of strings, unescaped. Returns how many, or -1: the value is no array
 * or has more than max; or an element is no string, and *ret_other is the first such, from 0. It is
 * -1 otherwise. */
int slice_strings(const struct slice_member *m, struct arena *a, struct str *ret, int max,
    int *ret_other) MUST_CHECK;
