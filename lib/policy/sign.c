/* Signing deliveries: Standard Webhooks 1.0.0, "v1" (HMAC-SHA256, RFC 2104). The hot path: every
 * attempt of every delivery passes sign_header once.
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
 * and gave wrong codes (openssl issue 17811). meson.build asks for that version. */
#include "policy/sign.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/mem.h"
#include "base/rand.h"

#define MAC_SIZE 32

static const char prefix[] = "whsec_";

int
sign_key_parse(struct str text, struct secret *ret, struct err *e)
{
	unsigned char key[SIGN_KEY_MAX];
	size_t n;
	if (!str_starts(text, STR("whsec_")))
		return err_set(e, ERR_INVALID, "a secret starts with %s", prefix);
	text.p += sizeof(prefix) - 1;
	text.n -= sizeof(prefix) - 1;
	if (b64_decode(text, key, sizeof(key), &n) || n < SIGN_KEY_MIN) {
		explicit_bzero(key, sizeof(key));
		return err_set(e, ERR_INVALID,
		    "a secret is %s and the base 64 text of %d to %d bytes", prefix, SIGN_KEY_MIN,
		    SIGN_KEY_MAX);
	}
	secret_set(ret, key, n);
	explicit_bzero(key, sizeof(key));
	return 0;
}

void
sign_key_generate(struct secret *ret)
{
	rand_bytes(ret->bytes, SIGN_KEY_NEW);
	ret->len = SIGN_KEY_NEW;
}

void
sign_key_to_text(const struct secret *key, char out[SIGN_TEXT_SIZE])
{
	assert(key->len <= SIGN_KEY_MAX);
	memcpy(out, prefix, sizeof(prefix) - 1);
	b64_encode(key->bytes, key->len, out + sizeof(prefix) - 1);
}

struct sign_key {
	EVP_MAC_CTX *mac; /* owned; keyed, restarted for each signature */
};

/* libcrypto fails here only without memory or without HMAC-SHA256: neither can be handled. */
static void
must(bool ok)
{
	if (!ok)
		abort();
}

struct sign_key *
sign_key_new(const struct secret *key)
{
	static EVP_MAC *hmac; /* fetched once; lives as long as the process */
	if (!hmac)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	must(hmac != NULL);

	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	struct sign_key *k = mem_alloc(sizeof(*k));
	k->mac = EVP_MAC_CTX_new(hmac);
	must(k->mac != NULL && EVP_MAC_init(k->mac, key->bytes, key->len, params) == 1);
	return k;
}

void
sign_key_free(struct sign_key *k)
{
	if (!k)
		return;
	EVP_MAC_CTX_free(k->mac); /* wipes the key block */
	free(k);
}

static void
feed(EVP_MAC_CTX *mac, const char *p, size_t n)
{
	must(EVP_MAC_update(mac, (const unsigned char *)p, n) == 1);
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
		unsigned char code[MAC_SIZE];
		size_t code_len;
		must(EVP_MAC_init(mac, NULL, 0, NULL) == 1);
		feed(mac, id.p, id.n);
		feed(mac, ".", 1);
		feed(mac, timestamp.p, timestamp.n);
		feed(mac, ".", 1);
		feed(mac, body.p, body.n);
		must(EVP_MAC_final(mac, code, &code_len, sizeof(code)) == 1);
		if (i > 0)
			*o++ = ' ';
		memcpy(o, "v1,", 3);
		o += 3 + b64_encode(code, sizeof(code), o + 3);
	}
	return (size_t)(o - out);
}
