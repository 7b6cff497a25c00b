/* Structured logs on stderr: an event name from log_events.def and typed key/values, as logfmt or
 * JSON, one line an event, written with one write(2).
 *
 *     LOG_INFO(WORKER_START, KV("worker", index), KV("pid", (int64_t)getpid()));
 *
 * KV takes int64_t, bool, double, const char * and struct str; there is none for a secret. (In C17
 * the words true and false are ints: a bool is a variable or an expression of that type.) Values
 * longer than 512 bytes are cut; control characters and invalid UTF-8 are escaped. Only the place
 * that handles an error logs it; library code returns it instead. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_event {
#define X(name, text, help) LOGEV_##name,
#include "base/log_events.def"
#undef X
};

enum log_type {
	LOG_T_I64,
	LOG_T_BOOL,
	LOG_T_DOUBLE,
	LOG_T_TEXT,
	LOG_T_STR,
};

struct log_kv {
	const char *key;
	enum log_type type;
	union {
		int64_t i;
		bool b;
		double d;
		const char *s; /* NULL prints as "" */
		struct str str;
	} v;
};

struct log_kv log_kv_i64(const char *key, int64_t v);
struct log_kv log_kv_bool(const char *key, bool v);
struct log_kv log_kv_double(const char *key, double v);
struct log_kv log_kv_text(const char *key, const char *v);
struct log_kv log_kv_str(const char *key, struct str v);

#define KV(key, value)                                                                             \
	_Generic((value),                                                                          \
	    bool: log_kv_bool,                                                                     \
	    int: log_kv_i64,                                                                       \
	    unsigned: log_kv_i64,                                                                  \
	    int64_t: log_kv_i64,                                                                   \
	    long long: log_kv_i64,                                                                 \
	    uint64_t: log_kv_i64,                                                                  \
	    double: log_kv_double,                                                                 \
	    char *: log_kv_text,                                                                   \
	    const char *: log_kv_text,                                                             \
	    struct str: log_kv_str)(key, value)

void log_write(enum log_level level, enum log_event event, const struct log_kv *kvs, size_t n);

#define LOG_AT(level, event, ...)                                                                  \
	do {                                                                                       \
		if (log_enabled(level)) {                                                          \
			const struct log_kv log_kvs[] = { __VA_ARGS__ };                           \
			log_write(                                                                 \
			    level, LOGEV_##event, log_kvs, sizeof(log_kvs) / sizeof(log_kvs[0]));  \
		}                                                                                  \
	} while (0)
#define LOG_ERROR(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define LOG_WARN(event, ...)  LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define LOG_INFO(event, ...)  LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_DEBUG(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

void log_set_level(enum log_level level); /* default: info */
void log_set_json(bool json);             /* default: logfmt */
void log_set_fd(int fd);                  /* default: 2; for tests */
void log_set_tag(const char *tag);        /* e.g. "worker-0", printed with each line; copied */
bool log_enabled(enum log_level level);
int log_level_from_text(const char *s, enum log_level *ret); /* error warn info debug; or -1 */
