/* Digests of requests. The state of SHA-256 is fetched and allocated once: a fetch by name on every
 * call would cost more than hashing a short key. One process is one thread, so one state is enough.
 */
#include "policy/fingerprint.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

static EVP_MD_CTX *
sha256_start(void)
{
	static EVP_MD *sha256;
	static EVP_MD_CTX *ctx;
	if (!ctx) {
		sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
		ctx = EVP_MD_CTX_new();
	}
	if (!ctx || !sha256 || EVP_DigestInit_ex2(ctx, sha256, NULL) != 1)
		abort(); /* out of memory, or a libcrypto without SHA-256 */
	return ctx;
}

static void
add_framed(EVP_MD_CTX *ctx, struct str part)
{
	unsigned char length[8];
	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)((uint64_t)part.n >> (56 - 8 * i));
	if (EVP_DigestUpdate(ctx, length, sizeof(length)) != 1 ||
	    EVP_DigestUpdate(ctx, part.p, part.n) != 1)
		abort();
}

void
fingerprint(const struct str *parts, int n, unsigned char out[FINGERPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = sha256_start();
	for (int i = 0; i < n; i++)
		add_framed(ctx, parts[i]);
	if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		abort();
	memcpy(out, digest, FINGERPRINT_SIZE);
}

int64_t
fingerprint_number(struct str text)
{
	unsigned char digest[FINGERPRINT_SIZE];
	uint64_t number = 0;
	fingerprint(&text, 1, digest);
	for (int i = 0; i < 8; i++)
		number = number << 8 | digest[i];
	return (int64_t)number;
}
