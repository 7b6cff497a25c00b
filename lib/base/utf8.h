/* UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const void *p, size_t n);
/* How many characters a valid text has. */
size_t utf8_length(const char *p, size_t n);
/* Length of the sequence that starts at p (1 to 4), or 0 when it is invalid or cut at n. */
size_t utf8_sequence(const unsigned char *p, size_t n);
