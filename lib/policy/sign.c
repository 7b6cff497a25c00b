/* Signing deliveries: HMAC (RFC 2104) and ed25519 (RFC 8032). The hot path: every attempt of every
 * delivery passes sign_header once.
 *
 * Which interface of libcrypto (OpenSSL 3.0, 900-byte body, one core, µs a signature):
 *
 *     HMAC()                                      1.45
 *     EVP_MAC_CTX_dup of a keyed context, free    0.89
 *     EVP_MAC_init with the key                   0.83
 *     EVP_MAC_init without it, key kept           0.69   this one: 1.3 times as fast as dup
 *     HMAC_Init_ex without a key (deprecated)     0.64
 *
 * Keeping the key needs OpenSSL 3.0.3: before, EVP_MAC_init without a key succeeded, reset nothing
 * and gave wrong codes (openssl issue 17811). meson.build asks for that version.
 *
 * ed25519 takes some 70 µs more. It reads its message twice, so that there is no feeding it in
 * parts: the message is put together first. */
#include "policy/sign.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/mem.h"

#define MAC_SIZE  32
#define SEED_SIZE 32 /* the private half of a pair, which comes first */

struct sign_key {
	EVP_MAC_CTX *mac;   /* owned; keyed, restarted for each signature. NULL: a pair */
	EVP_PKEY *pair;     /* owned */
	EVP_MD_CTX *signer; /* owned; of a pair */
};

/* libcrypto fails here only without memory or without HMAC-SHA256: neither can be handled. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

static struct sign_key *
hmac_new(const void *key, size_t n, const char *hash)
{
	static EVP_MAC *hmac; /* fetched once; lives as long as the process */
	if (!hmac)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	must(hmac != NULL);

	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)hash, 0),
		OSSL_PARAM_construct_end(),
	};
	struct sign_key *k = mem_zalloc(sizeof(*k));
	k->mac = EVP_MAC_CTX_new(hmac);
	must(k->mac != NULL && EVP_MAC_init(k->mac, key, n, params) == 1);
	return k;
}

static struct sign_key *
pair_new(const struct secret *pair)
{
	struct sign_key *k = mem_zalloc(sizeof(*k));
	k->pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, pair->bytes, SEED_SIZE);
	k->signer = EVP_MD_CTX_new();
	must(k->pair != NULL && k->signer != NULL);
	return k;
}

struct sign_key *
sign_key_new(const struct sign_secret *s)
{
	return s->kind == SIGN_ED25519 ? pair_new(&s->key)
				       : hmac_new(s->key.bytes, s->key.len, "SHA256");
}

struct sign_key *
sign_key_new_text(const struct sign_secret *s, const char *hash)
{
	char text[SIGN_TEXT_SIZE];
	if (s->kind == SIGN_ED25519)
		return NULL;
	sign_key_to_text(s, text);
	struct sign_key *k = hmac_new(text, strlen(text), hash);
	explicit_bzero(text, sizeof(text));
	return k;
}

void
sign_key_free(struct sign_key *k)
{
	if (!k)
		return;
	EVP_MAC_CTX_free(k->mac); /* wipes the key block */
	EVP_MD_CTX_free(k->signer);
	EVP_PKEY_free(k->pair);
	free(k);
}

static void
feed(EVP_MAC_CTX *mac, const char *p, size_t n)
{
	must(EVP_MAC_update(mac, (const unsigned char *)p, n) == 1);
}

/* ed25519 over the parts. */
static void
sign_whole(struct sign_key *k, const struct str *parts, int n, unsigned char out[SIGN_MAC_MAX])
{
	size_t whole_len = 0, len = SIGN_MAC_MAX;
	for (int i = 0; i < n; i++)
		whole_len += parts[i].n;
	unsigned char *whole = mem_alloc(whole_len + 1), *to = whole;
	for (int i = 0; i < n; i++) {
		if (parts[i].n)
			memcpy(to, parts[i].p, parts[i].n);
		to += parts[i].n;
	}
	must(EVP_DigestSignInit(k->signer, NULL, NULL, NULL, k->pair) == 1 &&
	     EVP_DigestSign(k->signer, out, &len, whole, whole_len) == 1 && len == SIGN_MAC_MAX);
	/* The key's context goes with it; the context itself stays. */
	EVP_MD_CTX_reset(k->signer);
	free(whole);
}

size_t
sign_parts(struct sign_key *k, const struct str *parts, int n, unsigned char out[SIGN_MAC_MAX])
{
	size_t len;
	assert(n <= SIGN_PARTS_MAX);
	if (!k->mac) {
		sign_whole(k, parts, n, out);
		return SIGN_MAC_MAX;
	}
	must(EVP_MAC_init(k->mac, NULL, 0, NULL) == 1);
	for (int i = 0; i < n; i++)
		feed(k->mac, parts[i].p, parts[i].n);
	must(EVP_MAC_final(k->mac, out, &len, SIGN_MAC_MAX) == 1);
	return len;
}

/* Appends "v1a,…". */
static char *
put_asymmetric(struct sign_key *k, struct str id, struct str timestamp, struct str body, char *to)
{
	const struct str parts[] = { id, STR("."), timestamp, STR("."), body };
	unsigned char code[SIGN_MAC_MAX];
	sign_whole(k, parts, ARRAY_LEN(parts), code);
	to = stpcpy(to, "v1a,");
	return to + b64_encode(code, sizeof(code), to);
}

/* Appends "v1,…". */
static char *
put_symmetric(EVP_MAC_CTX *mac, struct str id, struct str timestamp, struct str body, char *to)
{
	unsigned char code[MAC_SIZE];
	size_t code_len;
	must(EVP_MAC_init(mac, NULL, 0, NULL) == 1);
	feed(mac, id.p, id.n);
	feed(mac, ".", 1);
	feed(mac, timestamp.p, timestamp.n);
	feed(mac, ".", 1);
	feed(mac, body.p, body.n);
	must(EVP_MAC_final(mac, code, &code_len, sizeof(code)) == 1);
	to = stpcpy(to, "v1,");
	return to + b64_encode(code, sizeof(code), to);
}

size_t
sign_header(struct sign_key *const *keys, int n, struct str id, int64_t timestamp_s,
    struct str body, char out[SIGN_HEADER_SIZE])
{
	assert(n >= 1 && n <= SIGN_KEYS_MAX);
	char digits[STR_I64_SIZE];
	struct str timestamp = str_from_i64(timestamp_s, digits);
	char *o = out;
	for (int i = 0; i < n; i++) {
		EVP_MAC_CTX *mac = keys[i]->mac;
		if (i > 0)
			*o++ = ' ';
		o = mac ? put_symmetric(mac, id, timestamp, body, o)
			: put_asymmetric(keys[i], id, timestamp, body, o);
	}
	return (size_t)(o - out);
}

bool
sign_public_verifies(const unsigned char key[SIGN_PUBLIC_SIZE], struct str id, int64_t timestamp_s,
    struct str body, struct str signature)
{
	unsigned char code[SIGN_MAC_MAX];
	char digits[STR_I64_SIZE];
	size_t len;
	if (!str_starts(signature, STR("v1a,")) ||
	    b64_decode(
		(struct str){ signature.p + 4, signature.n - 4 }, code, sizeof(code), &len) ||
	    len != SIGN_MAC_MAX)
		return false;
	struct str timestamp = str_from_i64(timestamp_s, digits);
	size_t n = id.n + timestamp.n + body.n + 2;
	char *whole = mem_alloc(n + 1);
	snprintf(whole, n + 1, "%.*s.%.*s.", STR_FMT(id), STR_FMT(timestamp));
	if (body.n)
		memcpy(whole + n - body.n, body.p, body.n);
	EVP_PKEY *public =
	    EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, SIGN_PUBLIC_SIZE);
	EVP_MD_CTX *verifier = EVP_MD_CTX_new();
	must(verifier != NULL);
	bool good = public && EVP_DigestVerifyInit(verifier, NULL, NULL, NULL, public) == 1 &&
		    EVP_DigestVerify(verifier, code, len, (unsigned char *)whole, n) == 1;
	EVP_MD_CTX_free(verifier);
	EVP_PKEY_free(public);
	free(whole);
	return good;
}
