/* The answers of a call, and what handlers need around them. The shapes of the errors are those
 * that the published clients parse: {"code","detail"}, and for 422
 * {"detail":[{"loc","msg","type"}]}. */
#include "rest/call.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"

#include "rest/cors.h"
#include "rest/idempotency.h"
#include "rest/reply.h"

/* ---- the wire ---- */

void
reply_send(struct call *c, int status, struct str body, const char *extra)
{
	char lines[256];
	int n = snprintf(lines, sizeof(lines), CORS_ANY_ORIGIN "%s", extra);
	assert(n > 0 && (size_t)n < sizeof(lines)); /* our own constants */
	http_reply(c->rq, status, body.n ? "application/json" : NULL, body, lines);
}

/* Every answer passes here: the Idempotency-Key's store first, when there is one. */
static void
answer(struct call *c, int status, struct str body, const char *extra)
{
	if (c->key)
		key_settle(c, status, body, extra);
	else
		reply_send(c, status, body, extra);
}

static struct str
text_of(const struct buf *b)
{
	return (struct str){ b->data, b->len };
}

/* ---- answers ---- */

void
call_reply_empty(struct call *c, int status)
{
	answer(c, status, status == 204 ? STR("") : STR("{}"), "");
}

void
call_reply_json(struct call *c, int status, struct jw *j)
{
	jw_end(j);
	if (j->out->failed)
		call_fail_with(
		    c, ERR_TOO_LARGE, "the answer is too large: ask for less with limit");
	else
		answer(c, status, text_of(j->out), "");
}

/* {"code":…,"detail":…} */
static void
refuse(struct call *c, int status, const char *code, const char *detail, const char *extra)
{
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_text(j, "code", str_of(code));
	jw_put_text(j, "detail", str_of(detail));
	jw_close_object(j);
	jw_end(j);
	answer(c, status, text_of(j->out), extra);
}

static const char *
headers_of(enum err_kind kind)
{
	if (kind == ERR_UNAUTHENTICATED)
		return "www-authenticate: Bearer\r\n";
	return err_retryable(kind) ? "retry-after: 1\r\n" : "";
}

const char *
call_detail(const struct call *c, const struct err *e)
{
	if (err_status(e->kind) != 500)
		return e->text;
	LOG_ERROR(API_ERROR, KV("path", c->rq->path), KV("error", e->text),
	    KV("origin", (const char *)e->origin));
	return "Internal error";
}

void
call_fail(struct call *c, const struct err *e)
{
	static const char *const body[] = { "body", NULL };
	if (e->kind == ERR_INVALID)
		call_invalid(c, body, "%s", e->text);
	else
		refuse(c, err_status(e->kind), err_code(e->kind), call_detail(c, e),
		    headers_of(e->kind));
}

void
call_fail_with(struct call *c, enum err_kind kind, const char *fmt, ...)
{
	struct err e = { .kind = kind };
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	call_fail(c, &e);
}

void
call_fail_code(struct call *c, int status, const char *code, const char *fmt, ...)
{
	char detail[sizeof(((struct err *)0)->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	refuse(c, status, code, detail, "");
}

void
call_not_found(struct call *c)
{
	call_fail_with(c, ERR_NOT_FOUND, "Entity not found");
}

void
call_not_offered(struct call *c)
{
	call_fail_with(c, ERR_NOT_IMPLEMENTED, "Posthorn does not offer this");
}

static void PRINTF(4, 0)
    invalid(struct call *c, const char *const *loc, const char *type, const char *fmt, va_list ap)
{
	char msg[sizeof(((struct err *)0)->text)];
	vsnprintf(msg, sizeof(msg), fmt, ap);
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_key(j, "detail");
	jw_open_array(j);
	call_put_problem(j, loc, type, msg);
	jw_close_array(j);
	jw_close_object(j);
	jw_end(j);
	answer(c, 422, text_of(j->out), "");
}

void
call_put_problem(struct jw *j, const char *const *loc, const char *type, const char *msg)
{
	jw_open_object(j);
	jw_key(j, "loc");
	jw_open_array(j);
	for (; *loc; loc++)
		jw_text(j, str_of(*loc));
	jw_close_array(j);
	jw_put_text(j, "msg", str_of(msg));
	jw_put_text(j, "type", str_of(type));
	jw_close_object(j);
}

void
call_invalid(struct call *c, const char *const *loc, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	invalid(c, loc, "value_error", fmt, ap);
	va_end(ap);
}

void
call_invalid_type(struct call *c, const char *const *loc, const char *type, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	invalid(c, loc, type, fmt, ap);
	va_end(ap);
}

void
call_invalid_query(struct call *c, const char *name, const char *fmt, ...)
{
	const char *const loc[] = { "query", name, NULL };
	va_list ap;
	va_start(ap, fmt);
	invalid(c, loc, "value_error", fmt, ap);
	va_end(ap);
}

/* ---- memory of the call ---- */

static void
release_buf(void *p)
{
	buf_free(p);
}

struct jw *
call_json(struct call *c)
{
	struct buf *b = arena_alloc(c->arena, sizeof(*b));
	struct jw *j = arena_alloc(c->arena, sizeof(*j));
	buf_init(b, CALL_JSON_MAX);
	arena_own(c->arena, b, release_buf);
	jw_begin(j, b);
	return j;
}

/* ---- input ---- */

static void
release_json(void *p)
{
	json_decref(p);
}

json_t *
call_own_json(struct call *c, json_t *v)
{
	arena_own(c->arena, v, release_json);
	return v;
}

int
call_body(struct call *c)
{
	static const char *const loc[] = { "body", NULL };
	struct str text = c->rq->body;
	if (text.n > CALL_BODY_MAX) {
		call_fail_with(
		    c, ERR_TOO_LARGE, "the body may have %d bytes at most", CALL_BODY_MAX);
		return -1;
	}
	json_error_t wrong;
	/* A NUL is for the field that holds it to refuse, by name. */
	json_t *body = json_loadb(text.n ? text.p : "", text.n, JSON_ALLOW_NUL, &wrong);
	if (!body) {
		/* jansson quotes what it stumbled over; the place alone is enough, and never
		 * echoes. */
		call_invalid_type(c, loc, "value_error.jsondecode",
		    "the body is no valid JSON (line %d, "
		    "column %d)",
		    wrong.line, wrong.column);
		return -1;
	}
	call_own_json(c, body);
	if (!json_is_object(body)) {
		call_invalid_type(
		    c, loc, "value_error.jsondecode", "the body must be a JSON object");
		return -1;
	}
	c->body = body;
	return 0;
}

int
call_body_or_empty(struct call *c)
{
	if (c->rq->body.n)
		return call_body(c);
	c->body = call_own_json(c, json_object());
	return 0;
}

struct ref
call_ref(enum id_kind kind, struct str text)
{
	struct ref ref = { 0 };
	if (!id_has_prefix(kind, text))
		ref.uid = text;
	else if (id_from_text(kind, text, &ref.id) || ref.id == 0)
		ref.id = -1;
	return ref;
}

int
call_new_id(struct call *c, int64_t *ret)
{
	int slot;
	int64_t epoch;
	if (!sender_home(c->parts->sender, &slot, &epoch)) {
		call_fail_with(c, ERR_UNAVAILABLE, "this worker is starting or has lost its lease");
		return -1;
	}
	*ret = sender_id(c->parts->sender);
	return 0;
}
