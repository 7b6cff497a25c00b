/* The OpenAPI document, put together once (openapi.h): the files become its components, the rows of
 * the route table its paths. */
#include "api/openapi.h"

#include "api/handlers.h"
#include "openapi_files.h"
#include "rest/reply.h"

#define LIST_PREFIX "ListResponse"

static struct str document; /* the process's; p == NULL: not made yet */

/* A document being made. All are borrowed from root. */
struct making {
	json_t *root;
	json_t *tags, *paths, *webhooks;
	json_t *schemas, *parameters, *responses;
};

static json_t *
reference_to(const char *schema)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", schema));
}

static json_t *
json_content(const char *schema)
{
	return json_pack("{s:{s:o}}", "application/json", "schema", reference_to(schema));
}

/* ---- the files ---------------------------------------------------------------------------- */

/* Each takes one member of its file. */

static int
take_schema(struct making *m, const char *name, json_t *v, struct err *e)
{
	if (json_object_get(m->schemas, name))
		return err_set(e, ERR_INTERNAL, "there are two schemas %s", name);
	json_object_set(m->schemas, name, v);
	return 0;
}

static void
put_parameter(struct making *m, const char *place, const char *name, json_t *described)
{
	int n = (int)strcspn(name, ".");
	json_t *p = json_pack("{s:s%,s:s}", "name", name, (size_t)n, "in", place);
	if (strcmp(place, "path") == 0)
		json_object_set_new(p, "required", json_true());
	json_object_update(p, described);
	openapi_put(m->parameters, p, "%s.%s", place, name);
}

static int
take_query(struct making *m, const char *name, json_t *v, struct err *e)
{
	(void)e;
	put_parameter(m, "query", name, v);
	return 0;
}

static int
take_placeholder(struct making *m, const char *name, json_t *v, struct err *e)
{
	(void)e;
	put_parameter(m, "path", name, v);
	return 0;
}

static int
take_header(struct making *m, const char *name, json_t *v, struct err *e)
{
	(void)e;
	put_parameter(m, "header", name, v);
	return 0;
}

static int
take_response(struct making *m, const char *name, json_t *v, struct err *e)
{
	const char *schema = json_string_value(json_object_get(v, "schema"));
	json_t *one = json_pack("{s:O}", "description", json_object_get(v, "description"));
	if (!one || !schema)
		return err_set(e, ERR_INTERNAL, "the answer %s lacks something", name);
	json_object_set_new(one, "content", json_content(schema));
	json_object_set_new(m->responses, name, one);
	return 0;
}

static int
take_webhook(struct making *m, const char *name, json_t *v, struct err *e)
{
	const char *summary, *schema;
	if (json_unpack(v, "{s:s,s:s}", "summary", &summary, "schema", &schema))
		return err_set(e, ERR_INTERNAL, "the webhook %s lacks something", name);
	json_object_set_new(m->webhooks, name,
	    json_pack("{s:{s:s,s:s,s:[s],s:{s:b,s:o},s:{s:{s:s}}}}", "post", "operationId", name,
		"summary", summary, "tags", "webhooks", "requestBody", "required", 1, "content",
		json_content(schema), "responses", "2XX", "description", "Received."));
	return 0;
}

typedef int (*take_fn)(struct making *m, const char *name, json_t *v, struct err *e);

/* What is in a file, by its name; in all others are schemas. */
static take_fn
taker_of(const char *file)
{
	static const struct {
		const char *file;
		take_fn take;
	} all[] = {
		{ "parameters", take_query },
		{ "placeholders", take_placeholder },
		{ "headers", take_header },
		{ "responses", take_response },
		{ "webhooks", take_webhook },
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strcmp(file, all[i].file) == 0)
			return all[i].take;
	return take_schema;
}

static int
take_file(struct making *m, const struct text *file, struct err *e)
{
	json_error_t wrong;
	int status = 0;
	json_t *all = json_loads(file->text, JSON_REJECT_DUPLICATES, &wrong);
	if (!all)
		return err_set(
		    e, ERR_INTERNAL, "%s.json, line %d: %s", file->name, wrong.line, wrong.text);
	take_fn take = taker_of(file->name);
	for (void *at = json_object_iter(all); at && !status; at = json_object_iter_next(all, at))
		status = take(m, json_object_iter_key(at), json_object_iter_value(at), e);
	json_decref(all);
	return status ? err_prefix(e, "%s.json", file->name) : 0;
}

/* ---- the routes --------------------------------------------------------------------------- */

/* A page of what the rest of the name says. */
static void
ensure_list(struct making *m, struct str name)
{
	const struct str prefix = STR(LIST_PREFIX);
	char text[128];
	snprintf(text, sizeof(text), "%.*s", STR_FMT(name));
	if (!str_starts(name, prefix) || json_object_get(m->schemas, text))
		return;
	json_object_set_new(m->schemas, text,
	    json_pack("{s:s,s:[s,s,s],s:{s:{s:s,s:o},s:{s:[s,s],s:s},s:{s:s,s:s},s:{s:s,s:s}}}",
		"type", "object", "required", "data", "iterator", "done", "properties", "data",
		"type", "array", "items", reference_to(text + prefix.n), "iterator", "type",
		"string", "null", "description", "Names this page: the next one begins behind it.",
		"prevIterator", "type", "string", "description", "Names the page before this one.",
		"done", "type", "boolean", "description", "There is nothing behind this page."));
}

static void
ensure_lists(struct making *m, const struct route *r)
{
	struct str out = str_of(r->out);
	struct openapi_body b;
	while (openapi_next_body(&out, &b))
		if (b.schema.p)
			ensure_list(m, b.schema);
}

static void
ensure_placeholders(struct making *m, const struct route *r)
{
	const char *path = r->path;
	struct str name;
	while (openapi_next_placeholder(&path, &name)) {
		char text[64];
		snprintf(text, sizeof(text), "path.%.*s", STR_FMT(name));
		if (json_object_get(m->parameters, text))
			continue;
		json_t *plain = json_pack("{s:{s:s}}", "schema", "type", "string");
		put_parameter(m, "path", text + strlen("path."), plain);
		json_decref(plain);
	}
}

static void
ensure_tag(struct making *m, struct str tag)
{
	for (size_t i = 0; i < json_array_size(m->tags); i++) {
		const json_t *one = json_array_get(m->tags, i);
		if (str_eq(tag, str_of(json_string_value(json_object_get(one, "name")))))
			return;
	}
	json_array_append_new(m->tags, json_pack("{s:s%}", "name", tag.p, tag.n));
}

static void
put_operation(struct making *m, const struct route *r)
{
	static const char *const methods[] = {
		[HTTP_GET] = "get",
		[HTTP_POST] = "post",
		[HTTP_PUT] = "put",
		[HTTP_PATCH] = "patch",
		[HTTP_DELETE] = "delete",
	};
	json_t *path = json_object_get(m->paths, r->path);
	if (!path) {
		path = json_object();
		json_object_set_new(m->paths, r->path, path);
	}
	json_object_set_new(path, methods[r->method], openapi_operation(r));
	ensure_lists(m, r);
	ensure_placeholders(m, r);
	if (r->id)
		ensure_tag(m, openapi_tag(r));
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* Puts an empty one there. */
static json_t *
member(json_t *into, const char *name, json_t *empty)
{
	json_object_set_new(into, name, empty);
	return empty;
}

static void
begin(struct making *m)
{
	m->root = json_pack("{s:s,s:{s:s,s:s,s:s},s:[{s:s}],s:[{s:[]}]}", "openapi", "3.1.0",
	    "info", "title", "Posthorn", "version", POSTHORN_VERSION, "description",
	    "Webhooks sent reliably: events in, signed requests out.", "servers", "url", "/api/v1",
	    "security", "bearer");
	m->tags = member(m->root, "tags", json_array());
	m->paths = member(m->root, "paths", json_object());
	m->webhooks = member(m->root, "webhooks", json_object());
	json_t *components = member(m->root, "components", json_object());
	json_object_set_new(components, "securitySchemes",
	    json_pack("{s:{s:s,s:s,s:s,s:s}}", "bearer", "type", "http", "scheme", "bearer",
		"bearerFormat", "JWT", "description",
		"posthornd token prints one for an organisation."));
	m->parameters = member(components, "parameters", json_object());
	m->responses = member(components, "responses", json_object());
	m->schemas = member(components, "schemas", json_object());
}

static int
fill(struct making *m, struct err *e)
{
	for (int i = 0; i < openapi_files_count; i++)
		if (take_file(m, &openapi_files[i], e))
			return -1;
	for (int i = 0; i < routes_count; i++)
		if (routes[i].handle != call_not_offered)
			put_operation(m, &routes[i]);
	return 0;
}

int
openapi_document(struct str *ret, struct err *e)
{
	struct making m;
	if (!document.p) {
		begin(&m);
		int status = fill(&m, e);
		if (status == 0)
			document = str_of(json_dumps(m.root, JSON_COMPACT));
		json_decref(m.root);
		if (status)
			return -1;
	}
	*ret = document;
	return 0;
}

void
api_openapi(struct call *c)
{
	struct str text;
	struct err e;
	if (openapi_document(&text, &e))
		call_fail(c, &e);
	else
		reply_send(c, 200, text, "cache-control: max-age=300\r\n");
}
