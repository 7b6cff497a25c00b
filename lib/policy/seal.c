/* Sealed texts: "sealed:" and the base 64 of nonce, text and tag. The nonce is random: what is
 * sealed under one key in its life is far below the 2^32 texts that 96 random bits allow. */
#include "policy/seal.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/b64.h"
#include "base/mem.h"
#include "base/rand.h"

#define NONCE_SIZE 12
#define TAG_SIZE   16

static const struct str mark = { "sealed:", 7 };

static EVP_CIPHER_CTX *
context_new(
    const unsigned char key[SEAL_KEY_SIZE], const unsigned char nonce[NONCE_SIZE], int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_CipherInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce, encrypt) != 1)
		abort(); /* out of memory, or a libcrypto without AES */
	return ctx;
}

void
seal(const unsigned char key[SEAL_KEY_SIZE], struct str text, struct buf *out)
{
	size_t n = NONCE_SIZE + text.n + TAG_SIZE;
	unsigned char *raw = mem_alloc(n), *body = raw + NONCE_SIZE, *tag = body + text.n;
	int done = 0, rest;
	rand_bytes(raw, NONCE_SIZE);
	EVP_CIPHER_CTX *ctx = context_new(key, raw, 1);
	if (EVP_CipherUpdate(ctx, body, &done, (const unsigned char *)text.p, (int)text.n) != 1 ||
	    EVP_CipherFinal_ex(ctx, tag, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1)
		abort();
	EVP_CIPHER_CTX_free(ctx);

	char *encoded = mem_alloc(B64_SIZE(n));
	buf_add(out, mark.p, mark.n);
	buf_add(out, encoded, b64_encode(raw, n, encoded));
	free(encoded);
	free(raw);
}

bool
seal_is(struct str text)
{
	return str_starts(text, mark);
}

static int
open_raw(const unsigned char key[SEAL_KEY_SIZE], unsigned char *raw, size_t n, struct buf *out)
{
	int done = 0, rest;
	if (n < NONCE_SIZE + TAG_SIZE)
		return -1;
	size_t length = n - NONCE_SIZE - TAG_SIZE;
	unsigned char *body = raw + NONCE_SIZE;
	EVP_CIPHER_CTX *ctx = context_new(key, raw, 0);
	bool good = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, body + length) == 1 &&
		    EVP_CipherUpdate(ctx, body, &done, body, (int)length) == 1 &&
		    EVP_CipherFinal_ex(ctx, body + length, &rest) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (good)
		buf_add(out, body, length);
	return good ? 0 : -1;
}

int
seal_open(const unsigned char key[SEAL_KEY_SIZE], struct str sealed, struct buf *out)
{
	size_t n;
	if (!seal_is(sealed))
		return -1;
	struct str encoded = { sealed.p + mark.n, sealed.n - mark.n };
	unsigned char *raw = mem_alloc(encoded.n + 1);
	int r = b64_decode(encoded, raw, encoded.n, &n) ? -1 : open_raw(key, raw, n, out);
	explicit_bzero(raw, encoded.n);
	free(raw);
	return r;
}
