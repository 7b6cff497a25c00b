/* Reading error answers. They may come from anything that listens at the URL, a proxy's error page
 * included, so the body is bounded, its text is made printable, and its shape is not relied on. */
#include "api_error.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#include "printable.h"

#define BODY_MAX   65536 /* bytes looked at; an error that is longer has nothing more to say */
#define DETAIL_MAX 160   /* bytes of the server's words: they share the line with ours */

/* The kind by the API's code, so that the exit code is the one the server would have; else by the
 * status. */
static enum err_kind
kind_of(int status, const char *code)
{
	static const enum err_kind kinds[] = {
#define X(name, text, http, exit, retryable) ERR_##name,
#include "base/err_kinds.def"
#undef X
	};
	for (size_t i = 0; code && i < ARRAY_LEN(kinds); i++)
		if (strcmp(err_code(kinds[i]), code) == 0 && err_status(kinds[i]) == status)
			return kinds[i];
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (err_status(kinds[i]) == status)
			return kinds[i];
	return status >= 500 ? ERR_UNAVAILABLE : status >= 400 ? ERR_BAD_REQUEST : ERR_IO;
}

/* ["body", "eventTypes", "[0]"] as eventTypes[0]; the query keeps its name in front. */
static void
add_place(struct buf *out, const json_t *loc)
{
	size_t i;
	json_t *part;
	json_array_foreach(loc, i, part) {
		const char *text = json_string_value(part);
		if (json_is_integer(part)) {
			buf_addf(out, "[%lld]", (long long)json_integer_value(part));
			continue;
		}
		if (!text || (i == 0 && strcmp(text, "body") == 0))
			continue;
		if (out->len && text[0] != '[')
			buf_addc(out, i == 1 ? ' ' : '.');
		buf_adds(out, text);
	}
}

/* [{"loc", "msg"}, …] as "eventTypes[0]: no such event type; url: …". */
static void
add_problems(struct buf *out, const json_t *detail)
{
	size_t i;
	json_t *problem;
	json_array_foreach(detail, i, problem) {
		struct buf place;
		buf_init(&place, DETAIL_MAX);
		add_place(&place, json_object_get(problem, "loc"));
		const char *msg = json_string_value(json_object_get(problem, "msg"));
		buf_addf(out, "%s%s%s%s", out->len ? "; " : "", place.data, place.len ? ": " : "",
		    msg ? msg : "not accepted");
		buf_free(&place);
	}
}

/* What the user can do about it, behind the server's words; "" when these must do. */
static const char *
advice(int status, const struct server *server)
{
	if (status == 401 && !server->token)
		return "; give a token: --token-file FILE or POSTHORN_TOKEN (posthornd --dev writes "
		       "one to its directory)";
	if (status == 401)
		return "; get a new one: posthornd --dev writes DIR/token, elsewhere ask who runs the "
		       "server";
	if (status >= 300 && status < 400)
		return "; redirects are not followed, give the final address with --url";
	return "";
}

int
api_error(
    struct arena *a, const struct server *server, const struct rest_answer *answer, struct err *e)
{
	struct buf text;
	json_t *root =
	    answer->body.n <= BODY_MAX ? json_loadb(answer->body.p, answer->body.n, 0, NULL) : NULL;
	const json_t *detail = json_object_get(root, "detail");
	const char *code = json_string_value(json_object_get(root, "code"));

	buf_init(&text, BODY_MAX);
	if (json_is_array(detail))
		add_problems(&text, detail);
	else if (json_is_string(detail))
		buf_adds(&text, json_string_value(detail));
	enum err_kind kind = kind_of(answer->status, code);
	if (text.len)
		err_set(e, kind, "%s%s%s%s%s",
		    printable_line(a, (struct str){ text.data, text.len }, DETAIL_MAX),
		    code ? " (" : "", code ? printable_line(a, str_of(code), 40) : "",
		    code ? ")" : "", advice(answer->status, server));
	else
		err_set(e, kind, "%s answered with status %d and no reason%s", server->url,
		    answer->status, advice(answer->status, server));
	buf_free(&text);
	json_decref(root);
	return -1;
}
