/* The parser of answers. Two kinds of state: those that take a line, and those that take body bytes
 * in bulk.
 *
 *	status ──▶ field ──(empty line)─┬─ 1xx ──▶ status
 *	             ▲ └─┘              ├─ no body ──▶ whole
 *	                                ├─ Content-Length ──▶ body ──▶ whole
 *	                                ├─ chunked ──▶ size ──▶ chunk ──▶ chunk end ──▶ size
 *	                                │                └─(0)──▶ trailer ──▶ whole
 *	                                └─ neither ──▶ rest, up to the end of the connection
 *
 * A line is looked at when it is whole. Nearly always it is whole in what came, and nothing is
 * copied; the beginning of one that was split waits in a->line.
 *
 * Bounds: head_bytes counts what is neither body nor plain chunk framing. That framing is bounded
 * by the body, since each chunk but the last has a byte of it. */
#include "http/answer_parser.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"

#include "http/chars.h"

enum answer_state {
	ANSWER_STATUS,
	ANSWER_FIELD,
	ANSWER_SIZE,
	ANSWER_CHUNK_END,
	ANSWER_TRAILER,
	ANSWER_BODY, /* from here on in bulk */
	ANSWER_CHUNK,
	ANSWER_REST,
	ANSWER_ENDED, /* whole, or refused when there is a reason */
};

#define SIZE_DIGITS_MAX 15 /* fits into the int64_t of a length */

static const char head_too_large[] = "answer head too large";

static void
refuse(struct answer *a, const char *reason)
{
	a->reason = reason;
	a->state = ANSWER_ENDED;
}

/* ---- the status line ---- */

/* Why this is not the beginning of an answer: the rest of it may never come. */
static const char *
not_http(struct str s)
{
	const struct str http = STR("HTTP/"), http_1 = STR("HTTP/1.");
	if (memcmp(s.p, http.p, s.n < http.n ? s.n : http.n) != 0)
		return "not an HTTP answer";
	if (memcmp(s.p, http_1.p, s.n < http_1.n ? s.n : http_1.n) != 0)
		return "not an HTTP/1 answer";
	return NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
wanted_reset(struct answer_wanted *w)
{
	for (int i = 0; i < w->n; i++) {
		w->field[i].seen = 0;
		w->field[i].len = -1;
	}
}

/* "HTTP/1.1 200 OK"; the reason and the blank before it may be missing. */
static void
status_line(struct answer *a, struct str s)
{
	if (s.n < 12 || !is_digit(s.p[7]) || s.p[8] != ' ' || s.p[9] == '0' || !is_digit(s.p[9]) ||
	    !is_digit(s.p[10]) || !is_digit(s.p[11]) || (s.n > 12 && s.p[12] != ' ')) {
		refuse(a, "not an HTTP answer");
		return;
	}
	a->head_status = (s.p[9] - '0') * 100 + (s.p[10] - '0') * 10 + (s.p[11] - '0');
	a->http_1_0 = s.p[7] == '0';
	/* What an interim answer said does not count. */
	a->length = -1;
	a->retry_after_len = -1;
	if (a->wanted)
		wanted_reset(a->wanted);
	a->said_close = a->said_keep_alive = a->chunked = a->other_coding = false;
	a->first_field = true;
	a->state = ANSWER_FIELD;
}

/* ---- fields ---- */

/* A list of equal numbers is one number (RFC 9110, section 8.6). */
static void
field_length(struct answer *a, struct str value)
{
	struct str item;
	while (str_split(&value, ',', &item)) {
		int64_t length;
		if (str_to_i64(str_trim(item), 0, INT64_MAX, &length))
			refuse(a, "invalid Content-Length");
		else if (a->length >= 0 && a->length != length)
			refuse(a, "conflicting Content-Length");
		else
			a->length = length;
	}
}

static void
field_coding(struct answer *a, struct str value)
{
	struct str item;
	while (str_split(&value, ',', &item)) {
		item = str_trim(item);
		if (item.n == 0 || str_eq_nocase(item, STR("identity")))
			continue;
		a->chunked = str_eq_nocase(item, STR("chunked")); /* as the last one only */
		a->other_coding = !a->chunked;
	}
}

static void
field_connection(struct answer *a, struct str value)
{
	struct str item;
	while (str_split(&value, ',', &item)) {
		item = str_trim(item);
		a->said_close |= str_eq_nocase(item, STR("close"));
		a->said_keep_alive |= str_eq_nocase(item, STR("keep-alive"));
	}
}

static void
field_retry_after(struct answer *a, struct str value)
{
	a->retry_after_len = -1;
	if (value.n > sizeof(a->retry_after))
		return;
	memcpy(a->retry_after, value.p, value.n);
	a->retry_after_len = (int)value.n;
}

static void
field_wanted(struct answer_wanted *w, struct str name, struct str value)
{
	for (int i = 0; i < w->n; i++) {
		struct answer_wanted_field *f = &w->field[i];
		if (!str_eq_nocase(name, f->name) || f->seen++ > 0 || value.n > sizeof(f->value))
			continue;
		memcpy(f->value, value.p, value.n);
		f->len = (int)value.n;
	}
}

static const struct {
	struct str name;
	void (*fn)(struct answer *a, struct str value);
} fields[] = {
	{ STR_INIT("Content-Length"), field_length },
	{ STR_INIT("Transfer-Encoding"), field_coding },
	{ STR_INIT("Connection"), field_connection },
	{ STR_INIT("Retry-After"), field_retry_after },
};

/* The head is whole; decides how the body is framed (RFC 9112, section 6.3). */
static void
head_end(struct answer *a)
{
	if (a->head_status < 200) {
		a->state = ANSWER_STATUS;
		return;
	}
	a->status = a->head_status;
	a->keep_alive = !a->said_close && (!a->http_1_0 || a->said_keep_alive);
	if (a->status == 204 || a->status == 304) {
		a->state = ANSWER_ENDED;
	} else if (a->chunked) {
		/* Two framings, or one that its version does not know: believe it once. */
		if (a->length >= 0 || a->http_1_0)
			a->keep_alive = false;
		a->state = ANSWER_SIZE;
	} else if (a->length >= 0 && !a->other_coding) {
		a->left = (uint64_t)a->length;
		a->state = a->left ? ANSWER_BODY : ANSWER_ENDED;
	} else {
		a->keep_alive = false;
		a->state = ANSWER_REST;
	}
}

static void
field_line(struct answer *a, struct str s)
{
	if (s.n == 0) {
		head_end(a);
		return;
	}
	bool continues = s.p[0] == ' ' || s.p[0] == '\t';
	const char *colon = memchr(s.p, ':', s.n);
	if (continues ? a->first_field : !colon) {
		refuse(a, "invalid header line");
		return;
	}
	a->first_field = false;
	if (continues)
		return;
	struct str name = str_trim((struct str){ s.p, (size_t)(colon - s.p) });
	struct str rest = { colon + 1, s.n - (size_t)(colon + 1 - s.p) };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (name.n == fields[i].name.n && str_eq_nocase(name, fields[i].name)) {
			fields[i].fn(a, str_trim(rest));
			return;
		}
	}
	if (a->wanted)
		field_wanted(a->wanted, name, str_trim(rest));
}

/* ---- chunks ---- */

/* "1f", and blanks and extensions that mean nothing to us. */
static void
size_line(struct answer *a, struct str s)
{
	size_t n = 0;
	a->left = 0;
	while (n < s.n && n <= SIZE_DIGITS_MAX && http_hex((unsigned char)s.p[n]) >= 0)
		a->left = a->left << 4 | (unsigned)http_hex((unsigned char)s.p[n++]);
	bool ends = n == s.n || s.p[n] == ';' || s.p[n] == ' ' || s.p[n] == '\t';
	if (n == 0 || n > SIZE_DIGITS_MAX || !ends) {
		refuse(a, "invalid chunk size");
		return;
	}
	a->state = a->left ? ANSWER_CHUNK : ANSWER_TRAILER;
	a->head_bytes += s.n - n;
	if (a->head_bytes > a->limits.head_max)
		refuse(a, head_too_large);
}

static void
chunk_end_line(struct answer *a, struct str s)
{
	if (s.n)
		refuse(a, "chunk longer than its size");
	else
		a->state = ANSWER_SIZE;
}

static void
trailer_line(struct answer *a, struct str s)
{
	if (s.n == 0)
		a->state = ANSWER_ENDED;
}

/* ---- bytes ---- */

static const struct {
	void (*fn)(struct answer *a, struct str line);
	bool is_head; /* the whole line counts as such */
} lines[] = {
	[ANSWER_STATUS] = { status_line, true },
	[ANSWER_FIELD] = { field_line, true },
	[ANSWER_SIZE] = { size_line, false },
	[ANSWER_CHUNK_END] = { chunk_end_line, false },
	[ANSWER_TRAILER] = { trailer_line, true },
};

/* A whole line with its end. */
static void
line_done(struct answer *a, struct str s)
{
	if (lines[a->state].is_head)
		a->head_bytes += s.n;
	s.n--;
	if (s.n && s.p[s.n - 1] == '\r')
		s.n--;
	if (memchr(s.p, '\0', s.n))
		refuse(a, "NUL in the answer's head");
	else
		lines[a->state].fn(a, s);
}

/* Takes a line, or as much of it as there is; it is judged by what can be judged already. */
static size_t
take_line(struct answer *a, struct str in)
{
	const char *lf = memchr(in.p, '\n', in.n);
	size_t n = lf ? (size_t)(lf - in.p) + 1 : in.n, room = a->line.max - a->line.len;
	struct str line = { in.p, n };
	if (!lf || a->line.len) {
		buf_add(&a->line, in.p, n < room ? n : room);
		line = (struct str){ a->line.data, a->line.len };
		assert(line.p); /* base/buf.h: never NULL */
	}
	size_t head_bytes = lines[a->state].is_head ? a->head_bytes + line.n : 0;
	const char *why = a->state == ANSWER_STATUS ? not_http(line) : NULL;
	if (why)
		refuse(a, why);
	else if (n > room || head_bytes > a->limits.head_max)
		refuse(a, head_too_large);
	else if (lf)
		line_done(a, line);
	if (lf)
		buf_clear(&a->line);
	return n;
}

/* Takes bytes of the body. */
static size_t
take_body(struct answer *a, struct str in)
{
	size_t n = in.n;
	if (a->state != ANSWER_REST && a->left < n)
		n = (size_t)a->left;
	size_t room = a->body.max - a->body.len;
	buf_add(&a->body, in.p, n < room ? n : room);
	a->body_bytes += n;
	a->left -= n; /* means nothing in ANSWER_REST */
	if (a->body_bytes > a->limits.read_body)
		refuse(a, "answer body too large");
	else if (a->state != ANSWER_REST && a->left == 0)
		a->state = a->state == ANSWER_CHUNK ? ANSWER_CHUNK_END : ANSWER_ENDED;
	return n;
}

enum answer_result
answer_feed(struct answer *a, struct str in, size_t *ret_used)
{
	size_t used = 0;
	a->begun |= in.n > 0;
	while (used < in.n && a->state != ANSWER_ENDED) {
		struct str rest = { in.p + used, in.n - used };
		used += a->state < ANSWER_BODY ? take_line(a, rest) : take_body(a, rest);
	}
	*ret_used = used;
	if (a->state != ANSWER_ENDED)
		return ANSWER_MORE;
	return a->reason ? ANSWER_REFUSED : ANSWER_WHOLE;
}

bool
answer_ends_whole(const struct answer *a)
{
	return a->state == ANSWER_REST;
}

void
answer_init(struct answer *a, const struct answer_limits *limits)
{
	*a = (struct answer){ .limits = *limits };
	buf_init(&a->body, limits->keep_body);
	buf_init(&a->line, limits->head_max);
	answer_reset(a);
}

void
answer_reset(struct answer *a)
{
	a->status = 0;
	a->body_bytes = 0;
	a->retry_after_len = -1;
	a->begun = a->keep_alive = false;
	a->reason = NULL;
	a->state = ANSWER_STATUS;
	a->head_bytes = 0;
	a->left = 0;
	buf_clear(&a->body);
	buf_clear(&a->line);
}

void
answer_free(struct answer *a)
{
	buf_free(&a->body);
	buf_free(&a->line);
}
