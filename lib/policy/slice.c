/* The top-level members of a JSON object, as spans of the sender's bytes.
 *
 * slice_object scans the document once (scan.h), without building a tree and without allocating;
 * it is called for every event, so it has to be cheap. What it accepted is valid for good: the
 * readers walk it with the same functions and ignore their results. */
#include "policy/slice.h"

#include <assert.h>
#include <string.h>

static_assert(SLICE_DEPTH_MAX <= SCAN_DEPTH_MAX, "scan.c has a bit for every level");

static bool key_matches(struct str raw, struct str key);
static struct str unescape(struct str raw, struct arena *a);

int
slice_object(struct str text, struct slice *ret, struct err *e)
{
	if (text.n == 0)
		return err_set(e, ERR_INVALID, "invalid JSON: the document is empty");

	struct scan c = scan_at(text);
	scan_blanks(&c);
	if (slice_scan(&c, ret)) {
		scan_blanks(&c);
		if (c.p == c.end)
			return 0;
		scan_fail(&c, "there is text behind the object");
	}
	return err_set(
	    e, ERR_INVALID, "invalid JSON at byte %zu: %s", (size_t)(c.p - c.start), c.fault);
}

const struct slice_member *
slice_get(const struct slice *s, const char *key)
{
	const struct str wanted = str_of(key);
	for (int i = s->n - 1; i >= 0; i--) {
		if (key_matches(s->member[i].key, wanted))
			return &s->member[i];
	}
	return NULL;
}

struct str
slice_string(const struct slice_member *m, struct arena *a)
{
	assert(m->kind == SLICE_STRING);
	const struct str raw = scan_unquoted(m->value);
	return m->escaped ? unescape(raw, a) : raw;
}

int
slice_strings(
    const struct slice_member *m, struct arena *a, struct str *ret, int max, int *ret_other)
{
	*ret_other = -1;
	if (m->kind != SLICE_ARRAY)
		return -1;

	struct scan c = scan_at(m->value);
	c.p++;
	for (int n = 0;; n++) {
		bool escaped;
		scan_blanks(&c);
		if (scan_peek(&c) == ']')
			return n;
		if (scan_peek(&c) != '"') {
			*ret_other = n;
			return -1;
		}
		if (n == max)
			return -1;

		const unsigned char *from = c.p;
		scan_string(&c, &escaped);
		const struct str raw = scan_unquoted(scan_span(&c, from));
		ret[n] = escaped ? unescape(raw, a) : raw;

		scan_blanks(&c);
		if (scan_peek(&c) == ',')
			c.p++;
	}
}

/* The kind of value that starts with this byte, if it is one at all. */
static enum slice_kind
kind_of(int first)
{
	switch (first) {
	case '{':
		return SLICE_OBJECT;
	case '[':
		return SLICE_ARRAY;
	case '"':
		return SLICE_STRING;
	case 't':
		return SLICE_TRUE;
	case 'f':
		return SLICE_FALSE;
	case 'n':
		return SLICE_NULL;
	default:
		return SLICE_NUMBER;
	}
}

static bool
scan_member(struct scan *c, struct slice_member *ret)
{
	if (!scan_key(c, &ret->key))
		return false;
	const unsigned char *from = c->p;
	ret->escaped = false;
	ret->kind = kind_of(scan_peek(c));
	const bool container = ret->kind == SLICE_OBJECT || ret->kind == SLICE_ARRAY;
	if (!(container ? scan_container(c, SLICE_DEPTH_MAX - 1) : scan_scalar(c, &ret->escaped)))
		return false;
	ret->value = scan_span(c, from);
	return true;
}

bool
slice_scan(struct scan *c, struct slice *ret)
{
	ret->n = 0;
	if (scan_peek(c) != '{')
		return scan_fail(c, "an object is expected");
	c->p++;
	scan_blanks(c);
	if (scan_peek(c) == '}') {
		c->p++;
		return true;
	}
	for (;;) {
		if (ret->n == SLICE_MEMBERS_MAX)
			return scan_fail(c, "too many members");
		if (!scan_member(c, &ret->member[ret->n]))
			return false;
		ret->n++;
		scan_blanks(c);
		const int b = scan_peek(c);
		if (b != ',' && b != '}')
			return scan_fail(c, "',' or '}' is expected");
		c->p++;
		if (b == '}')
			return true;
		scan_blanks(c);
	}
}

/* Writes one code point in UTF-8 (RFC 3629, section 3). Returns its length. */
static size_t
utf8_put(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	const size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--, code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(lead[n] | code);
	return n;
}

/* Takes the escape at the cursor, which is known to be valid. Returns the length of its text. */
static size_t
take_escape(struct scan *c, char out[4])
{
	uint32_t code = 0;
	scan_escape(c, &code);
	return utf8_put(code, out);
}

/* Is raw, its escapes resolved, this key? */
static bool
key_matches(struct str raw, struct str key)
{
	if (raw.n < key.n)
		return false; /* no escape is shorter than its text */
	if (memchr(raw.p, '\\', raw.n) == NULL)
		return str_eq(raw, key);

	struct scan c = scan_at(raw);
	while (c.p < c.end) {
		char text[4];
		size_t n = 1;
		if (*c.p == '\\')
			n = take_escape(&c, text);
		else
			text[0] = (char)*c.p++;
		if (key.n < n || memcmp(key.p, text, n) != 0)
			return false;
		key.p += n;
		key.n -= n;
	}
	return key.n == 0;
}

/* A copy of raw with its escapes resolved. */
static struct str
unescape(struct str raw, struct arena *a)
{
	char *out = arena_alloc(a, raw.n); /* enough, as no escape is shorter than its text */
	size_t n = 0;
	struct scan c = scan_at(raw);
	while (c.p < c.end) {
		const size_t left = (size_t)(c.end - c.p);
		const unsigned char *stop = memchr(c.p, '\\', left);
		const size_t plain = stop == NULL ? left : (size_t)(stop - c.p);
		memcpy(out + n, c.p, plain);
		n += plain;
		c.p += plain;
		if (stop != NULL)
			n += take_escape(&c, out + n);
	}
	return (struct str){ out, n };
}
