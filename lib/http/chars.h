/* The character classes of RFC 9110, section 5.6.2 and 5.5, as far as the parsers of this layer
 * need them. */
#pragma once

#include <stdbool.h>

/* Each token character stands at its own place, a blank where the code is none. */
static const char http_token_chars[129] = "                                "
					  " ! #$%&'  *+ -. 0123456789      "
					  " ABCDEFGHIJKLMNOPQRSTUVWXYZ   ^_"
					  "`abcdefghijklmnopqrstuvwxyz | ~ ";

/* tchar: what methods and field names are made of. */
static inline bool
http_is_token(unsigned char c)
{
	return c < 128 && http_token_chars[c] != ' ';
}

/* What a field value may hold: visible ASCII, blank, tab, and obs-text. */
static inline bool
http_is_value(unsigned char c)
{
	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* The value of a hexadecimal digit, or -1. */
static inline int
http_hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
