/* The database's write-ahead log, as far as a command of the user's can tell. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* Runs the command with /bin/sh and reads the first word of its output: a position such as
 * 0/16B3748, or a number of bytes. */
int wal_position(const char *command, int64_t *ret_bytes, struct err *e) MUST_CHECK;
