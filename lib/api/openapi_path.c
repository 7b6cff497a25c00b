/* A row of the route table as an OpenAPI operation (openapi.h). */
#include <stdarg.h>
#include <stdio.h>

#include "api/openapi.h"

#define NAME_SIZE 256 /* of a member; all are names of ours */

/* ---- words -------------------------------------------------------------------------------- */

bool
openapi_next_body(struct str *list, struct openapi_body *ret)
{
	struct str words, word;
	*ret = (struct openapi_body){ .media = STR("application/json") };
	if (!str_split(list, ',', &words))
		return false;
	words = str_trim(words);
	for (int i = 0; str_split(&words, ' ', &word); i++) {
		int64_t status;
		if (i == 0 && str_to_i64(word, 100, 599, &status) == 0) {
			ret->status = (int)status;
		} else if (word.n && !ret->schema.p) {
			ret->optional = word.p[word.n - 1] == '?';
			ret->schema = (struct str){ word.p, word.n - ret->optional };
		} else if (word.n) {
			ret->media = word;
		}
	}
	return true;
}

struct str
openapi_tag(const struct route *r)
{
	struct str rest = str_of(r->id), version, noun = STR("");
	if (str_split(&rest, '.', &version))
		str_split(&rest, '.', &noun);
	return noun;
}

bool
openapi_next_placeholder(const char **path, struct str *ret)
{
	const char *open = strchr(*path, '{'), *close = open ? strchr(open, '}') : NULL;
	if (!close)
		return false;
	*ret = (struct str){ open + 1, (size_t)(close - open) - 1 };
	*path = close;
	return true;
}

void
openapi_put(json_t *object, json_t *value, const char *fmt, ...)
{
	char name[NAME_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	json_object_set_new(object, name, value);
}

static json_t *
text(struct str s)
{
	return json_stringn(s.p, s.n);
}

static json_t *
reference(const char *component, struct str name)
{
	return json_pack(
	    "{s:o}", "$ref", json_sprintf("#/components/%s%.*s", component, STR_FMT(name)));
}

/* ---- parameters --------------------------------------------------------------------------- */

static json_t *
parameters(const struct route *r)
{
	json_t *all = json_array();
	const char *path = r->path;
	struct str query = str_of(r->query), name;
	while (openapi_next_placeholder(&path, &name))
		json_array_append_new(all, reference("parameters/path.", name));
	while (str_split(&query, ' ', &name))
		if (name.n)
			json_array_append_new(all, reference("parameters/query.", name));
	if (r->method == HTTP_POST && r->access != ACCESS_NONE)
		json_array_append_new(all, reference("parameters/header.", STR("Idempotency-Key")));
	return all;
}

/* ---- bodies ------------------------------------------------------------------------------- */

static void
put_content(json_t *into, const struct openapi_body *b)
{
	json_t *content = json_object_get(into, "content");
	if (!b->schema.p)
		return;
	if (!content) {
		content = json_object();
		json_object_set_new(into, "content", content);
	}
	openapi_put(content, json_pack("{s:o}", "schema", reference("schemas/", b->schema)), "%.*s",
	    STR_FMT(b->media));
}

static json_t *
request_body(const struct route *r)
{
	json_t *body = json_object();
	struct str in = str_of(r->in);
	struct openapi_body b;
	while (openapi_next_body(&in, &b)) {
		json_object_set_new(body, "required", json_boolean(!b.optional));
		put_content(body, &b);
	}
	return body;
}

static const char *
meaning(int status)
{
	static const struct {
		int status;
		const char *text;
	} all[] = {
		{ 200, "It is as the body says." },
		{ 201, "Made." },
		{ 202, "Accepted: it is stored, and will be done." },
		{ 204, "Done." },
		{ 500, "It is not well." },
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].status == status)
			return all[i].text;
	return "Another answer.";
}

static bool
has_token(const struct route *r)
{
	return r->access != ACCESS_NONE;
}

static bool
has_query(const struct route *r)
{
	return r->query;
}

static bool
has_place(const struct route *r)
{
	return has_token(r) && (strchr(r->path, '{') || r->in || r->query);
}

static bool
changes(const struct route *r)
{
	return has_token(r) && r->method != HTTP_GET && r->method != HTTP_DELETE;
}

static bool
takes_input(const struct route *r)
{
	return r->query || changes(r);
}

/* Which errors a route may answer: by what it is, so that no row must say so. */
static const struct {
	const char *status;
	bool (*applies)(const struct route *r);
} errors[] = {
	{ "400", has_token },
	{ "401", has_token },
	{ "403", has_token },
	{ "404", has_place },
	{ "409", changes },
	{ "413", has_token },
	{ "414", has_query },
	{ "422", takes_input },
	{ "503", has_token },
};

static json_t *
responses(const struct route *r)
{
	json_t *all = json_object();
	struct str out = str_of(r->out);
	struct openapi_body b;
	while (openapi_next_body(&out, &b)) {
		char digits[STR_I64_SIZE];
		const char *status = str_from_i64(b.status, digits).p;
		json_t *one = json_object_get(all, status);
		if (!one) {
			one = json_pack("{s:s}", "description", meaning(b.status));
			json_object_set_new(all, status, one);
		}
		put_content(one, &b);
	}
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].applies(r))
			json_object_set_new(all, errors[i].status,
			    reference("responses/", str_of(errors[i].status)));
	return all;
}

/* ---- all of it ---------------------------------------------------------------------------- */

static const char *
who_may(const struct route *r)
{
	static const char *const texts[] = {
		[ACCESS_NONE] = "No token is needed.",
		[ACCESS_ORG] = "An organisation's token is needed.",
		[ACCESS_APP] = "An organisation's token is needed, or the application's.",
		[ACCESS_READ] = "Any token will do.",
	};
	return texts[r->access];
}

json_t *
openapi_operation(const struct route *r)
{
	json_t *op = json_object();
	struct str tag = openapi_tag(r);
	if (r->id)
		json_object_set_new(op, "operationId", json_string(r->id));
	if (r->summary)
		json_object_set_new(op, "summary", json_string(r->summary));
	json_object_set_new(op, "description", json_string(who_may(r)));
	if (tag.n)
		json_object_set_new(op, "tags", json_pack("[o]", text(tag)));
	if (!has_token(r))
		json_object_set_new(op, "security", json_array());
	json_t *list = parameters(r);
	if (json_array_size(list))
		json_object_set(op, "parameters", list);
	json_decref(list);
	if (r->in)
		json_object_set_new(op, "requestBody", request_body(r));
	json_object_set_new(op, "responses", responses(r));
	return op;
}
