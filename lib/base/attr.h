/* Compiler attributes used across the tree. */
#pragma once

#define MUST_CHECK       __attribute__((warn_unused_result))
#define PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define UNUSED           __attribute__((unused))
#define CLEANUP(fn)      __attribute__((cleanup(fn)))

#define ARRAY_LEN(a)     (sizeof(a) / sizeof((a)[0]))
