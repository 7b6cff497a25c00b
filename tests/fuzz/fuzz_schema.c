/* policy/schema: a document and a value, on two lines. Whatever they are, judging ends, and
 *
 *  - a value is what {"const": value} asks for;
 *  - what a schema says of a value, {"allOf": [schema]} says too, and {"not": schema} the contrary;
 *  - uniqueItems finds the twins of a list of the value, twice. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/schema.h"

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *
parse(const uint8_t *data, size_t size)
{
	return json_loadb(
	    (const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &(json_error_t){ 0 });
}

/* SCHEMA_BEYOND for what is no schema, too. Takes the document. */
static enum schema_verdict
judge(json_t *document, const json_t *value)
{
	struct schema *s;
	struct err e = { 0 };
	struct schema_finding f = { 0 };
	int64_t steps = SCHEMA_STEPS_MAX;
	enum schema_verdict verdict = SCHEMA_BEYOND;
	if (schema_new(document, &s, &e) == 0) {
		verdict = schema_judge(s, value, &steps, &f);
		CHECK(steps >= 0 && steps <= SCHEMA_STEPS_MAX);
		CHECK(verdict == SCHEMA_VALID || (f.reason[0] && !f.loc[f.n]));
		schema_free(s);
	} else {
		CHECK(e.kind == ERR_INVALID && e.text[0]);
	}
	json_decref(document);
	return verdict;
}

static void
check(json_t *document, json_t *value)
{
	enum schema_verdict plain = judge(json_incref(document), value);
	/* A reference means the document, which is another one below. */
	char *text = json_dumps(document, JSON_ENCODE_ANY);
	bool refers = strstr(text, "$ref") || strstr(text, "\\u");
	free(text);
	if (plain != SCHEMA_BEYOND && !refers) {
		enum schema_verdict all = judge(json_pack("{s:[O]}", "allOf", document), value);
		enum schema_verdict not = judge(json_pack("{s:O}", "not", document), value);
		CHECK(all == plain || all == SCHEMA_BEYOND);
		CHECK(not != plain || not == SCHEMA_BEYOND);
	}
	CHECK(judge(json_pack("{s:O}", "const", value), value) != SCHEMA_INVALID);
	json_t *twins = json_pack("[O,O]", value, value);
	CHECK(judge(json_pack("{s:b}", "uniqueItems", 1), twins) != SCHEMA_VALID);
	json_decref(twins);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	if (!line)
		return 0;
	size_t n = (size_t)(line - data);
	json_t *document = parse(data, n);
	json_t *value = parse(line + 1, size - n - 1);
	if (document && value)
		check(document, value);
	json_decref(document);
	json_decref(value);
	return 0;
}
