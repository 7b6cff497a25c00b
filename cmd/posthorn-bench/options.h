/* The command line of posthorn-bench, from the table options.def. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

typedef const char *options_text;

struct options {
#define OPTIONS_SWITCH                                       bool
#define OPTIONS_TEXT                                         options_text
#define OPTIONS_INT                                          int64_t
#define OPTIONS_DURATION                                     int64_t
#define OPTIONS_SHARE                                        int64_t
#define X(name, type, def, min, max, placeholder, help_text) OPTIONS_##type name;
#include "options.def"
#undef X
};

/* Texts are borrowed from argv and the environment or live in the arena. Completes url and token
 * from the environment and --token-file. ERR_USAGE otherwise; the text never quotes a value. */
int options_read(
    struct options *o, int argc, char **argv, struct arena *a, struct err *e) MUST_CHECK;

void options_write_help(struct buf *out);
