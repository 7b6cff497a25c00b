/* The types that options have: how each is read, written back and described. Used by the files of
 * lib/config, and value_duration by commands with a duration of their own. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include "config/config.h"

enum value_type {
	VALUE_TEXT,
	VALUE_SECRET,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_MS,
	VALUE_BYTES,
	VALUE_CIDRS,
	VALUE_SCHEDULE,
	VALUE_LEVEL,
	VALUE_FORMAT,
	VALUE_SIGNATURE,
	VALUE_VALIDATION,
	VALUE_TOKEN_ALG,
	VALUE_PEM,
	VALUE_TYPES
};

union value {
	config_text text;
	struct secret secret;
	bool boolean;
	int64_t number;
	struct address_policy cidrs;
	struct backoff schedule;
	enum log_level level;
	enum log_format format;
	enum validation validation;
	enum sign_kind signature;
	enum token_alg token_alg;
	struct config_pem pem;
};

struct value_range {
	int64_t min, max; /* of INT, MS and BYTES */
};

/* ERR_CONFIG with what is expected; the text never quotes the input. */
int value_parse(enum value_type t, struct str text, struct value_range range, union value *ret,
    struct err *e) MUST_CHECK;
/* The text that value_parse reads back as *v, which points to a value or a field of struct config.
 * Nothing for what is secret. */
void value_write(enum value_type t, const void *v, struct buf *out);

bool value_is_secret(enum value_type t);             /* SECRET and PEM: never shown */
bool value_is_set(enum value_type t, const void *v); /* of those: whether there is one */
size_t value_size(enum value_type t);                /* of its field in struct config */
const char *value_placeholder(enum value_type t);    /* "DURATION", for --help */
const char *value_syntax(enum value_type t); /* what may be written, for the reference page */

/* "250ms" "30s" "5m" "2h" "7d" "10y" (of 365 days); a bare number is seconds. -1 when it is none or
 * does not fit. */
int value_duration(struct str text, int64_t *ret_ms);
