/* A walk over valid JSON: strings are jumped over as a whole, so that brackets and commas found
 * outside of them are structure. Indentation stops growing at INDENT_MAX levels, which bounds the
 * output of a deeply nested answer to a small multiple of its input. */
#include "json_text.h"

#include <string.h>

#include "policy/scan.h"
#include "printable.h"

#define INDENT_MAX 8

int
json_text_object(struct str text, const char *what, struct slice *ret, struct err *e)
{
	struct err why;
	if (slice_object(text, ret, &why) == 0)
		return 0;
	return err_set(e, ERR_IO, "%s is not a JSON object (%s)", what, why.text);
}

bool
json_text_next(struct str *rest, struct str *ret_element)
{
	bool escaped;
	struct scan c = scan_at(*rest);
	scan_blanks(&c);
	if (scan_peek(&c) == '[' || scan_peek(&c) == ',')
		c.p++;
	scan_blanks(&c);
	const unsigned char *from = c.p;
	int first = scan_peek(&c);
	if (first == ']' || first == SCAN_END)
		return false;
	if (first == '{' || first == '[' ? !scan_container(&c, SCAN_DEPTH_MAX)
					 : !scan_scalar(&c, &escaped))
		return false;
	*ret_element = scan_span(&c, from);
	*rest = (struct str){ (const char *)c.p, (size_t)(c.end - c.p) };
	return true;
}

static void
new_line(struct buf *out, int depth, enum json_layout layout)
{
	if (layout == JSON_COMPACT)
		return;
	buf_addc(out, '\n');
	for (int i = 0; i < depth && i < INDENT_MAX; i++)
		buf_adds(out, "  ");
}

/* One structural character and the layout around it. An empty container stays on its line. */
static void
add_structure(struct buf *out, struct scan *c, int *depth, enum json_layout layout)
{
	unsigned char sign = *c->p++;
	if (sign == '}' || sign == ']')
		new_line(out, --*depth, layout);
	buf_addc(out, (char)sign);
	if (sign == ':' && layout == JSON_PRETTY)
		buf_addc(out, ' ');
	if (sign == ',')
		new_line(out, *depth, layout);
	if (sign != '{' && sign != '[')
		return;
	scan_blanks(c);
	if (scan_peek(c) == '}' || scan_peek(c) == ']')
		buf_addc(out, (char)*c->p++);
	else
		new_line(out, ++*depth, layout);
}

void
json_text_add(struct buf *out, struct str value, enum json_layout layout)
{
	bool escaped;
	int depth = 0;
	struct scan c = scan_at(value);
	for (scan_blanks(&c); c.p < c.end && !out->failed; scan_blanks(&c)) {
		const unsigned char *from = c.p;
		if (strchr("{}[],:", *c.p))
			add_structure(out, &c, &depth, layout);
		else if (scan_scalar(&c, &escaped))
			printable_add(out, scan_span(&c, from), PRINTABLE_JSON);
		else
			return; /* not reached: the text is valid */
	}
}
