/* Requests that are not the usual one (shape.h).
 *
 * Everything goes into one buffer: a body of ours first, then the header lines, each with a NUL.
 * The buffer may move while it grows, so that lines are numbers until its end.
 *
 * CloudEvents: ids, types and uids are of [a-zA-Z0-9-_.] (policy/name.h), which need no escaping in
 * headers; only the operator's own part of the source does. */
#include "send/shape.h"

#include <assert.h>

#include "base/id.h"
#include "base/jw.h"

#define BODY_MORE_MAX 8192            /* bytes of a structured event besides its data */
#define LINES_MAX     ((size_t)32768) /* bytes of header lines of ours */

struct shaping {
	const struct route *route;
	const struct shape_names *names;
	struct str id, type;
	struct str timestamp; /* of this attempt, Unix seconds */
	struct wall now, accepted;
	struct buf out;
	int nlines;
	size_t line[CLIENT_HEADERS_MAX]; /* where each begins */
};

/* ---- CloudEvents -------------------------------------------------------------------------- */

static void
put_source(struct shaping *s, struct buf *out)
{
	const struct cat_app *app = s->route->app;
	char id[ID_TEXT_SIZE];
	struct str ref = app->uid.p ? app->uid : str_of(id_to_text(ID_APP, app->id, id));
	buf_addf(out, "%s/app/%.*s", s->names->source, STR_FMT(ref));
}

/* HTTP binding 3.1.3.2: the value as it is, but space, '"', '%' and what is not visible ASCII. */
static void
put_header_value(struct str value, struct buf *out)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if (c <= ' ' || c > '~' || c == '"' || c == '%')
			buf_addf(out, "%%%02X", c);
		else
			buf_addc(out, (char)c);
	}
}

void
shape_put_origin(const struct shape_names *names, struct buf *out)
{
	buf_adds(out, "webhook-request-origin: ");
	put_header_value(str_of(names->origin), out);
}

/* JSON format 3.2: the data's bytes stay as the producer wrote them. */
static void
put_structured(struct shaping *s, struct str data)
{
	struct buf source;
	struct jw j;
	buf_init(&source, BODY_MORE_MAX);
	put_source(s, &source);
	jw_begin(&j, &s->out);
	jw_open_object(&j);
	jw_put_text(&j, "specversion", STR("1.0"));
	jw_put_text(&j, "id", s->id);
	jw_put_text(&j, "source", (struct str){ source.data, source.len });
	jw_put_text(&j, "type", s->type);
	jw_put_time(&j, "time", s->accepted);
	jw_put_text(&j, "datacontenttype", STR("application/json"));
	jw_put_raw(&j, "data", data);
	jw_close_object(&j);
	jw_end(&j);
	buf_free(&source);
}

/* ---- header lines ------------------------------------------------------------------------- */

static void
begin_line(struct shaping *s, const char *name)
{
	assert(s->nlines < CLIENT_HEADERS_MAX);
	s->line[s->nlines++] = s->out.len;
	buf_addf(&s->out, "%s: ", name);
}

static void
put_line(struct shaping *s, const char *name, struct str value)
{
	begin_line(s, name);
	buf_add(&s->out, value.p, value.n);
	buf_addc(&s->out, '\0');
}

static void
put_binary(struct shaping *s)
{
	char time[WALL_TEXT_SIZE];
	struct buf source;
	buf_init(&source, BODY_MORE_MAX);
	put_source(s, &source);
	put_line(s, "ce-specversion", STR("1.0"));
	put_line(s, "ce-id", s->id);
	begin_line(s, "ce-source");
	put_header_value((struct str){ source.data, source.len }, &s->out);
	buf_addc(&s->out, '\0');
	put_line(s, "ce-type", s->type);
	put_line(s, "ce-time", str_of(wall_to_text(s->accepted, time)));
	buf_free(&source);
}

/* Standard Webhooks, under both prefixes. */
static void
put_standard(struct shaping *s, struct str body)
{
	struct sign_key *keys[SIGN_KEYS_MAX];
	char signature[SIGN_HEADER_SIZE];
	int n = route_keys(s->route, s->now, keys);
	int64_t timestamp_s = s->now.us / USEC_PER_SEC;
	struct str value = { signature, sign_header(keys, n, s->id, timestamp_s, body, signature) };
	put_line(s, "webhook-id", s->id);
	put_line(s, "webhook-timestamp", s->timestamp);
	put_line(s, "webhook-signature", value);
	put_line(s, "svix-id", s->id);
	put_line(s, "svix-timestamp", s->timestamp);
	put_line(s, "svix-signature", value);
}

/* The profile's own headers, and of ours those that say which event and which attempt it is: a
 * second signature with the same key would be of no use. */
static void
put_profile(struct shaping *s, struct str body)
{
	struct sign_key *keys[SIGN_KEYS_MAX];
	const struct profile_event event = { s->id, s->timestamp, s->type, body };
	int n = route_keys(s->route, s->now, keys);
	size_t at = s->out.len;
	int lines = profile_render(s->route->profile, &event, keys, n, &s->out);
	for (int i = 0; i < lines; i++) {
		s->line[s->nlines++] = at;
		at += strlen(s->out.data + at) + 1;
	}
	put_line(s, "webhook-id", s->id);
	put_line(s, "webhook-timestamp", s->timestamp);
}

void
shape_request(const struct route *r, const struct message *m, struct wall now,
    const struct shape_names *names, struct shaped *ret)
{
	char id[ID_TEXT_SIZE], timestamp[STR_I64_SIZE];
	bool structured = r->endpoint->format == FORMAT_STRUCTURED;
	struct shaping s = {
		.route = r,
		.names = names,
		.id = str_of(id_to_text(ID_MESSAGE, m->id, id)),
		.type = m->event_type,
		.timestamp = str_from_i64(now.us / USEC_PER_SEC, timestamp),
		.now = now,
		.accepted = id_time(m->id),
	};
	buf_init(&s.out, m->payload.n + BODY_MORE_MAX + LINES_MAX);
	if (structured)
		put_structured(&s, m->payload);
	size_t own = s.out.len;
	if (structured) /* what is signed must not move while lines are appended behind it */
		buf_reserve(&s.out, LINES_MAX - 1);
	struct str body = structured ? (struct str){ s.out.data, own } : m->payload;
	if (r->profile)
		put_profile(&s, body);
	else
		put_standard(&s, body);
	if (r->endpoint->format == FORMAT_BINARY)
		put_binary(&s);
	if (r->endpoint->announces) {
		s.line[s.nlines++] = s.out.len;
		shape_put_origin(names, &s.out);
		buf_addc(&s.out, '\0');
	}
	put_line(&s, "content-type",
	    structured ? STR("application/cloudevents+json; charset=utf-8")
		       : STR("application/json"));
	assert(!s.out.failed);
	ret->bytes = buf_take(&s.out, &own);
	ret->body = structured ? (struct str){ ret->bytes, body.n } : m->payload;
	ret->nheaders = s.nlines;
	for (int i = 0; i < s.nlines; i++)
		ret->headers[i] = ret->bytes + s.line[i];
	const struct cat_endpoint *endpoint = r->endpoint;
	for (int i = 0; i < endpoint->nheaders && ret->nheaders < CLIENT_HEADERS_MAX; i++)
		ret->headers[ret->nheaders++] = endpoint->headers[i];
}
