/* policy/slice against jansson. Both accept the same documents, except that
 *
 *  - jansson refuses numbers outside its types, and reads no further then;
 *  - jansson 2.14 overlooks a NUL byte behind a number or literal, which slice refuses;
 *  - slice wants an object at the top, at most SLICE_MEMBERS_MAX members (duplicates count) and at
 *    most SLICE_DEPTH_MAX containers inside one another, the object included.
 *
 * What slice refuses for its limits is measured here, independently. Of what both accept, each span
 * is parsed alone and compared with jansson's value of that key, and so are the strings. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#include "policy/slice.h"

#define STRINGS_MAX 8

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Depth of containers and number of top-level members of a valid document that is an object. */
static void
measure(struct str text, int *ret_depth, int *ret_members)
{
	int depth = 0;
	bool quoted = false;
	*ret_depth = *ret_members = 0;
	for (size_t i = 0; i < text.n; i++) {
		const char c = text.p[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (c == '{' || c == '[')
			*ret_depth = ++depth > *ret_depth ? depth : *ret_depth;
		else if (c == '}' || c == ']')
			depth--;
		else if (c == ':' && depth == 1)
			++*ret_members;
	}
}

/* jansson's value of one span: the same as in the whole document. */
static json_t *
parse_span(struct str span)
{
	json_error_t error;
	json_t *value = json_loadb(span.p, span.n, JSON_DECODE_ANY, &error);
	CHECK(value != NULL);
	return value;
}

/* The strings of an array, read by slice_strings, against the array itself. */
static void
check_strings(const struct slice_member *m, const json_t *array, struct arena *a)
{
	struct str got[STRINGS_MAX];
	const size_t count = json_array_size(array);
	size_t strings = 0;
	while (strings < count && json_is_string(json_array_get(array, strings)))
		strings++;

	int other;
	const int n = slice_strings(m, a, got, STRINGS_MAX, &other);
	CHECK(n == (strings == count && count <= STRINGS_MAX ? (int)count : -1));
	CHECK(other == (strings < count && strings <= STRINGS_MAX ? (int)strings : -1));
	for (int i = 0; i < n; i++) {
		const json_t *wanted = json_array_get(array, (size_t)i);
		CHECK(got[i].n == json_string_length(wanted));
		CHECK(memcmp(got[i].p, json_string_value(wanted), got[i].n) == 0);
	}
}

/* One member that jansson keeps: the last of its name. */
static void
check_member(const struct slice_member *m, const json_t *wanted, struct arena *a)
{
	static const json_type types[] = {
		[SLICE_OBJECT] = JSON_OBJECT,
		[SLICE_ARRAY] = JSON_ARRAY,
		[SLICE_STRING] = JSON_STRING,
		[SLICE_TRUE] = JSON_TRUE,
		[SLICE_FALSE] = JSON_FALSE,
		[SLICE_NULL] = JSON_NULL,
	};
	json_t *alone = parse_span(m->value);
	CHECK(json_equal(alone, wanted));
	json_decref(alone);

	if (m->kind == SLICE_NUMBER)
		CHECK(json_is_number(wanted));
	else
		CHECK(json_typeof(wanted) == types[m->kind]);
	if (m->kind == SLICE_STRING) {
		const struct str got = slice_string(m, a);
		CHECK(got.n == json_string_length(wanted));
		CHECK(memcmp(got.p, json_string_value(wanted), got.n) == 0);
	}
	if (m->kind == SLICE_ARRAY)
		check_strings(m, wanted, a);
}

static void
check_accepted(struct str text, const struct slice *s, json_t *document)
{
	struct arena *a = arena_new();
	const char *key;
	json_t *wanted;
	size_t kept = 0;
	json_object_foreach(document, key, wanted) {
		const struct slice_member *m = slice_get(s, key);
		CHECK(m != NULL);
		check_member(m, wanted, a);
		kept++;
	}
	CHECK(kept <= (size_t)s->n);

	const char *at = text.p; /* spans follow one another inside the text */
	for (int i = 0; i < s->n; i++) {
		const struct slice_member *m = &s->member[i];
		CHECK(m->key.p > at && m->value.p > m->key.p + m->key.n);
		at = m->value.p + m->value.n;
		json_decref(parse_span(m->value));
	}
	CHECK(at < text.p + text.n);
	arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slice s;
	const struct str text = { (const char *)data, size };
	struct err e = { 0 };
	json_error_t error;

	const bool accepted = slice_object(text, &s, &e) == 0;
	if (size > 0 && memchr(data, '\0', size) != NULL) {
		CHECK(!accepted);
		return 0;
	}
	json_t *document = json_loadb(text.p, text.n, 0, &error);
	if (document == NULL) {
		CHECK(!accepted || json_error_code(&error) == json_error_numeric_overflow);
		return 0;
	}
	if (accepted) {
		CHECK(json_is_object(document));
		check_accepted(text, &s, document);
	} else {
		int depth, members;
		CHECK(e.kind == ERR_INVALID && e.text[0] != '\0');
		measure(text, &depth, &members);
		CHECK(!json_is_object(document) || depth > SLICE_DEPTH_MAX ||
		      members > SLICE_MEMBERS_MAX);
	}
	json_decref(document);
	return 0;
}
