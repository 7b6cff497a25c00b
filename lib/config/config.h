/* Configuration: one table of options (options.def), read from defaults, a file, the environment
 * and flags, in rising order of precedence, and checked as a whole. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"

#include "policy/address.h"
#include "policy/backoff.h"
#include "policy/sign.h"
#include "policy/token_key.h"

#define CONFIG_TEXT_MAX 1024
#define CONFIG_PEM_MAX  4096 /* an RSA key of 4096 bits has 3300 */

typedef char config_text[CONFIG_TEXT_MAX];

/* A key in PEM: like struct secret nothing that could be printed by accident. */
struct config_pem {
	size_t len;
	char bytes[CONFIG_PEM_MAX];
};

enum log_format {
	LOG_FORMAT_LOGFMT,
	LOG_FORMAT_JSON,
};

/* What becomes of an event whose payload its type's schema refuses. */
enum validation {
	VALIDATION_OFF,
	VALIDATION_WARN,
	VALIDATION_BLOCK,
};

enum config_source {
	CONFIG_FROM_DEFAULT,
	CONFIG_FROM_FILE,
	CONFIG_FROM_ENV,
	CONFIG_FROM_FLAG,
};

/* How many rows options.def has. */
enum {
	CONFIG_OPTIONS = 0
#define X(name, type, def, min, max, help) +1
#include "config/options.def"
#undef X
};

/* One field per row of options.def. */
struct config {
#define CONFIG_TEXT                        config_text
#define CONFIG_SECRET                      struct secret
#define CONFIG_BOOL                        bool
#define CONFIG_INT                         int64_t
#define CONFIG_MS                          int64_t
#define CONFIG_BYTES                       int64_t
#define CONFIG_CIDRS                       struct address_policy
#define CONFIG_SCHEDULE                    struct backoff
#define CONFIG_LEVEL                       enum log_level
#define CONFIG_FORMAT                      enum log_format
#define CONFIG_SIGNATURE                   enum sign_kind
#define CONFIG_VALIDATION                  enum validation
#define CONFIG_TOKEN_ALG                   enum token_alg
#define CONFIG_PEM                         struct config_pem
#define X(name, type, def, min, max, help) CONFIG_##type name;
#include "config/options.def"
#undef X
	enum config_source source[CONFIG_OPTIONS]; /* who set each, in the order of the table */
	bool dev;
};

/* Sets every option to its default. */
void config_init(struct config *c);

/* One option by name (underscores or dashes). The value is always checked, and kept unless a higher
 * source has set the option already, in whatever order the sources are read. ERR_CONFIG with a text
 * that names the option, the source and what is expected; a secret's value is never quoted. An
 * unknown name is an error that suggests the nearest one. */
int config_set(struct config *c, const char *name, const char *value, enum config_source from,
    struct err *e) MUST_CHECK;

/* An INI file: `name = value` lines, sections ignored, '#' and ';' at the start of a line begin a
 * comment. At most 64 KiB, lines of 4 KiB, each option once. Errors name the file and the line. */
int config_read_file(struct config *c, const char *path, struct err *e) MUST_CHECK;
/* The same from memory; path is for the errors. */
int config_read_text(struct config *c, const char *path, struct str text, struct err *e) MUST_CHECK;

/* POSTHORN_* variables of environ; POSTHORN_X_FILE for secrets and keys. An unknown POSTHORN_
 * variable is an error, except POSTHORN_TOKEN, POSTHORN_URL, POSTHORN_CONFIG (the commands') and
 * POSTHORN_TEST_*.
 */
int config_read_env(struct config *c, char *const *env, struct err *e) MUST_CHECK;

/* Was the option set by anything but its default? */
bool config_is_set(const struct config *c, const char *name);

/* What only the whole can tell: required options (with dev the database comes later, the key must
 * be there), combinations. */
int config_check(const struct config *c, struct err *e) MUST_CHECK;
/* Without a usable default: for commands that need no more than it. */
int config_require_database(const struct config *c, struct err *e) MUST_CHECK;

/* The key of bearer tokens, by jwt_algorithm and the option that this takes; the caller frees it.
 * ERR_CONFIG when it is missing or no good, or an option is set that this algorithm has no use for:
 * who set it believes in a key that is not in force. */
int config_token_key(const struct config *c, struct token_key **ret, struct err *e) MUST_CHECK;
/* Wipes every key. */
void config_wipe(struct config *c);

/* For --help, deploy/posthorn.conf.example and docs/configuration.md. */
void config_write_help(struct buf *out);
void config_write_example(struct buf *out);
void config_write_reference(struct buf *out);
/* The settings in force and where they come from, as a file that can be read back; of secrets only
 * whether they are set. The connection string is written as it is. */
void config_write_settings(const struct config *c, struct buf *out);
