/* Unit tests of policy/token_key: tokens of every algorithm, made by others, verify; a key serves
 * its own algorithm and no other, whatever a header says; and no bad key is taken. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/b64.h"

#include "policy/token.h"
#include "token_vectors.h"
#include "unit.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static const struct wall now = { INT64_C(1795252800) * USEC_PER_SEC };

/* Private keys are made here: none are kept in files. */
static struct pair {
	EVP_PKEY *key;
	char *public, *private;
} rsa, rsa_big, rfc8037;

static char *
text_of(BIO *out)
{
	char *data;
	long n = BIO_get_mem_data(out, &data);
	char *text = strndup(data, (size_t)n);
	BIO_free(out);
	return text;
}

static struct pair
pair_of(EVP_PKEY *key)
{
	BIO *public = BIO_new(BIO_s_mem()), *private = BIO_new(BIO_s_mem());
	assert_non_null(key);
	assert_int_equal(PEM_write_bio_PUBKEY(public, key), 1);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(private, key, NULL, NULL, 0, NULL, NULL), 1);
	return (struct pair){ key, text_of(public), text_of(private) };
}

static void
pair_free(struct pair *p)
{
	EVP_PKEY_free(p->key);
	free(p->public);
	free(p->private);
}

/* Several primes are found sooner than two large ones. */
static EVP_PKEY *
rsa_new(int bits, int primes)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, NULL);
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(ctx, primes), 1);
	assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static int
make_pairs(void **state)
{
	unsigned char seed[32]; /* RFC 8037, appendix A.1 */
	size_t n;
	(void)state;
	assert_int_equal(b64url_decode(STR("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), seed,
			     sizeof(seed), &n),
	    0);
	rfc8037 = pair_of(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed)));
	rsa = pair_of(rsa_new(TOKEN_RSA_BITS_MIN, 2));
	rsa_big = pair_of(rsa_new(TOKEN_RSA_BITS_MAX, 4));
	return 0;
}

static int
free_pairs(void **state)
{
	(void)state;
	pair_free(&rfc8037);
	pair_free(&rsa);
	pair_free(&rsa_big);
	return 0;
}

/* A key of texts; "" for what there is not. */
static int
try_key(enum token_alg alg, const char *public, const char *private, struct token_key **ret,
    struct err *e)
{
	struct secret secret = { .len = 0 };
	assert_int_equal(secret_set(&secret, SECRET, strlen(SECRET)), 0);
	const struct token_key_parts parts = { alg, &secret, str_of(public), str_of(private) };
	return token_key_new(&parts, ret, e);
}

static struct token_key *
key_of(enum token_alg alg, const char *public, const char *private)
{
	struct token_key *key;
	struct err e = { 0 };
	if (try_key(alg, public, private, &key, &e))
		fail_msg("%s: %s", token_alg_names[alg], e.text);
	return key;
}

/* Tokens by algorithm, and what verifies them. */
static const struct {
	enum token_alg alg;
	const char *public;
	const char *token;
	size_t signature_size;
} families[] = {
	{ TOKEN_HS384, "", token_hs384, 48 },
	{ TOKEN_HS512, "", token_hs512, 64 },
	{ TOKEN_RS256, rsa2048_public, token_rs256, 256 },
	{ TOKEN_RS384, rsa2048_public, token_rs384, 256 },
	{ TOKEN_RS512, rsa2048_public, token_rs512, 256 },
	{ TOKEN_EDDSA, ed_public, token_eddsa, 64 },
};

static void
assert_verifies(const struct token_key *key, const char *text)
{
	struct token t;
	struct err e = { 0 };
	if (token_verify(str_of(text), key, now, &t, &e))
		fail_msg("%s refused: %s", text, e.origin);
	assert_string_equal(t.org, "org_1");
}

static void
assert_refused(const struct token_key *key, const char *text, const char *reason)
{
	struct token t;
	struct err e = { 0 };
	if (token_verify(str_of(text), key, now, &t, &e) == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(e.kind, ERR_UNAUTHENTICATED);
	assert_string_equal(e.text, "Invalid token");
	if (reason)
		assert_string_equal(e.origin, reason);
}

static void
test_tokens_of_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct token_key *key = key_of(families[i].alg, families[i].public, "");
		assert_int_equal(token_key_signature_size(key), families[i].signature_size);
		assert_verifies(key, families[i].token);
		token_key_free(key);
	}
}

/* Of each key all other algorithms' tokens are refused: it is the key that has the algorithm. */
static void
test_one_algorithm(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct token_key *key = key_of(families[i].alg, families[i].public, "");
		for (size_t k = 0; k < ARRAY_LEN(families); k++)
			if (k != i)
				assert_refused(key, families[k].token, NULL);
		token_key_free(key);
	}
}

static void
assert_mints(enum token_alg alg, const char *public, const char *private)
{
	char text[TOKEN_TEXT_MAX];
	struct err e;
	/* The private key alone, both, and the public one alone. */
	struct token_key *keys[] = { key_of(alg, "", private), key_of(alg, public, private),
		key_of(alg, public, "") };
	assert_true(token_key_mints(keys[0]) && token_key_mints(keys[1]));
	assert_int_equal(token_mint("org_1", NULL, NULL, 0, keys[0], now, 60, text, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		assert_verifies(keys[i], text);
		token_key_free(keys[i]);
	}
}

static void
test_mint(void **state)
{
	(void)state;
	for (enum token_alg alg = TOKEN_HS256; alg <= TOKEN_HS512; alg++)
		assert_mints(alg, "", "");
	for (enum token_alg alg = TOKEN_RS256; alg <= TOKEN_RS512; alg++)
		assert_mints(alg, rsa.public, rsa.private);
	assert_mints(TOKEN_EDDSA, rfc8037.public, rfc8037.private);
}

static void
test_a_public_key_mints_nothing(void **state)
{
	char text[TOKEN_TEXT_MAX] = "untouched";
	struct err e = { 0 };
	struct token_key *key = key_of(TOKEN_RS256, rsa2048_public, "");
	(void)state;
	assert_false(token_key_mints(key));
	assert_int_equal(token_mint("org_1", NULL, NULL, 0, key, now, 60, text, &e), -1);
	assert_int_equal(e.kind, ERR_CONFIG);
	assert_non_null(strstr(e.text, "private key"));
	assert_string_equal(text, "untouched");
	token_key_free(key);
}

/* Whoever has the public key must not be able to sign with it, by whatever name. */
static void
test_confusion(void **state)
{
	static const struct {
		const char *text;
		const char *reason; /* NULL: any */
	} of_rsa[] = {
		{ token_hs256_of_public_key, "malformed" },
		{ token_hs256_of_public_key_text, "malformed" },
		{ token_hs256_as_rs256_of_public_key, "malformed" },
		{ "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfMSJ9.", "malformed" }, /* none */
		{ "eyJhbGciOiJOb05lIn0.eyJzdWIiOiJvcmdfMSJ9", "malformed" },
		{ token_es256, "malformed" },
		{ token_ps256, "signature" },
		{ token_ps256_as_rs256, "signature" },
		{ token_rs384, "signature" },
		{ token_rs512, "signature" },
		{ token_rs256_wrapped, "signature" },
		{ token_rs256_lower, "algorithm" },
		{ token_rs256_as_rs512, "algorithm" },
		{ token_rs256_as_hs256, "algorithm" },
		{ token_rs256_as_none, "algorithm" },
	}, of_ed[] = {
		{ token_hs512_of_ed_public_key, "signature" }, /* of its length */
		{ token_hs512, "signature" },
		{ token_es256, "signature" },
		{ token_eddsa_malleable, "signature" },
		{ token_eddsa_lower, "algorithm" },
		{ token_ed25519, "algorithm" },
	};
	struct token_key *rsa_key = key_of(TOKEN_RS256, rsa2048_public, "");
	struct token_key *ed_key = key_of(TOKEN_EDDSA, ed_public, "");
	(void)state;
	assert_verifies(rsa_key, token_rs256_unwrapped);
	for (size_t i = 0; i < ARRAY_LEN(of_rsa); i++)
		assert_refused(rsa_key, of_rsa[i].text, of_rsa[i].reason);
	for (size_t i = 0; i < ARRAY_LEN(of_ed); i++)
		assert_refused(ed_key, of_ed[i].text, of_ed[i].reason);
	token_key_free(rsa_key);
	token_key_free(ed_key);
}

static void
test_other_keys(void **state)
{
	struct token_key *rsa_key = key_of(TOKEN_RS256, rsa2048b_public, "");
	struct token_key *ed_key = key_of(TOKEN_EDDSA, ed2_public, "");
	(void)state;
	assert_refused(rsa_key, token_rs256, "signature");
	assert_refused(ed_key, token_eddsa, "signature");
	token_key_free(rsa_key);
	token_key_free(ed_key);
}

/* Of the text and of the signature every byte counts. */
static void
test_tampered(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct token_key *key = key_of(families[i].alg, families[i].public, "");
		char *text = strdup(families[i].token);
		size_t n = strlen(text);
		for (size_t at = 0; at < n; at += 7) {
			text[at] = (char)(text[at] ^ 1);
			assert_refused(key, text, NULL);
			text[at] = (char)(text[at] ^ 1);
		}
		assert_verifies(key, text);
		free(text);
		token_key_free(key);
	}
}

/* The standards' own examples; their payloads are no claims of ours. */
static void
test_rfc_vectors(void **state)
{
	const struct {
		enum token_alg alg;
		const char *public, *text;
	} cases[] = {
		{ TOKEN_RS256, rfc7515_public, token_rfc7515 },
		{ TOKEN_EDDSA, rfc8037_public, token_rfc8037 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char signature[TOKEN_SIGNATURE_MAX];
		size_t n;
		struct token_key *key = key_of(cases[i].alg, cases[i].public, "");
		const char *dot = strrchr(cases[i].text, '.');
		struct str text = { cases[i].text, (size_t)(dot - cases[i].text) };
		assert_int_equal(
		    b64url_decode(str_of(dot + 1), signature, sizeof(signature), &n), 0);
		assert_int_equal(n, token_key_signature_size(key));
		assert_true(token_key_verifies(key, text, signature));
		text.n--;
		assert_false(token_key_verifies(key, text, signature));
		token_key_free(key);
	}
}

/* Made with its private key, RFC 8037's signature is the same. */
static void
test_rfc_signature(void **state)
{
	unsigned char wanted[TOKEN_SIGNATURE_MAX], made[TOKEN_SIGNATURE_MAX];
	size_t n;
	struct token_key *key = key_of(TOKEN_EDDSA, rfc8037_public, rfc8037.private);
	const char *dot = strrchr(token_rfc8037, '.');
	(void)state;
	assert_int_equal(b64url_decode(str_of(dot + 1), wanted, sizeof(wanted), &n), 0);
	token_key_sign(key, (struct str){ token_rfc8037, (size_t)(dot - token_rfc8037) }, made);
	assert_memory_equal(made, wanted, n);
	token_key_free(key);
}

static char *
private_text(int (*write)(BIO *out, EVP_PKEY *key), EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());
	assert_int_equal(write(out, key), 1);
	return text_of(out);
}

static int
write_old(BIO *out, EVP_PKEY *key)
{
	return PEM_write_bio_PrivateKey_traditional(out, key, NULL, NULL, 0, NULL, NULL);
}

static int
write_locked(BIO *out, EVP_PKEY *key)
{
	return PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "x", 1, NULL, NULL);
}

static void
assert_key(enum token_alg alg, const char *public, const char *private, const char *problem)
{
	struct token_key *key;
	struct err e = { 0 };
	int r = try_key(alg, public, private, &key, &e);
	if (r == 0)
		token_key_free(key);
	if ((r == 0) != !problem)
		fail_msg(
		    "wanted %s: %s", problem ? problem : "no problem", r ? e.text : "accepted");
	if (!r)
		return;
	assert_int_equal(e.kind, ERR_CONFIG);
	if (!strstr(e.text, problem))
		fail_msg("wanted %s: %s", problem, e.text);
}

static void
test_private_keys(void **state)
{
	char *old = private_text(write_old, rsa.key), *locked = private_text(write_locked, rsa.key);
	const struct {
		enum token_alg alg;
		const char *public, *private;
		const char *problem; /* NULL: none */
	} cases[] = {
		{ TOKEN_RS512, "", rsa_big.private, NULL },
		{ TOKEN_RS256, rsa.public, old, NULL },
		{ TOKEN_RS256, "", "x", "private key cannot be read" },
		{ TOKEN_RS256, "", rsa.public, "private key cannot be read" },
		{ TOKEN_RS256, "", locked, "without a password" },
		{ TOKEN_RS256, rsa.private, "", "public key is a private one" },
		{ TOKEN_RS256, old, "", "public key is a private one" },
		{ TOKEN_EDDSA, rfc8037.private, "", "public key is a private one" },
		{ TOKEN_RS512, "", rfc8037.private, "type ED25519: RS512 takes one of type RSA" },
		{ TOKEN_RS256, rsa.public, rfc8037.private, "type ED25519: RS256" },
		{ TOKEN_EDDSA, rsa.public, rfc8037.private, "type RSA: EdDSA" },
		/* Of two pairs. */
		{ TOKEN_RS256, rsa2048_public, rsa.private, "do not belong together" },
		{ TOKEN_RS256, rsa.public, rsa_big.private, "do not belong together" },
		{ TOKEN_EDDSA, ed_public, rfc8037.private, "do not belong together" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_key(cases[i].alg, cases[i].public, cases[i].private, cases[i].problem);
	free(old);
	free(locked);
}

static void
test_public_keys(void **state)
{
	static const char rubbish[] =
	    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
	static const struct {
		enum token_alg alg;
		const char *public;
		const char *problem; /* NULL: none */
	} cases[] = {
		{ TOKEN_RS256, rsa_trad_public, NULL },
		{ TOKEN_RS256, "", "no key" },
		{ TOKEN_EDDSA, "", "no key" },
		{ TOKEN_RS256, "x", "public key cannot be read" },
		{ TOKEN_RS256, rubbish, "public key cannot be read" },
		/* Of the other family. */
		{ TOKEN_RS256, ed_public, "type ED25519: RS256 takes one of type RSA" },
		{ TOKEN_RS256, ec_public, "type EC: RS256 takes one of type RSA" },
		{ TOKEN_RS256, pss_public, "type RSA-PSS: RS256 takes one of type RSA" },
		{ TOKEN_EDDSA, rsa2048_public, "type RSA: EdDSA takes one of type ED25519" },
		{ TOKEN_EDDSA, ed448_public, "type ED448: EdDSA takes one of type ED25519" },
		{ TOKEN_EDDSA, ec_public, "type EC: EdDSA takes one of type ED25519" },
		/* Not as strong, or none at all. */
		{ TOKEN_RS256, rsa1024_public, "1024 bits: 2048 to 4096" },
		{ TOKEN_RS256, rsa5120_public, "5120 bits: 2048 to 4096" },
		{ TOKEN_RS256, rsa_e1_public, "no good key" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_key(cases[i].alg, cases[i].public, "", cases[i].problem);
}

/* The largest claims that HS256 has room for fit with the largest signature, too. */
static void
test_the_longest_signature(void **state)
{
	const char *flags[TOKEN_SCOPE_MAX / 2];
	char org[TOKEN_ORG_MAX + 1], app[TOKEN_ORG_MAX + 1], *text = malloc(TOKEN_TEXT_MAX);
	struct token t;
	struct err e = { 0 };
	struct token_key *key = key_of(TOKEN_RS512, "", rsa_big.private);
	(void)state;
	memset(org, 'a', sizeof(org));
	memset(app, 'a', sizeof(app));
	memcpy(org, "org_", 4);
	memcpy(app, "app_", 4);
	org[TOKEN_ORG_MAX] = app[TOKEN_ORG_MAX] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		flags[i] = "f";
	assert_int_equal(
	    token_mint(org, app, flags, (int)ARRAY_LEN(flags), key, now, 60, text, &e), 0);
	assert_in_range(strlen(text), 2300, TOKEN_TEXT_MAX - 1);
	assert_int_equal(token_verify(str_of(text), key, now, &t, &e), 0);
	assert_string_equal(t.app, app);
	free(text);
	token_key_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens_of_others),
		cmocka_unit_test(test_one_algorithm),
		cmocka_unit_test(test_mint),
		cmocka_unit_test(test_a_public_key_mints_nothing),
		cmocka_unit_test(test_confusion),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_tampered),
		cmocka_unit_test(test_rfc_vectors),
		cmocka_unit_test(test_rfc_signature),
		cmocka_unit_test(test_private_keys),
		cmocka_unit_test(test_public_keys),
		cmocka_unit_test(test_the_longest_signature),
	};
	return cmocka_run_group_tests(tests, make_pairs, free_pairs);
}
