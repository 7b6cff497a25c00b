/* policy/webhooks: an OpenAPI document, as JSON. Whatever stands in it, reading ends with webhooks
 * or the one that is to blame, within the bounds of webhooks.h, and
 *
 *  - names, groups and flags are such, and nobody's name comes twice;
 *  - schemas are JSON, and what {"1": …} holds is a schema that needs nothing else;
 *  - the document stays as it is. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/name.h"
#include "policy/schema.h"
#include "policy/webhooks.h"

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *
parse(const char *data, size_t size)
{
	return json_loadb(data, size, JSON_ALLOW_NUL, &(json_error_t){ 0 });
}

static void
check_schemas(struct str text)
{
	struct schema *s;
	struct err e;
	json_t *versions = parse(text.p, text.n);
	CHECK(versions && json_object_size(versions) == 1);
	CHECK(schema_new(json_object_get(versions, "1"), &s, &e) == 0);
	schema_free(s);
	json_decref(versions);
}

static bool
has_nul(struct str s)
{
	return s.n && memchr(s.p, '\0', s.n);
}

static void
check(const struct webhooks *w)
{
	size_t bytes = 0;
	CHECK(w->n <= WEBHOOKS_MAX);
	for (int i = 0; i < w->n; i++) {
		const struct webhook *one = &w->list[i];
		CHECK(name_valid(one->name) && one->group.n <= NAME_MAX_LEN);
		CHECK(one->description.p && one->nflags <= WEBHOOKS_FLAGS_MAX);
		CHECK(
		    !has_nul(one->description) && !has_nul(one->group)); /* no text of a database */
		for (int k = 0; k < one->nflags; k++)
			CHECK(name_valid(one->flags[k]));
		for (int k = 0; k < i; k++)
			CHECK(!str_eq(w->list[k].name, one->name));
		if (one->schemas.p)
			check_schemas(one->schemas);
		bytes += one->schemas.n;
	}
	CHECK(bytes <= WEBHOOKS_BYTES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *document = parse((const char *)data, size);
	if (!document)
		return 0;
	struct arena *a = arena_new();
	struct webhooks w;
	struct err e = { 0 };
	const char *name;
	json_t *before = json_deep_copy(document);
	if (webhooks_read(document, a, &w, &name, &e) == 0)
		check(&w);
	else
		CHECK(e.kind == ERR_INVALID && e.text[0]);
	CHECK(json_equal(document, before));
	json_decref(before);
	json_decref(document);
	arena_free(a);
	return 0;
}
