/* The constructs of JSON text. Invariants:
 *
 *  1. The cursor only moves forward; no byte at or behind its end is read.
 *  2. Nothing recurses: the containers that are open are bits in struct nest.
 *  3. What was accepted once is accepted again, so a reader of accepted text may ignore results.
 *
 * tests/fuzz/fuzz_slice.c compares the language with jansson's. */
#include "policy/scan.h"

#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"

/* The containers that are open, innermost last: one bit each, set for an object. */
struct nest {
	uint64_t objects[SCAN_DEPTH_MAX / 64];
	int depth;
	int depth_max; /* more is a fault, not a reason to grow */
};

static bool scan_code_point(struct scan *c, uint32_t *ret_code);
static bool scan_hex4(struct scan *c, uint32_t *ret);

/* Moves over the bytes that stand for themselves in a string: ASCII other than quote, backslash and
 * control characters. Sixteen at a time where SSE2 is there: payloads are mostly such bytes. */
static inline void
skip_plain(struct scan *c)
{
	const unsigned char *p = c->p;
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i last_control = _mm_set1_epi8(0x1f);
	for (; c->end - p >= 16; p += 16) {
		const __m128i v = _mm_loadu_si128((const __m128i *)p);
		const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, last_control), v);
		const __m128i mark =
		    _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
		/* movemask takes the top bit of each byte, which v itself has when not ASCII. */
		const int stops = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(mark, control), v));
		if (stops != 0) {
			c->p = p + __builtin_ctz((unsigned)stops);
			return;
		}
	}
#endif
	while (p < c->end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	c->p = p;
}

bool
scan_string(struct scan *c, bool *ret_escaped)
{
	*ret_escaped = false;
	if (scan_peek(c) != '"')
		return scan_fail(c, "a string is expected");
	c->p++;
	for (;;) {
		skip_plain(c);
		const int b = scan_peek(c);
		if (b == '"') {
			c->p++;
			return true;
		}
		if (b == '\\') {
			uint32_t code;
			*ret_escaped = true;
			if (!scan_escape(c, &code))
				return false;
		} else if (b == SCAN_END) {
			return scan_fail(c, "the string does not end");
		} else if (b < 0x20) {
			return scan_fail(c, "there is a control character in a string");
		} else {
			const size_t n = utf8_sequence(c->p, (size_t)(c->end - c->p));
			if (n == 0)
				return scan_fail(c, "invalid UTF-8");
			c->p += n;
		}
	}
}

bool
scan_escape(struct scan *c, uint32_t *ret_code)
{
	static const char simple[256] = {
		['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t',
	};

	c->p++;
	const int b = scan_peek(c);
	if (b == 'u') {
		c->p++;
		return scan_code_point(c, ret_code);
	}
	if (b == SCAN_END || simple[b] == 0)
		return scan_fail(c, "unknown escape");
	c->p++;
	*ret_code = (unsigned char)simple[b];
	return true;
}

/* What stands behind \u: one code point, as one or (RFC 8259, section 7) two groups of digits. */
static bool
scan_code_point(struct scan *c, uint32_t *ret_code)
{
	uint32_t high, low;
	if (!scan_hex4(c, &high))
		return false;
	if (high == 0)
		return scan_fail(c, "\\u0000 is not allowed");
	if (high < 0xd800 || high > 0xdfff) {
		*ret_code = high;
		return true;
	}
	if (high > 0xdbff || c->end - c->p < 2 || c->p[0] != '\\' || c->p[1] != 'u')
		return scan_fail(c, "a surrogate without its other half");
	c->p += 2;
	if (!scan_hex4(c, &low))
		return false;
	if (low < 0xdc00 || low > 0xdfff)
		return scan_fail(c, "a surrogate without its other half");
	*ret_code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return true;
}

/* Four hexadecimal digits. */
static bool
scan_hex4(struct scan *c, uint32_t *ret)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++, c->p++) {
		const int b = scan_peek(c);
		if (b >= '0' && b <= '9')
			value = value << 4 | (uint32_t)(b - '0');
		else if ((b | 0x20) >= 'a' && (b | 0x20) <= 'f')
			value = value << 4 | (uint32_t)((b | 0x20) - 'a' + 10);
		else
			return scan_fail(c, "a hexadecimal digit is expected");
	}
	*ret = value;
	return true;
}

static bool
scan_literal(struct scan *c, struct str word)
{
	if ((size_t)(c->end - c->p) < word.n || memcmp(c->p, word.p, word.n) != 0)
		return scan_fail(c, "a value is expected");
	c->p += word.n;
	return true;
}

/* One digit or more. */
static bool
scan_digits(struct scan *c)
{
	const unsigned char *from = c->p;
	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return c->p > from || scan_fail(c, "a digit is expected");
}

/* A number of any size. A digit behind a leading zero is left to the caller, who wants a comma. */
static bool
scan_number(struct scan *c)
{
	if (scan_peek(c) == '-')
		c->p++;
	if (scan_peek(c) == '0')
		c->p++;
	else if (!scan_digits(c))
		return false;
	if (scan_peek(c) == '.') {
		c->p++;
		if (!scan_digits(c))
			return false;
	}
	if (scan_peek(c) == 'e' || scan_peek(c) == 'E') {
		c->p++;
		if (scan_peek(c) == '+' || scan_peek(c) == '-')
			c->p++;
		return scan_digits(c);
	}
	return true;
}

bool
scan_scalar(struct scan *c, bool *ret_escaped)
{
	const int b = scan_peek(c);
	if (b == '"')
		return scan_string(c, ret_escaped);
	*ret_escaped = false;
	if (b == '-' || (b >= '0' && b <= '9'))
		return scan_number(c);
	if (b == 't')
		return scan_literal(c, STR("true"));
	if (b == 'f')
		return scan_literal(c, STR("false"));
	if (b == 'n')
		return scan_literal(c, STR("null"));
	return scan_fail(c, "a value is expected");
}

bool
scan_key(struct scan *c, struct str *ret)
{
	const unsigned char *from = c->p;
	bool escaped;
	if (!scan_string(c, &escaped))
		return false;
	*ret = scan_unquoted(scan_span(c, from));
	scan_blanks(c);
	if (scan_peek(c) != ':')
		return scan_fail(c, "':' is expected");
	c->p++;
	scan_blanks(c);
	return true;
}

static bool
nest_push(struct nest *open, bool object)
{
	if (open->depth == open->depth_max)
		return false;
	const uint64_t bit = UINT64_C(1) << (open->depth % 64);
	uint64_t *word = &open->objects[open->depth / 64];
	*word = object ? *word | bit : *word & ~bit;
	open->depth++;
	return true;
}

static bool
nest_in_object(const struct nest *open)
{
	const int top = open->depth - 1;
	return open->objects[top / 64] >> (top % 64) & 1;
}

/* The bracket that ends the innermost container. */
static int
nest_closer(const struct nest *open)
{
	return nest_in_object(open) ? '}' : ']';
}

/* Where a value is due: through every container that opens there, up to behind the first scalar or
 * to the closing bracket of an empty container. */
static bool
scan_down(struct scan *c, struct nest *open)
{
	for (;;) {
		struct str key;
		bool escaped;
		const int b = scan_peek(c);
		if (b != '{' && b != '[')
			return scan_scalar(c, &escaped);
		if (!nest_push(open, b == '{'))
			return scan_fail(c, "nested too deeply");
		c->p++;
		scan_blanks(c);
		if (scan_peek(c) == nest_closer(open))
			return true;
		if (b == '{' && !scan_key(c, &key))
			return false;
	}
}

/* Behind a value: through every container that ends there, until the next value is due or none is
 * open any more. */
static bool
scan_up(struct scan *c, struct nest *open)
{
	while (open->depth > 0) {
		struct str key;
		scan_blanks(c);
		const int b = scan_peek(c);
		if (b == ',') {
			c->p++;
			scan_blanks(c);
			return !nest_in_object(open) || scan_key(c, &key);
		}
		if (b != nest_closer(open))
			return scan_fail(c, "',' or a closing bracket is expected");
		c->p++;
		open->depth--;
	}
	return true;
}

bool
scan_container(struct scan *c, int depth_max)
{
	assert(depth_max >= 0 && depth_max <= SCAN_DEPTH_MAX);
	struct nest open = { .depth_max = depth_max };
	do {
		if (!scan_down(c, &open) || !scan_up(c, &open))
			return false;
	} while (open.depth > 0);
	return true;
}
