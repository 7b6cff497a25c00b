/* The JSON writer. */
#include "base/jw.h"

#include <assert.h>

#include "base/utf8.h"

void
jw_begin(struct jw *j, struct buf *out)
{
	*j = (struct jw){ .out = out };
}

void
jw_end(struct jw *j)
{
	assert(j->depth == 0);
}

/* Before each value (and key): the comma that separates it from the one before. */
static void
separate(struct jw *j)
{
	if (j->comma)
		buf_addc(j->out, ',');
	j->comma = true;
}

static void
open_with(struct jw *j, char c)
{
	separate(j);
	buf_addc(j->out, c);
	j->comma = false;
	j->depth++;
}

static void
close_with(struct jw *j, char c)
{
	assert(j->depth > 0);
	buf_addc(j->out, c);
	j->comma = true;
	j->depth--;
}

void
jw_open_object(struct jw *j)
{
	open_with(j, '{');
}

void
jw_close_object(struct jw *j)
{
	close_with(j, '}');
}

void
jw_open_array(struct jw *j)
{
	open_with(j, '[');
}

void
jw_close_array(struct jw *j)
{
	close_with(j, ']');
}

/* Writes one byte that may not stand for itself. */
static void
escape(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	switch (c) {
	case '"':
		buf_adds(out, "\\\"");
		break;
	case '\\':
		buf_adds(out, "\\\\");
		break;
	case '\n':
		buf_adds(out, "\\n");
		break;
	case '\r':
		buf_adds(out, "\\r");
		break;
	case '\t':
		buf_adds(out, "\\t");
		break;
	default:
		buf_adds(out, "\\u00");
		buf_addc(out, hex[c >> 4]);
		buf_addc(out, hex[c & 15]);
	}
}

static void
quote(struct buf *out, struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	buf_addc(out, '"');
	size_t plain = 0; /* bytes before p[i] that are not written yet begin here */
	for (size_t i = 0; i < s.n;) {
		if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\') {
			i++;
			continue;
		}
		size_t len = p[i] >= 0x80 ? utf8_sequence(p + i, s.n - i) : 0;
		if (len > 0) {
			i += len;
			continue;
		}
		buf_add(out, s.p + plain, i - plain);
		if (p[i] >= 0x80)
			buf_adds(out, "\xef\xbf\xbd"); /* U+FFFD */
		else
			escape(out, p[i]);
		plain = ++i;
	}
	if (s.n > plain)
		buf_add(out, s.p + plain, s.n - plain);
	buf_addc(out, '"');
}

void
jw_key(struct jw *j, const char *key)
{
	separate(j);
	quote(j->out, str_of(key));
	buf_addc(j->out, ':');
	j->comma = false;
}

void
jw_text(struct jw *j, struct str s)
{
	separate(j);
	quote(j->out, s);
}

void
jw_i64(struct jw *j, int64_t v)
{
	separate(j);
	buf_add_i64(j->out, v);
}

void
jw_bool(struct jw *j, bool v)
{
	separate(j);
	buf_adds(j->out, v ? "true" : "false");
}

void
jw_null(struct jw *j)
{
	separate(j);
	buf_adds(j->out, "null");
}

void
jw_raw(struct jw *j, struct str value)
{
	separate(j);
	buf_add(j->out, value.p, value.n);
}

static void
jw_time(struct jw *j, struct wall t)
{
	char text[WALL_TEXT_SIZE];
	jw_text(j, str_of(wall_to_text(t, text)));
}

static void
jw_id(struct jw *j, enum id_kind kind, int64_t id)
{
	char text[ID_TEXT_SIZE];
	jw_text(j, str_of(id_to_text(kind, id, text)));
}

void
jw_put_text(struct jw *j, const char *key, struct str s)
{
	jw_key(j, key);
	jw_text(j, s);
}

void
jw_put_text_or_null(struct jw *j, const char *key, struct str s)
{
	jw_key(j, key);
	if (s.p)
		jw_text(j, s);
	else
		jw_null(j);
}

void
jw_put_i64(struct jw *j, const char *key, int64_t v)
{
	jw_key(j, key);
	jw_i64(j, v);
}

void
jw_put_bool(struct jw *j, const char *key, bool v)
{
	jw_key(j, key);
	jw_bool(j, v);
}

void
jw_put_null(struct jw *j, const char *key)
{
	jw_key(j, key);
	jw_null(j);
}

void
jw_put_raw(struct jw *j, const char *key, struct str value)
{
	jw_key(j, key);
	jw_raw(j, value);
}

void
jw_put_time(struct jw *j, const char *key, struct wall t)
{
	jw_key(j, key);
	jw_time(j, t);
}

void
jw_put_id(struct jw *j, const char *key, enum id_kind kind, int64_t id)
{
	jw_key(j, key);
	jw_id(j, kind, id);
}
