/* Signing keys and Standard Webhooks signatures (specification 1.0.0), over id "." timestamp "."
 * body:
 *
 *     v1   HMAC-SHA256. The key is the base 64 text behind "whsec_", decoded
 *     v1a  ed25519 (RFC 8032). The pair is the base 64 text behind "whsk_": 32 bytes of private
 *          key, then 32 of public key, or the private ones alone; subscribers get "whpk_" and the
 *          base 64 text of the public key
 *
 * Other ways to sign take the text of a key as it is shown to the subscriber: see profile.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

#define SIGN_KEY_MIN     24 /* bytes of a symmetric key */
#define SIGN_KEY_MAX     75
#define SIGN_KEY_NEW     24                   /* bytes of a generated one */
#define SIGN_TEXT_MAX    119                  /* bytes of a key that is any text */
#define SIGN_TEXT_SIZE   120                  /* a key of any kind as text, and a NUL */
#define SIGN_KEYS_MAX    11                   /* the current key and ten old ones */
#define SIGN_HEADER_SIZE (SIGN_KEYS_MAX * 93) /* "v1a," + 88, and a space between or a NUL */
#define SIGN_MAC_MAX     64                   /* bytes of a signature */

/* What a key is; these numbers are stored (endpoint.secret_kind). */
enum sign_kind {
	SIGN_HMAC,    /* "whsec_…": random bytes, known to both sides */
	SIGN_ED25519, /* "whsk_…": only the public half leaves the house */
	SIGN_TEXT,    /* agreed upon elsewhere: a text, not to be decoded */
};

struct sign_secret {
	enum sign_kind kind;
	struct secret key;
};

/* "whsec_" + padded standard base 64 of 24 to 75 bytes, or "whsk_" + that of 64 or 32 bytes.
 * ERR_INVALID otherwise; the text of the error never quotes the input. */
int sign_key_parse(struct str text, struct sign_secret *ret, struct err *e) MUST_CHECK;
/* A symmetric key of the above, or any other text of 1 to SIGN_TEXT_MAX bytes. */
int sign_text_parse(struct str text, struct sign_secret *ret, struct err *e) MUST_CHECK;
void sign_key_generate(enum sign_kind kind, struct sign_secret *ret); /* SIGN_HMAC or _ED25519 */
/* What sign_key_parse or sign_text_parse reads back. */
void sign_key_to_text(const struct sign_secret *s, char out[SIGN_TEXT_SIZE]);
/* What a subscriber verifies with: the same, but "whpk_…" of a pair. */
void sign_key_to_shown(const struct sign_secret *s, char out[SIGN_TEXT_SIZE]);
void sign_secret_wipe(struct sign_secret *s);

/* A key made ready: the HMAC state behind the key block, or the pair, computed once per secret. */
struct sign_key; /* opaque */
struct sign_key *sign_key_new(const struct sign_secret *s);
/* HMAC with another hash ("SHA1", "SHA512", …) over the text of the key; NULL for a pair. */
struct sign_key *sign_key_new_text(const struct sign_secret *s, const char *hash);
void sign_key_free(struct sign_key *k); /* wipes; NULL is allowed */

/* The value of webhook-signature: one "v1,…" or "v1a,…" for each key in the order given, single
 * spaces between. keys: 1 to SIGN_KEYS_MAX. Returns the length without NUL. */
size_t sign_header(struct sign_key *const *keys, int n, struct str id, int64_t timestamp_s,
    struct str body, char out[SIGN_HEADER_SIZE]);
/* The bytes of the signature over these, one after the other; returns how many. */
#define SIGN_PARTS_MAX 16
size_t sign_parts(
    struct sign_key *k, const struct str *parts, int n, unsigned char out[SIGN_MAC_MAX]);

/* ---- for receivers ---- */

#define SIGN_PUBLIC_SIZE 32
/* "whpk_" + padded standard base 64 of a public key. */
int sign_public_parse(
    struct str text, unsigned char ret[SIGN_PUBLIC_SIZE], struct err *e) MUST_CHECK;
/* Whether `signature`, one entry of webhook-signature, is a "v1a,…" of that key's owner. */
bool sign_public_verifies(const unsigned char key[SIGN_PUBLIC_SIZE], struct str id,
    int64_t timestamp_s, struct str body, struct str signature);
