/* Regular expressions of a stranger, on a stranger's text: no match goes on for longer than the
 * steps that are left, whatever the expression. PCRE2, set to read what ECMA 262 writes; \d, \w and
 * \s are ASCII. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define PATTERN_MAX 4096 /* bytes of an expression */

struct pattern; /* opaque; immutable */
struct matcher; /* opaque; the memory of matches, one after the other */

/* ERR_INVALID with the place and the reason, never quoting it. */
int pattern_new(struct str text, struct pattern **ret, struct err *e) MUST_CHECK;
void pattern_free(struct pattern *p); /* NULL is allowed */
size_t pattern_bytes(const struct pattern *p);

struct matcher *matcher_new(void);
void matcher_free(struct matcher *m); /* NULL is allowed */

enum found_pattern {
	PATTERN_ABSENT,
	PATTERN_FOUND,
	PATTERN_BEYOND, /* not known: it took more than *steps, or than the memory for it */
};
/* Looks for it anywhere in the text, which is valid UTF-8. What it took is taken off *steps. */
enum found_pattern pattern_find(
    struct matcher *m, const struct pattern *p, struct str text, int64_t *steps);
