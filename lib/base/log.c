/* Log lines. One write(2) a line, so that lines of several processes do not mix. */
#include "base/log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/jw.h"
#include "base/utf8.h"

#define LOG_LINE_MAX  8192 /* bytes; a longer line is dropped in favour of its event name */
#define LOG_VALUE_MAX 512

static const char *const event_names[] = {
#define X(name, text, help) text,
#include "base/log_events.def"
#undef X
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static struct {
	enum log_level level;
	bool json;
	int fd;
	char tag[32];
} sink = { .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO };

struct log_kv
log_kv_i64(const char *key, int64_t v)
{
	return (struct log_kv){ key, LOG_T_I64, { .i = v } };
}

struct log_kv
log_kv_bool(const char *key, bool v)
{
	return (struct log_kv){ key, LOG_T_BOOL, { .b = v } };
}

struct log_kv
log_kv_double(const char *key, double v)
{
	return (struct log_kv){ key, LOG_T_DOUBLE, { .d = v } };
}

struct log_kv
log_kv_text(const char *key, const char *v)
{
	return (struct log_kv){ key, LOG_T_TEXT, { .s = v } };
}

struct log_kv
log_kv_str(const char *key, struct str v)
{
	return (struct log_kv){ key, LOG_T_STR, { .str = v } };
}

static struct str
shorten(struct str s)
{
	if (s.n > LOG_VALUE_MAX)
		s.n = LOG_VALUE_MAX;
	return s;
}

/* A value that logfmt can carry without quotes. */
static bool
is_bare(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '=' || s.p[i] == '\\' ||
		    s.p[i] > '~')
			return false;
	return s.n > 0;
}

static void
put_text(struct jw *j, bool json, struct str s)
{
	s = shorten(s);
	if (!json && is_bare(s))
		buf_add(j->out, s.p, s.n);
	else
		jw_text(j, s);
}

static void
put_value(struct jw *j, bool json, const struct log_kv *kv)
{
	switch (kv->type) {
	case LOG_T_I64:
		jw_i64(j, kv->v.i);
		break;
	case LOG_T_BOOL:
		jw_bool(j, kv->v.b);
		break;
	case LOG_T_DOUBLE:
		if (isfinite(kv->v.d))
			buf_addf(j->out, "%.3f", kv->v.d);
		else
			buf_adds(j->out, "null"); /* JSON knows no NaN and no infinity */
		j->comma = true;
		break;
	case LOG_T_TEXT:
		put_text(j, json, str_of(kv->v.s ? kv->v.s : ""));
		break;
	case LOG_T_STR:
		put_text(j, json, kv->v.str);
		break;
	}
}

static void
put_pair(struct jw *j, const struct log_kv *kv)
{
	if (sink.json) {
		jw_key(j, kv->key);
	} else {
		buf_addf(j->out, " %s=", kv->key);
		j->comma = false;
	}
	put_value(j, sink.json, kv);
}

bool
log_enabled(enum log_level level)
{
	return level <= sink.level;
}

static void
put_head(struct jw *j, enum log_level level, enum log_event event)
{
	char now[WALL_TEXT_SIZE];
	wall_to_text(clock_wall(), now);
	if (sink.json) {
		jw_open_object(j);
		jw_put_text(j, "time", str_of(now));
		jw_put_text(j, "level", str_of(level_names[level]));
		jw_put_text(j, "event", str_of(event_names[event]));
	} else {
		buf_addf(j->out, "time=%s level=%s event=%s", now, level_names[level],
		    event_names[event]);
	}
	if (sink.tag[0]) {
		struct log_kv tag = log_kv_text("process", sink.tag);
		put_pair(j, &tag);
	}
}

static void
put_line(struct buf *line, enum log_level level, enum log_event event, const struct log_kv *kvs,
    size_t n)
{
	struct jw j;
	buf_clear(line);
	jw_begin(&j, line);
	put_head(&j, level, event);
	for (size_t i = 0; i < n; i++)
		if (kvs[i].key)
			put_pair(&j, &kvs[i]);
	if (sink.json)
		jw_close_object(&j);
	buf_addc(line, '\n');
}

void
log_write(enum log_level level, enum log_event event, const struct log_kv *kvs, size_t n)
{
	struct buf line;
	buf_init(&line, LOG_LINE_MAX);
	put_line(&line, level, event, kvs, n);
	if (line.failed) {
		const struct log_kv cut = log_kv_bool("cut", true);
		put_line(&line, level, event, &cut, 1);
	}
	ssize_t ignored = write(sink.fd, line.data, line.len);
	(void)ignored; /* there is nowhere to report a log that cannot be written */
	buf_free(&line);
}

void
log_set_level(enum log_level level)
{
	sink.level = level;
}

void
log_set_json(bool json)
{
	sink.json = json;
}

void
log_set_fd(int fd)
{
	sink.fd = fd;
}

void
log_set_tag(const char *tag)
{
	snprintf(sink.tag, sizeof(sink.tag), "%s", tag);
}

int
log_level_from_text(const char *s, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}
