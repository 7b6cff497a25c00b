/* A borrowed slice of bytes: not NUL-terminated, never freed through this struct. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
/* The same as an initialiser, for tables: ISO C takes no compound literal there. */
#define STR_INIT(literal)                                                                          \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}
/* For printf("%.*s", STR_FMT(s)). */
#define STR_FMT(s) (int)(s).n, (s).p

static inline struct str
str_of(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts(struct str s, struct str prefix);

/* Decimal, the whole of s, no sign unless '-' for the signed one, no leading blanks.
 * Return 0, or -1 when s is no such number or outside [min, max]. */
int str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret);

#define STR_I64_SIZE 21 /* a sign, the 19 digits of 2^63 and a NUL */
/* The decimal text in out, which it borrows; NUL-terminated too. */
struct str str_from_i64(int64_t v, char out[STR_I64_SIZE]);

/* Splits at the first `sep`: *ret_head is what stands before it, *s what stands after it (empty
 * with p == NULL when there was none). Returns false when s->p is NULL, so that
 * `while (str_split(&rest, ',', &item))` visits every item, empty ones included. */
bool str_split(struct str *s, char sep, struct str *ret_head);

/* Without leading and trailing spaces and tabs. */
struct str str_trim(struct str s);
