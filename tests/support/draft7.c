/* draft7 FILE…: runs files of the JSON-Schema-Test-Suite (draft 7). One line for each case, tabs
 * between: what came of it, the file, the group, the case. "pass", "fail" (another verdict than
 * expected), "refused" (no such schema here; with the reason at the end), "beyond" (a limit). */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/schema.h"

static const char *
text_at(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static const char *
outcome(const struct schema *s, const json_t *test, struct schema_finding *f)
{
	int64_t steps = SCHEMA_STEPS_MAX;
	enum schema_verdict verdict = schema_judge(s, json_object_get(test, "data"), &steps, f);
	if (verdict == SCHEMA_BEYOND)
		return "beyond";
	bool good = json_is_true(json_object_get(test, "valid"));
	return good == (verdict == SCHEMA_VALID) ? "pass" : "fail";
}

static void
run_group(const char *file, const json_t *group)
{
	struct schema *s = NULL;
	struct err e = { .text = "" };
	const json_t *tests = json_object_get(group, "tests");
	int refused = schema_new(json_object_get(group, "schema"), &s, &e);
	for (size_t i = 0; i < json_array_size(tests); i++) {
		const json_t *test = json_array_get(tests, i);
		struct schema_finding f = { .reason = "" };
		const char *what = refused ? "refused" : outcome(s, test, &f);
		printf("%s\t%s\t%s\t%s\t%s\n", what, file, text_at(group, "description"),
		    text_at(test, "description"), refused ? e.text : f.reason);
	}
	schema_free(s);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		json_error_t e;
		json_t *groups = json_load_file(argv[i], JSON_ALLOW_NUL, &e);
		if (!groups) /* numbers beyond 64 bits */
			groups =
			    json_load_file(argv[i], JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
		if (!groups) {
			fprintf(stderr, "%s: %s\n", argv[i], e.text);
			return EXIT_FAILURE;
		}
		for (size_t k = 0; k < json_array_size(groups); k++)
			run_group(argv[i], json_array_get(groups, k));
		json_decref(groups);
	}
	return EXIT_SUCCESS;
}
