/* The key of bearer tokens, and the one algorithm that it is used with (RFC 7518, section 3; RFC
 * 8037, section 3.1). The operator says which; what a token claims in its header has no say, so
 * that a key never serves another algorithm than its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

#define TOKEN_RSA_BITS_MIN  2048
#define TOKEN_RSA_BITS_MAX  4096
#define TOKEN_SIGNATURE_MAX (TOKEN_RSA_BITS_MAX / 8) /* bytes */

enum token_alg {
	TOKEN_HS256,
	TOKEN_HS384,
	TOKEN_HS512,
	TOKEN_RS256,
	TOKEN_RS384,
	TOKEN_RS512,
	TOKEN_EDDSA, /* over ed25519 */
	TOKEN_ALGS
};
/* As "alg" names them: "HS256", … "EdDSA". */
extern const char *const token_alg_names[TOKEN_ALGS];
/* HS…: one secret signs and verifies. The others have a pair of keys. */
bool token_alg_symmetric(enum token_alg alg);

struct token_key_parts {
	enum token_alg alg;
	const struct secret *secret; /* of a symmetric algorithm; copied */
	/* Of the others, in PEM (RFC 7468); one of the two may be missing (n == 0). The public one
	 * alone verifies and cannot mint; the private one holds both. */
	struct str public_pem, private_pem;
};

struct token_key; /* opaque */

/* ERR_CONFIG: no key, none of that algorithm, RSA of another size than TOKEN_RSA_BITS_MIN to _MAX,
 * keys that do not belong together. The text never quotes a key. */
int token_key_new(
    const struct token_key_parts *p, struct token_key **ret, struct err *e) MUST_CHECK;
void token_key_free(struct token_key *k); /* wipes; NULL is allowed */

enum token_alg token_key_alg(const struct token_key *k);
bool token_key_mints(const struct token_key *k);
size_t token_key_signature_size(const struct token_key *k); /* bytes; that of every signature */
/* Whether the text is the secret itself. */
bool token_key_is(const struct token_key *k, struct str text);

/* Writes token_key_signature_size bytes. Only of a key that mints. */
void token_key_sign(
    const struct token_key *k, struct str text, unsigned char out[TOKEN_SIGNATURE_MAX]);
/* A MAC is compared in constant time. signature: token_key_signature_size bytes. */
bool token_key_verifies(const struct token_key *k, struct str text, const unsigned char *signature);
