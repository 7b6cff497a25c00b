/* Small files with secrets: one line, readable by their owner alone. */
#pragma once

#include "base/attr.h"
#include "base/err.h"

#define PRIVATE_FILE_MAX 4096 /* bytes of the line and a NUL */

/* Replaces the file by one line, in one step: a reader sees the old or the new one. ERR_IO. */
int private_file_write(const char *path, const char *line, struct err *e) MUST_CHECK;

/* The line without its end. ERR_NOT_FOUND when there is no such file; ERR_CONFIG when it is a
 * symbolic link, belongs to somebody else or others can read it. */
int private_file_read(const char *path, char out[PRIVATE_FILE_MAX], struct err *e) MUST_CHECK;
