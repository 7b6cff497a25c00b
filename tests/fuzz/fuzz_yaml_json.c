/* policy/yaml_json: whatever the text is, reading ends with a value or the line that is to blame,
 * and
 *
 *  - the value is one that JSON can say, no deeper than it may be;
 *  - written as JSON, which is YAML but for a few characters, it is read as the same value. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/yaml_json.h"

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#define KEY_MAX 1024 /* bytes of a key on one line, of YAML */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
depth_of(const json_t *v)
{
	int deepest = 0;
	size_t i;
	const json_t *item;
	json_array_foreach(v, i, item) {
		int depth = depth_of(item);
		deepest = depth > deepest ? depth : deepest;
	}
	void *at = json_object_iter((json_t *)(uintptr_t)v);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
		int depth = depth_of(json_object_iter_value(at));
		deepest = depth > deepest ? depth : deepest;
	}
	return json_is_array(v) || json_is_object(v) ? deepest + 1 : 0;
}

static bool
has_long_key(const json_t *v)
{
	size_t i;
	const json_t *item;
	json_array_foreach(v, i, item) {
		if (has_long_key(item))
			return true;
	}
	void *at = json_object_iter((json_t *)(uintptr_t)v);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)v, at))
		if (strlen(json_object_iter_key(at)) * 6 + 2 > KEY_MAX ||
		    has_long_key(json_object_iter_value(at)))
			return true;
	return false;
}

/* Whether JSON has characters that mean something else in YAML, or nothing: those that cannot be
 * printed, and line breaks of Unicode. */
static bool
has_other_characters(const char *json)
{
	static const char *const others[] = { "\x7f", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xef\xbb\xbf", "\xef\xbf\xbe", "\xef\xbf\xbf" };
	for (const char *p = json; *p; p++)
		if (p[0] == '\xc2' && (unsigned char)p[1] < 0xa0)
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strstr(json, others[i]))
			return true;
	return false;
}

static void
check_again(const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	json_t *again = NULL;
	struct err e;
	CHECK(text);
	if (!has_long_key(v) && !has_other_characters(text)) {
		CHECK(yaml_parse(str_of(text), &again, &e) == 0);
		CHECK(json_equal(again, v));
	}
	json_decref(again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *v = NULL;
	struct err e = { 0 };
	if (yaml_parse((struct str){ (const char *)data, size }, &v, &e)) {
		CHECK(e.kind == ERR_INVALID && e.text[0]);
		return 0;
	}
	CHECK(v && depth_of(v) <= YAML_DEPTH_MAX);
	check_again(v);
	json_decref(v);
	return 0;
}
