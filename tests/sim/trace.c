/* The trace, and the end of a schedule that went wrong. Also the product's log: its lines are part
 * of the trace. */
#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

#include "agenda.h"
#include "sim_loop.h"

#define LINE_MAX_SIZE 1024

enum trace_mode trace_mode;
uint64_t trace_seed;
int trace_events;

static uint64_t hash;

void
trace_reset(void)
{
	hash = UINT64_C(14695981039346656037);
}

uint64_t
trace_hash(void)
{
	return hash;
}

static PRINTF(1, 0) void line(const char *fmt, va_list ap)
{
	char text[LINE_MAX_SIZE];
	int n = snprintf(
	    text, sizeof(text), "%11.6f %-3s ", (double)agenda_now() / 1e6, sim_loop_name());
	int more = vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	n += more;
	if (n > LINE_MAX_SIZE - 1)
		n = LINE_MAX_SIZE - 1;
	for (int i = 0; i < n; i++) /* FNV-1a */
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
	if (trace_mode == TRACE_PRINT)
		printf("%s\n", text);
}

void
trace_line(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line(fmt, ap);
	va_end(ap);
}

void
violation(const char *fmt, ...)
{
	va_list ap;
	char text[LINE_MAX_SIZE];
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("seed %" PRIu64 ": %.6f s: %s: %s\n", trace_seed, (double)agenda_now() / 1e6,
	    sim_loop_name(), text);
	printf("again: sim --seeds %" PRIu64 " --events %d --trace\n", trace_seed, trace_events);
	fflush(stdout);
	_exit(1);
}

/* ---- the product's log (linked with --wrap) ------------------------------------------------- */

static const char *const log_names[] = {
#define X(name, text, help) text,
#include "base/log_events.def"
#undef X
};

bool __wrap_log_enabled(enum log_level level);
void __wrap_log_write(
    enum log_level level, enum log_event event, const struct log_kv *kvs, size_t n);

bool
__wrap_log_enabled(enum log_level level)
{
	(void)level;
	return trace_mode != TRACE_OFF;
}

void
__wrap_log_write(enum log_level level, enum log_event event, const struct log_kv *kvs, size_t n)
{
	char text[LINE_MAX_SIZE];
	int at = 0;
	(void)level;
	text[0] = '\0';
	for (size_t i = 0; i < n && at < (int)sizeof(text) - 200; i++) {
		char *to = text + at;
		size_t room = sizeof(text) - (size_t)at;
		if (kvs[i].type == LOG_T_I64)
			at += snprintf(to, room, " %s=%" PRId64, kvs[i].key, kvs[i].v.i);
		else if (kvs[i].type == LOG_T_TEXT)
			at += snprintf(
			    to, room, " %s=%.100s", kvs[i].key, kvs[i].v.s ? kvs[i].v.s : "");
		else if (kvs[i].type == LOG_T_STR && kvs[i].v.str.n)
			at += snprintf(to, room, " %s=%.*s", kvs[i].key,
			    kvs[i].v.str.n < 100 ? (int)kvs[i].v.str.n : 100, kvs[i].v.str.p);
	}
	trace_line("log %s%s", log_names[event], text);
}
