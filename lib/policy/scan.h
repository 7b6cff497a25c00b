/* Scanning JSON text: a cursor that moves over one construct after the other and says where and why
 * it cannot. Nothing is built, copied or allocated. Grammar: RFC 8259 with strict UTF-8; \u0000 and
 * lone surrogates are refused. For slice.c, which gives the text a shape.
 *
 * Each scan_ function starts at the first byte of its construct and stops behind the last. When the
 * bytes are not that, it returns false: `fault` holds the reason and the cursor stands near it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SCAN_DEPTH_MAX 256
#define SCAN_END       (-1) /* what scan_peek says at the end of the text */

struct scan {
	const unsigned char *start;
	const unsigned char *p; /* the next byte; start <= p <= end */
	const unsigned char *end;
	const char *fault; /* static text; NULL until something is wrong */
};

/* At the first byte of text, which outlives the cursor and is not empty. */
static inline struct scan
scan_at(struct str text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	return (struct scan){ .start = p, .p = p, .end = p + text.n };
}

/* Notes what is wrong at the cursor; returns false. */
static inline bool
scan_fail(struct scan *c, const char *fault)
{
	c->fault = fault;
	return false;
}

static inline int
scan_peek(const struct scan *c)
{
	return c->p < c->end ? *c->p : SCAN_END;
}

static inline void
scan_blanks(struct scan *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
		c->p++;
}

/* The bytes from `from` up to the cursor. */
static inline struct str
scan_span(const struct scan *c, const unsigned char *from)
{
	return (struct str){ (const char *)from, (size_t)(c->p - from) };
}

/* The text of a string value without its quotes. */
static inline struct str
scan_unquoted(struct str value)
{
	return (struct str){ value.p + 1, value.n - 2 };
}

/* A string with its quotes. *ret_escaped: it holds a backslash. */
bool scan_string(struct scan *c, bool *ret_escaped);

/* An escape sequence, from its backslash; *ret_code is the code point it stands for. */
bool scan_escape(struct scan *c, uint32_t *ret_code);

/* A key with its colon, up to the first byte of the value. *ret is its text without the quotes. */
bool scan_key(struct scan *c, struct str *ret);

/* A string, a number of any size, true, false or null. *ret_escaped as in scan_string. */
bool scan_scalar(struct scan *c, bool *ret_escaped);

/* An object or array with all that is in it, nested at most depth_max (<= SCAN_DEPTH_MAX) deep,
 * this container included. */
bool scan_container(struct scan *c, int depth_max);
