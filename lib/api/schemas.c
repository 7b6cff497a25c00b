/* Schemas that are written: each version must be one that payloads could be checked against. */
#include "api/schemas.h"

#include "policy/schema.h"
#include "policy/slice.h"

/* 0, or ERR_INVALID: a version is none. */
static int
schemas_check(const json_t *schemas, struct err *e)
{
	void *at = json_object_iter((json_t *)(uintptr_t)schemas);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)schemas, at)) {
		struct schema *schema;
		if (schema_new(json_object_iter_value(at), &schema, e))
			return err_prefix(e, "version %.32s is no JSON Schema (draft 7)",
			    json_object_iter_key(at));
		schema_free(schema);
	}
	return 0;
}

/* The sender's bytes of the member: numbers and the order of keys stay as they are. */
static void
take_bytes(struct fields *f, struct str *ret)
{
	struct slice *s = arena_alloc(f->c->arena, sizeof(*s));
	struct err e;
	const struct slice_member *m = NULL;
	if (slice_object(f->c->rq->body, s, &e) == 0)
		m = slice_get(s, "schemas");
	if (m)
		*ret = m->value;
	else
		field_problem(f, "schemas", "cannot be kept: too many members around it");
}

void
schemas_field(struct fields *f, struct str *ret)
{
	const json_t *v = field_object_or_null(f, "schemas");
	struct err e;
	if (!v)
		return;
	if (schemas_check(v, &e))
		field_problem(f, "schemas", "%s", e.text);
	else
		take_bytes(f, ret);
}
