/* Standard Webhooks signatures (specification 1.0.0), symmetric: v1 = HMAC-SHA256 over
 * id "." timestamp "." body. Key bytes are the base 64 text behind "whsec_", decoded. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

#define SIGN_KEY_MIN     24 /* bytes */
#define SIGN_KEY_MAX     75
#define SIGN_KEY_NEW     24  /* bytes of a generated key */
#define SIGN_KEYS_MAX    11  /* the current key and ten old ones */
#define SIGN_TEXT_SIZE   120 /* "whsec_" + base 64 of SIGN_KEY_MAX bytes + NUL */
#define SIGN_HEADER_SIZE (SIGN_KEYS_MAX * 48 + 1) /* "v1," + 44, a space between */

/* "whsec_" + padded standard base 64 of 24 to 75 bytes. ERR_INVALID otherwise; the text of the
 * error never quotes the input. */
int sign_key_parse(struct str text, struct secret *ret, struct err *e) MUST_CHECK;
void sign_key_generate(struct secret *ret);
void sign_key_to_text(const struct secret *key, char out[SIGN_TEXT_SIZE]);

/* A key made ready: the HMAC state behind the key block, computed once per secret. */
struct sign_key; /* opaque */
struct sign_key *sign_key_new(const struct secret *key);
void sign_key_free(struct sign_key *k); /* wipes; NULL is allowed */

/* The value of webhook-signature: one "v1,…" for each key in the order given, single spaces
 * between. The caller puts the newest key last (some receivers read only the last signature).
 * keys: 1 to SIGN_KEYS_MAX. Returns the length without NUL. */
size_t sign_header(struct sign_key *const *keys, int n, struct str id, int64_t timestamp_s,
    struct str body, char out[SIGN_HEADER_SIZE]);
