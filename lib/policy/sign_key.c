/* Signing keys as texts: what users hand in, what they get to see, what is made for them (sign.h).
 */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/rand.h"

#include "policy/sign.h"

#define SEED_SIZE 32 /* an ed25519 private key (RFC 8032, 5.1.5) */
#define PAIR_SIZE (SEED_SIZE + SIGN_PUBLIC_SIZE)

static const struct str symmetric = { "whsec_", 6 }, private = { "whsk_", 5 },
			public = { "whpk_", 5 };

/* The base 64 text behind a prefix, which is there. */
static int
decode(struct str text, struct str prefix, unsigned char *out, size_t cap, size_t *ret_n)
{
	return b64_decode((struct str){ text.p + prefix.n, text.n - prefix.n }, out, cap, ret_n);
}

static int
parse_symmetric(struct str text, struct sign_secret *ret, struct err *e)
{
	unsigned char key[SIGN_KEY_MAX];
	size_t n;
	int bad = decode(text, symmetric, key, sizeof(key), &n) || n < SIGN_KEY_MIN;
	if (!bad) {
		ret->kind = SIGN_HMAC;
		secret_set(&ret->key, key, n);
	}
	explicit_bzero(key, sizeof(key));
	return bad ? err_set(e, ERR_INVALID,
			 "a secret is %s and the base 64 text of %d to %d bytes", symmetric.p,
			 SIGN_KEY_MIN, SIGN_KEY_MAX)
		   : 0;
}

/* Writes the public half behind the private one. */
static void
complete(unsigned char pair[PAIR_SIZE])
{
	size_t n = SIGN_PUBLIC_SIZE;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, pair, SEED_SIZE);
	/* Any 32 bytes are a private key: this fails without memory or without ed25519. */
	if (!key || EVP_PKEY_get_raw_public_key(key, pair + SEED_SIZE, &n) != 1 ||
	    n != SIGN_PUBLIC_SIZE)
		abort();
	EVP_PKEY_free(key);
}

/* With a wrong public half, subscribers would have been given a key that verifies nothing. */
static int
parse_pair(struct str text, struct sign_secret *ret, struct err *e)
{
	unsigned char given[PAIR_SIZE], pair[PAIR_SIZE];
	size_t n;
	bool good = false;
	if (decode(text, private, given, sizeof(given), &n) == 0 &&
	    (n == SEED_SIZE || n == PAIR_SIZE)) {
		memcpy(pair, given, SEED_SIZE);
		complete(pair);
		good = n == SEED_SIZE || memcmp(pair, given, PAIR_SIZE) == 0;
	}
	if (good) {
		ret->kind = SIGN_ED25519;
		secret_set(&ret->key, pair, PAIR_SIZE);
	}
	explicit_bzero(given, sizeof(given));
	explicit_bzero(pair, sizeof(pair));
	return good ? 0
		    : err_set(e, ERR_INVALID,
			  "a key pair is %s and the base 64 text of its private and its public "
			  "half (%d bytes each)",
			  private.p, SEED_SIZE);
}

int
sign_key_parse(struct str text, struct sign_secret *ret, struct err *e)
{
	if (str_starts(text, symmetric))
		return parse_symmetric(text, ret, e);
	if (str_starts(text, private))
		return parse_pair(text, ret, e);
	return err_set(
	    e, ERR_INVALID, "a secret starts with %s, a key pair with %s", symmetric.p, private.p);
}

int
sign_text_parse(struct str text, struct sign_secret *ret, struct err *e)
{
	struct err not_ours;
	if (str_starts(text, private) || str_starts(text, public))
		return err_set(e, ERR_INVALID, "a key pair signs under the profile standard only");
	if (str_starts(text, symmetric) && parse_symmetric(text, ret, &not_ours) == 0)
		return 0;
	if (text.n == 0 || text.n > SIGN_TEXT_MAX)
		return err_set(
		    e, ERR_INVALID, "a secret is a text of 1 to %d bytes", SIGN_TEXT_MAX);
	ret->kind = SIGN_TEXT;
	secret_set(&ret->key, text.p, text.n);
	return 0;
}

void
sign_key_generate(enum sign_kind kind, struct sign_secret *ret)
{
	assert(kind == SIGN_HMAC || kind == SIGN_ED25519);
	ret->kind = kind;
	ret->key.len = kind == SIGN_HMAC ? SIGN_KEY_NEW : PAIR_SIZE;
	rand_bytes(ret->key.bytes, kind == SIGN_HMAC ? SIGN_KEY_NEW : SEED_SIZE);
	if (kind == SIGN_ED25519)
		complete(ret->key.bytes);
}

static void
put(struct str prefix, const unsigned char *key, size_t n, char out[SIGN_TEXT_SIZE])
{
	assert(n <= SIGN_KEY_MAX);
	memcpy(out, prefix.p, prefix.n);
	b64_encode(key, n, out + prefix.n);
}

void
sign_key_to_text(const struct sign_secret *s, char out[SIGN_TEXT_SIZE])
{
	if (s->kind != SIGN_TEXT) {
		put(s->kind == SIGN_HMAC ? symmetric : private, s->key.bytes, s->key.len, out);
		return;
	}
	assert(s->key.len <= SIGN_TEXT_MAX);
	memcpy(out, s->key.bytes, s->key.len);
	out[s->key.len] = '\0';
}

void
sign_key_to_shown(const struct sign_secret *s, char out[SIGN_TEXT_SIZE])
{
	if (s->kind == SIGN_ED25519)
		put(public, s->key.bytes + SEED_SIZE, SIGN_PUBLIC_SIZE, out);
	else
		sign_key_to_text(s, out);
}

void
sign_secret_wipe(struct sign_secret *s)
{
	secret_wipe(&s->key);
}

int
sign_public_parse(struct str text, unsigned char ret[SIGN_PUBLIC_SIZE], struct err *e)
{
	size_t n;
	if (str_starts(text, public) && decode(text, public, ret, SIGN_PUBLIC_SIZE, &n) == 0 &&
	    n == SIGN_PUBLIC_SIZE)
		return 0;
	return err_set(e, ERR_INVALID, "a public key is %s and the base 64 text of %d bytes",
	    public.p, SIGN_PUBLIC_SIZE);
}
