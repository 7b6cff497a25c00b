/* Keys of bearer tokens: how each algorithm signs, and which keys are good for it.
 *
 * A key is judged when it is read, at the start of a program: its type must be that of the
 * algorithm, so that afterwards there is nothing left to choose. */
#include "policy/token_key.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/mem.h"

struct token_key {
	enum token_alg alg;
	const EVP_MD *hash; /* NULL: the algorithm has its own */
	size_t signature_size;
	struct secret secret;       /* of a symmetric one */
	EVP_PKEY *public, *private; /* of the others; private may be NULL */
};

const char *const token_alg_names[TOKEN_ALGS] = {
	[TOKEN_HS256] = "HS256",
	[TOKEN_HS384] = "HS384",
	[TOKEN_HS512] = "HS512",
	[TOKEN_RS256] = "RS256",
	[TOKEN_RS384] = "RS384",
	[TOKEN_RS512] = "RS512",
	[TOKEN_EDDSA] = "EdDSA",
};

static const struct {
	int type; /* of its keys; EVP_PKEY_NONE: a secret */
	const EVP_MD *(*hash)(void);
} algs[TOKEN_ALGS] = {
	[TOKEN_HS256] = { EVP_PKEY_NONE, EVP_sha256 },
	[TOKEN_HS384] = { EVP_PKEY_NONE, EVP_sha384 },
	[TOKEN_HS512] = { EVP_PKEY_NONE, EVP_sha512 },
	[TOKEN_RS256] = { EVP_PKEY_RSA, EVP_sha256 },
	[TOKEN_RS384] = { EVP_PKEY_RSA, EVP_sha384 },
	[TOKEN_RS512] = { EVP_PKEY_RSA, EVP_sha512 },
	[TOKEN_EDDSA] = { EVP_PKEY_ED25519, NULL },
};

bool
token_alg_symmetric(enum token_alg alg)
{
	return algs[alg].type == EVP_PKEY_NONE;
}

/* ---- reading keys ---- */

/* A key behind a password would have OpenSSL ask for it at the terminal. */
static int
no_password(char *out, int size, int rwflag, void *arg)
{
	(void)out, (void)size, (void)rwflag, (void)arg;
	return -1;
}

static EVP_PKEY *
read_pem(struct str pem, bool private)
{
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	if (!in)
		abort(); /* out of memory */
	EVP_PKEY *key = private ? PEM_read_bio_PrivateKey(in, NULL, no_password, NULL)
				: PEM_read_bio_PUBKEY(in, NULL, no_password, NULL);
	BIO_free(in);
	ERR_clear_error();
	return key;
}

/* What makes no key at all of the numbers in it: an even modulus, an exponent of 1 under which
 * anybody can sign. */
static bool
is_sound(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return sound;
}

static int
check_key(enum token_alg alg, EVP_PKEY *key, const char *which, struct err *e)
{
	/* EVP_PKEY_RSA_PSS is another type: its keys are not for PKCS #1 v1.5. */
	if (EVP_PKEY_get_base_id(key) != algs[alg].type)
		return err_set(e, ERR_CONFIG, "the %s key is of type %s: %s takes one of type %s",
		    which, EVP_PKEY_get0_type_name(key), token_alg_names[alg],
		    algs[alg].type == EVP_PKEY_RSA ? "RSA" : "ED25519");
	int bits = EVP_PKEY_get_bits(key);
	if (algs[alg].type == EVP_PKEY_RSA &&
	    (bits < TOKEN_RSA_BITS_MIN || bits > TOKEN_RSA_BITS_MAX))
		return err_set(e, ERR_CONFIG, "the %s key has %d bits: %d to %d are allowed", which,
		    bits, TOKEN_RSA_BITS_MIN, TOKEN_RSA_BITS_MAX);
	if (!is_sound(key))
		return err_set(e, ERR_CONFIG, "the %s key is no good key", which);
	return 0;
}

/* Both halves may be the same object: whoever has the private one has the public one. */
static int
read_private(struct token_key *k, struct str pem, struct err *e)
{
	k->private = read_pem(pem, true);
	if (!k->private)
		return err_set(e, ERR_CONFIG,
		    "the private key cannot be read: PEM without a password is expected, as openssl "
		    "genpkey writes it");
	if (EVP_PKEY_up_ref(k->private) != 1)
		abort();
	k->public = k->private;
	return check_key(k->alg, k->private, "private", e);
}

static int
read_public(struct token_key *k, struct str pem, struct err *e)
{
	static const char private[] = "PRIVATE KEY-----";
	EVP_PKEY_free(k->public);
	k->public = NULL;
	/* Where the public key is expected, files are handled with less care. */
	if (memmem(pem.p, pem.n, private, sizeof(private) - 1))
		return err_set(e, ERR_CONFIG, "the public key is a private one: keep it secret");
	k->public = read_pem(pem, false);
	if (!k->public)
		return err_set(e, ERR_CONFIG,
		    "the public key cannot be read: PEM is expected "
		    "(-----BEGIN PUBLIC KEY-----); openssl pkey -pubout makes it");
	return check_key(k->alg, k->public, "public", e);
}

static int
check_pair(const struct token_key *k, struct err *e)
{
	unsigned char signature[TOKEN_SIGNATURE_MAX];
	const struct str probe = STR("posthorn");
	if (EVP_PKEY_get_size(k->private) != EVP_PKEY_get_size(k->public))
		return err_set(e, ERR_CONFIG, "the two keys do not belong together");
	token_key_sign(k, probe, signature);
	if (token_key_verifies(k, probe, signature))
		return 0;
	return err_set(e, ERR_CONFIG, "the two keys do not belong together");
}

static int
read_pair(struct token_key *k, const struct token_key_parts *p, struct err *e)
{
	if (!p->public_pem.n && !p->private_pem.n)
		return err_set(e, ERR_CONFIG, "there is no key");
	if (p->private_pem.n && read_private(k, p->private_pem, e))
		return -1;
	if (p->public_pem.n && read_public(k, p->public_pem, e))
		return -1;
	k->signature_size = (size_t)EVP_PKEY_get_size(k->public);
	return k->private ? check_pair(k, e) : 0;
}

static int
read_secret(struct token_key *k, const struct secret *secret, struct err *e)
{
	if (!secret || secret->len == 0)
		return err_set(
		    e, ERR_CONFIG, "there is no key"); /* all can sign with an empty one */
	k->secret = *secret;
	k->signature_size = (size_t)EVP_MD_get_size(k->hash);
	return 0;
}

int
token_key_new(const struct token_key_parts *p, struct token_key **ret, struct err *e)
{
	struct token_key *k = mem_zalloc(sizeof(*k));
	k->alg = p->alg;
	k->hash = algs[p->alg].hash ? algs[p->alg].hash() : NULL;
	int r = token_alg_symmetric(p->alg) ? read_secret(k, p->secret, e) : read_pair(k, p, e);
	if (r)
		token_key_free(k);
	else
		*ret = k;
	return r;
}

void
token_key_free(struct token_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->public);
	EVP_PKEY_free(k->private);
	secret_wipe(&k->secret);
	free(k);
}

enum token_alg
token_key_alg(const struct token_key *k)
{
	return k->alg;
}

bool
token_key_mints(const struct token_key *k)
{
	return token_alg_symmetric(k->alg) || k->private;
}

size_t
token_key_signature_size(const struct token_key *k)
{
	return k->signature_size;
}

bool
token_key_is(const struct token_key *k, struct str text)
{
	return token_alg_symmetric(k->alg) && secret_eq(&k->secret, text);
}

/* ---- signing ---- */

static const unsigned char *
bytes_of(struct str text)
{
	return (const unsigned char *)text.p;
}

static void
mac_of(const struct token_key *k, struct str text, unsigned char out[EVP_MAX_MD_SIZE])
{
	if (!HMAC(k->hash, k->secret.bytes, (int)k->secret.len, bytes_of(text), text.n, out, NULL))
		abort(); /* out of memory, or a libcrypto without SHA-2 */
}

static EVP_MD_CTX *
context_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx)
		abort();
	return ctx;
}

void
token_key_sign(const struct token_key *k, struct str text, unsigned char out[TOKEN_SIGNATURE_MAX])
{
	size_t n = TOKEN_SIGNATURE_MAX;
	assert(token_key_mints(k));
	if (token_alg_symmetric(k->alg)) {
		mac_of(k, text, out);
		return;
	}
	EVP_MD_CTX *ctx = context_new();
	/* RSA pads as PKCS #1 v1.5 unless it is told otherwise: as RS256 and its kin want it. */
	if (EVP_DigestSignInit(ctx, NULL, k->hash, NULL, k->private) != 1 ||
	    EVP_DigestSign(ctx, out, &n, bytes_of(text), text.n) != 1 || n != k->signature_size)
		abort(); /* out of memory: the key was judged when it was read */
	EVP_MD_CTX_free(ctx);
}

bool
token_key_verifies(const struct token_key *k, struct str text, const unsigned char *signature)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	if (token_alg_symmetric(k->alg)) {
		mac_of(k, text, mac);
		return CRYPTO_memcmp(mac, signature, k->signature_size) == 0;
	}
	EVP_MD_CTX *ctx = context_new();
	if (EVP_DigestVerifyInit(ctx, NULL, k->hash, NULL, k->public) != 1)
		abort();
	bool good =
	    EVP_DigestVerify(ctx, signature, k->signature_size, bytes_of(text), text.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error(); /* whoever sends rubbish must not fill the queue */
	return good;
}
