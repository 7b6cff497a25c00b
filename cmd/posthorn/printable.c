/* Escaping of what a terminal would obey rather than show: C0 and C1 controls, DEL, invalid UTF-8,
 * and the marks that change direction or break lines (Unicode Standard Annex #9; "Trojan Source",
 * CVE-2021-42574). Everything else passes as it is. */
#include "printable.h"

#include <stdint.h>

#include "base/attr.h"
#include "base/utf8.h"

static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x00, 0x1f },     /* C0 */
	{ 0x7f, 0x9f },     /* DEL, C1 */
	{ 0x61c, 0x61c },   /* Arabic letter mark */
	{ 0x200b, 0x200f }, /* zero width, left-to-right and right-to-left marks */
	{ 0x2028, 0x202e }, /* line and paragraph separator, embeddings and overrides */
	{ 0x2060, 0x206f }, /* word joiner, isolates, deprecated format characters */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xfff9, 0xfffb }, /* interlinear annotation */
};

/* A valid sequence of n bytes. */
static uint32_t
code_point(const unsigned char *p, size_t n)
{
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = p[0] & lead[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

static bool
is_hidden(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return true;
	return false;
}

/* All hidden code points are in the basic plane, so four digits do. */
static void
add_escape(struct buf *out, uint32_t c, enum printable how)
{
	if (c == '\n' && how != PRINTABLE_JSON)
		buf_adds(out, "\\n");
	else if (c == '\t' && how != PRINTABLE_JSON)
		buf_adds(out, "\\t");
	else if (c == '\r' && how != PRINTABLE_JSON)
		buf_adds(out, "\\r");
	else
		buf_addf(out, "\\u%04x", (unsigned)c);
}

void
printable_add(struct buf *out, struct str text, enum printable how)
{
	const unsigned char *p = (const unsigned char *)text.p;
	const unsigned char *end = p + text.n;
	while (p < end) {
		size_t n = utf8_sequence(p, (size_t)(end - p));
		if (n == 0) {
			buf_addf(out, "\\x%02x", *p++);
			continue;
		}
		uint32_t c = code_point(p, n);
		if (is_hidden(c))
			add_escape(out, c, how);
		else if (c == '\\' && how == PRINTABLE_CELL)
			buf_adds(out, "\\\\");
		else
			buf_add(out, p, n);
		p += n;
	}
}

const char *
printable_line(struct arena *a, struct str text, size_t max)
{
	struct buf b;
	if (text.n > max)
		text.n = max;
	buf_init(&b, text.n * 6 + 1);
	printable_add(&b, text, PRINTABLE_LINE);
	const char *line = arena_strndup(a, b.data, b.len);
	buf_free(&b);
	return line;
}
