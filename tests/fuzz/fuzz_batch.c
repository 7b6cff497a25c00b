/* policy/split against slice_object and jansson. The first byte chooses the form (odd: lines).
 *
 *  - Each item that is accepted is a document that slice_object accepts alone, and each that is
 *    refused is one that it refuses.
 *  - An array that was cut to its end is one for jansson, with as many elements, but for numbers of
 *    any size and NUL bytes behind some values (fuzz_slice.c). One that jansson accepts was only
 *    refused for its depth. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/split.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What lies between two cursors, without what separates it from the item before: blanks, and in an
 * array the '[' or ',' between them. */
static struct str
item_between(bool lines, const unsigned char *from, const unsigned char *to)
{
	struct scan c = scan_at((struct str){ (const char *)from, (size_t)(to - from) });
	scan_blanks(&c);
	if (!lines) {
		c.p++;
		scan_blanks(&c);
	}
	return (struct str){ (const char *)c.p, (size_t)(c.end - c.p) };
}

static void
check_item(struct str item, enum split_step step, const struct slice *got)
{
	static struct slice alone;
	struct err e;
	const bool accepted = slice_object(item, &alone, &e) == 0;
	CHECK(accepted == (step == SPLIT_ITEM));
	if (!accepted)
		return;
	CHECK(alone.n == got->n);
	for (int i = 0; i < alone.n; i++) {
		CHECK(alone.member[i].value.p == got->member[i].value.p);
		CHECK(alone.member[i].value.n == got->member[i].value.n);
		CHECK(alone.member[i].key.p == got->member[i].key.p);
	}
}

static int
depth_of(struct str text)
{
	int depth = 0, most = 0;
	bool quoted = false;
	for (size_t i = 0; i < text.n; i++) {
		const char c = text.p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			most = ++depth > most ? depth : most;
		else if (!quoted && (c == '}' || c == ']'))
			depth--;
	}
	return most;
}

static void
check_array(struct str body, enum split_step end, int n)
{
	json_error_t error;
	json_t *whole = json_loadb(body.n ? body.p : "", body.n, 0, &error);
	if (whole && end == SPLIT_END)
		CHECK(json_is_array(whole) && json_array_size(whole) == (size_t)n);
	if (whole && end == SPLIT_BROKEN && memchr(body.p, '\0', body.n) == NULL)
		CHECK(!json_is_array(whole) || depth_of(body) > SLICE_DEPTH_MAX + 1);
	if (!whole && end == SPLIT_END)
		CHECK(json_error_code(&error) == json_error_numeric_overflow);
	json_decref(whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slice item;
	if (size == 0)
		return 0;
	const bool lines = data[0] & 1;
	const struct str body = { (const char *)data + 1, size - 1 };
	struct split s;
	struct err e = { 0 };
	split_begin(&s, body, lines);
	for (;;) {
		const unsigned char *from = s.at.p;
		const int before = s.n;
		const enum split_step step = split_next(&s, &item, &e);
		CHECK(s.at.p >= from && s.at.p <= s.at.end);
		if (step == SPLIT_END || step == SPLIT_BROKEN) {
			CHECK(step == SPLIT_END || (!lines && e.kind == ERR_INVALID && e.text[0]));
			if (!lines)
				check_array(body, step, s.n);
			return 0;
		}
		CHECK(s.n == before + 1 && s.at.p > from);
		check_item(item_between(lines, from, s.at.p), step, &item);
	}
}
