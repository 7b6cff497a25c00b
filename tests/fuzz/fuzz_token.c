/* policy/token on what anybody may send, under each kind of key. The input is tried three ways: as
 * a token; as header and claims (cut at the first line feed) that are encoded and signed with our
 * key, so that the parser behind the signature sees it too; and the same signed with another key,
 * which must never pass. What passes keeps the promises of token.h and can be minted again. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"

#include "policy/name.h"
#include "policy/token.h"

#define NOW_S       INT64_C(1795252800)
#define INPUT_MAX   4096
#define SIGNED_SIZE (3 * INPUT_MAX)

/* Aborts with a line number in the trace; unlike assert() in every kind of build. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wall now = { NOW_S * USEC_PER_SEC };

/* What signs here: secrets, ed25519 and RSA, two of each. */
static const struct {
	enum token_alg alg;
	const char *key, *other; /* secrets, or seeds of ed25519; RSA is made anew */
} kinds[] = {
	{ TOKEN_HS256, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdeF" },
	{ TOKEN_HS512, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdeF" },
	{ TOKEN_EDDSA, "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdeF" },
	{ TOKEN_RS256, "", "" },
};
#define KINDS    ((int)(sizeof(kinds) / sizeof(kinds[0])))
#define KEY_SIZE 32

static struct token_key *
pair_new(enum token_alg alg, const char *seed)
{
	struct token_key *key;
	struct err e;
	char *pem;
	BIO *out = BIO_new(BIO_s_mem());
	EVP_PKEY *pair = alg == TOKEN_EDDSA ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
						  (const unsigned char *)seed, KEY_SIZE)
					    : EVP_RSA_gen(TOKEN_RSA_BITS_MIN);
	CHECK(PEM_write_bio_PKCS8PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL) == 1);
	long n = BIO_get_mem_data(out, &pem);
	const struct token_key_parts parts = { .alg = alg, .private_pem = { pem, (size_t)n } };
	CHECK(token_key_new(&parts, &key, &e) == 0);
	BIO_free(out);
	EVP_PKEY_free(pair);
	return key;
}

static struct token_key *
key_new(enum token_alg alg, const char *text)
{
	struct secret secret = { .len = 0 };
	const struct token_key_parts parts = { .alg = alg, .secret = &secret };
	struct token_key *key;
	struct err e;
	if (!token_alg_symmetric(alg))
		return pair_new(alg, text);
	CHECK(secret_set(&secret, text, KEY_SIZE) == 0);
	CHECK(token_key_new(&parts, &key, &e) == 0);
	return key;
}

static struct str
sign(struct str header, struct str claims, const struct token_key *key, char out[SIGNED_SIZE])
{
	unsigned char signature[TOKEN_SIGNATURE_MAX];
	size_t n = b64url_encode(header.p, header.n, out);
	out[n++] = '.';
	n += b64url_encode(claims.p, claims.n, out + n);
	token_key_sign(key, (struct str){ out, n }, signature);
	out[n++] = '.';
	n += b64url_encode(signature, token_key_signature_size(key), out + n);
	return (struct str){ out, n };
}

static void
check_accepted(const struct token *t, const struct token_key *key)
{
	struct token again;
	struct err e;
	char text[TOKEN_TEXT_MAX];
	CHECK(str_starts(str_of(t->org), STR("org_")) && name_valid(str_of(t->org)));
	CHECK(t->app[0] == '\0' ||
	      (str_starts(str_of(t->app), STR("app_")) && name_valid(str_of(t->app))));
	CHECK(t->expires_s > NOW_S - 60);
	CHECK(strlen(t->feature_flags) < TOKEN_SCOPE_MAX);
	CHECK(t->app[0] != '\0' || t->feature_flags[0] == '\0');

	CHECK(token_mint(t->org, t->app[0] ? t->app : NULL, NULL, 0, key, now, 60, text, &e) == 0);
	CHECK(token_verify(str_of(text), key, now, &again, &e) == 0);
	CHECK(strcmp(again.org, t->org) == 0 && strcmp(again.app, t->app) == 0);
}

static void
verify(struct str text, const struct token_key *key)
{
	struct token t = { .expires_s = 77 };
	struct err e = { 0 };
	if (token_verify(text, key, now, &t, &e) == 0) {
		check_accepted(&t, key);
		return;
	}
	CHECK(e.kind == ERR_UNAUTHENTICATED && e.text[0] != '\0' && e.origin[0] != '\0');
	CHECK(t.expires_s == 77);
}

static void
try_signed(struct str header, struct str claims, const struct token_key *key,
    const struct token_key *other)
{
	char text[SIGNED_SIZE];
	struct token t;
	struct err e;
	verify(sign(header, claims, key, text), key);
	CHECK(token_verify(sign(header, claims, other, text), key, now, &t, &e) == -1);
}

static void
try_kind(int i, struct str input)
{
	static struct token_key *keys[KINDS], *others[KINDS]; /* kept: to make them takes long */
	char plain[32];
	if (!keys[i]) {
		keys[i] = key_new(kinds[i].alg, kinds[i].key);
		others[i] = key_new(kinds[i].alg, kinds[i].other);
	}
	verify(input, keys[i]);
	if (input.n > INPUT_MAX)
		return;
	struct str claims = input, header;
	if (!str_split(&claims, '\n', &header))
		return;
	if (!claims.p) {
		claims = input;
		snprintf(plain, sizeof(plain), "{\"alg\":\"%s\"}", token_alg_names[kinds[i].alg]);
		header = str_of(plain);
	}
	try_signed(header, claims, keys[i], others[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int i = 0; i < KINDS; i++)
		try_kind(i, (struct str){ (const char *)data, size });
	return 0;
}
