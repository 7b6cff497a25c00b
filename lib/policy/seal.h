/* Texts that are kept where others can read them: sealed with AES-128-GCM (NIST SP 800-38D) under a
 * key that is not kept with them. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

#define SEAL_KEY_SIZE 16

/* Appends "sealed:" and base 64. Two seals of one text differ. */
void seal(const unsigned char key[SEAL_KEY_SIZE], struct str text, struct buf *out);
bool seal_is(struct str text); /* by its beginning */
/* Appends what was sealed; -1, and nothing to rely on in out, when it was not sealed with this key,
 * or has been changed since. */
int seal_open(
    const unsigned char key[SEAL_KEY_SIZE], struct str sealed, struct buf *out) MUST_CHECK;
