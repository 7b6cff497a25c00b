/* Fixed-size digests of requests: the lookup key of an Idempotency-Key and the fingerprint of its
 * body (SHA-256, cut to 16 bytes: 2^64 requests before a chance collision is likely). */
#pragma once

#include <stdint.h>

#include "base/str.h"

#define FINGERPRINT_SIZE 16

/* Digest of the parts, each framed by its length, so that ("ab","c") and ("a","bc") differ. */
void fingerprint(const struct str *parts, int n, unsigned char out[FINGERPRINT_SIZE]);
/* The first 64 bits of the digest of one text. */
int64_t fingerprint_number(struct str text);
