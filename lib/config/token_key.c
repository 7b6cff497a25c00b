/* The options about bearer tokens as a whole: one algorithm, and the key that belongs to it. */
#include "config/config.h"

#define JWT_SECRET_MIN 16 /* bytes; below, a key can be guessed offline from one token */

static int
check_secret(const struct config *c, struct err *e)
{
	if (c->jwt_public_key.len || c->jwt_private_key.len)
		return err_set(e, ERR_CONFIG,
		    "%s is set, but jwt_algorithm is %s, which takes jwt_secret: set jwt_algorithm "
		    "to RS256, RS384, RS512 or EdDSA, or leave the key out",
		    c->jwt_public_key.len ? "jwt_public_key" : "jwt_private_key",
		    token_alg_names[c->jwt_algorithm]);
	if (c->jwt_secret.len >= JWT_SECRET_MIN)
		return 0;
	if (c->jwt_secret.len == 0)
		return err_set(e, ERR_CONFIG,
		    "no key for bearer tokens: set POSTHORN_JWT_SECRET, or POSTHORN_JWT_SECRET_FILE to "
		    "a file made with: openssl rand -hex 32");
	return err_set(e, ERR_CONFIG,
	    "jwt_secret is too short: %zu bytes, at least %d are needed; make one with: "
	    "openssl rand -hex 32",
	    c->jwt_secret.len, JWT_SECRET_MIN);
}

static int
check_pair(const struct config *c, struct err *e)
{
	if (c->jwt_secret.len)
		return err_set(e, ERR_CONFIG,
		    "jwt_secret is set, but jwt_algorithm is %s, which takes jwt_public_key: leave "
		    "one of the two out",
		    token_alg_names[c->jwt_algorithm]);
	if (!c->jwt_public_key.len && !c->jwt_private_key.len)
		return err_set(e, ERR_CONFIG,
		    "no key for bearer tokens (%s): set POSTHORN_JWT_PUBLIC_KEY_FILE, and "
		    "POSTHORN_JWT_PRIVATE_KEY_FILE if this server is to make tokens",
		    token_alg_names[c->jwt_algorithm]);
	return 0;
}

int
config_token_key(const struct config *c, struct token_key **ret, struct err *e)
{
	const struct token_key_parts parts = {
		.alg = c->jwt_algorithm,
		.secret = &c->jwt_secret,
		.public_pem = { c->jwt_public_key.bytes, c->jwt_public_key.len },
		.private_pem = { c->jwt_private_key.bytes, c->jwt_private_key.len },
	};
	int r = token_alg_symmetric(parts.alg) ? check_secret(c, e) : check_pair(c, e);
	if (r)
		return -1;
	if (token_key_new(&parts, ret, e))
		return err_prefix(e, "jwt_algorithm %s", token_alg_names[parts.alg]);
	return 0;
}
