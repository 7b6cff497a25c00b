/* Items of a batch. Both forms have the same items: what slice_object accepts. The array's items
 * are read by the scanner that slice_object uses, so that no byte is looked at twice but those of
 * an item that is refused. */
#include "policy/split.h"

#include <string.h>

void
split_begin(struct split *s, struct str body, bool lines)
{
	/* scan_at wants a text; one without bytes will do. */
	*s = (struct split){ .at = scan_at(body.n ? body : STR("")), .lines = lines };
}

/* ---- lines -------------------------------------------------------------------------------- */

/* The next line that is not blank, without what is blank before it and without its line end. */
static bool
next_line(struct scan *at, struct str *ret)
{
	scan_blanks(at); /* line ends are blanks of JSON, too */
	if (at->p == at->end)
		return false;
	const unsigned char *from = at->p;
	const unsigned char *end = memchr(from, '\n', (size_t)(at->end - from));
	at->p = end ? end : at->end;
	*ret = scan_span(at, from);
	return true;
}

static enum split_step
split_line(struct split *s, struct slice *ret, struct err *e)
{
	struct str line;
	if (!next_line(&s->at, &line))
		return SPLIT_END;
	s->n++;
	return slice_object(line, ret, e) ? SPLIT_REFUSED : SPLIT_ITEM;
}

/* ---- an array ----------------------------------------------------------------------------- */

static enum split_step
broken(const struct split *s, struct err *e)
{
	err_set(e, ERR_INVALID, "invalid JSON at byte %zu: %s", (size_t)(s->at.p - s->at.start),
	    s->at.fault);
	return SPLIT_BROKEN;
}

static bool
skip_value(struct scan *c)
{
	bool escaped;
	const int b = scan_peek(c);
	return b == '{' || b == '[' ? scan_container(c, SLICE_DEPTH_MAX) : scan_scalar(c, &escaped);
}

static bool
take(struct scan *c, int wanted, const char *fault)
{
	if (scan_peek(c) != wanted)
		return scan_fail(c, fault);
	c->p++;
	scan_blanks(c);
	return true;
}

/* To the next item: SPLIT_ITEM when there is one. */
static enum split_step
split_advance(struct split *s, struct err *e)
{
	struct scan *c = &s->at;
	scan_blanks(c);
	if (!s->inside) {
		if (!take(c, '[', "an array is expected"))
			return broken(s, e);
		s->inside = true;
		if (scan_peek(c) != ']')
			return SPLIT_ITEM;
	} else if (scan_peek(c) != ']') {
		return take(c, ',', "',' or ']' is expected") ? SPLIT_ITEM : broken(s, e);
	}
	take(c, ']', NULL);
	if (c->p == c->end)
		return SPLIT_END;
	scan_fail(c, "there is text behind the array");
	return broken(s, e);
}

static enum split_step
split_element(struct split *s, struct slice *ret, struct err *e)
{
	const enum split_step step = split_advance(s, e);
	if (step != SPLIT_ITEM)
		return step;
	struct scan *c = &s->at;
	const struct scan item = *c;
	s->n++;
	if (slice_scan(c, ret))
		return SPLIT_ITEM;
	const struct scan fault = *c;
	*c = item;
	if (!skip_value(c))
		return broken(s, e);
	err_set(e, ERR_INVALID, "invalid JSON at byte %zu: %s", (size_t)(fault.p - item.p),
	    fault.fault);
	return SPLIT_REFUSED;
}

enum split_step
split_next(struct split *s, struct slice *ret, struct err *e)
{
	return s->lines ? split_line(s, ret, e) : split_element(s, ret, e);
}
