/* Bearer tokens: JSON Web Tokens (RFC 7519) with HS256 and nothing else; "none" and other
 * algorithms are refused whatever the header says. An organisation token has sub = "org_…"; an
 * application token has org = "org_…" and sub = "app_…". */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

#define TOKEN_ORG_MAX   64 /* bytes of an organisation id, prefix included */
#define TOKEN_TEXT_MAX  2048
#define TOKEN_SCOPE_MAX 512

struct token {
	char org[TOKEN_ORG_MAX + 1]; /* "org_…": letters, digits, - and _ behind the prefix */
	char app[TOKEN_ORG_MAX + 1]; /* "app_…" of an application token, else "" */
	int64_t expires_s;           /* Unix seconds; INT64_MAX when there is no exp */
	char feature_flags[TOKEN_SCOPE_MAX]; /* space-separated names of an application token */
};

/* Verifies signature (constant time), exp and nbf (60 s of leeway) and shape. ERR_UNAUTHENTICATED
 * otherwise, with the text "Invalid token" (another one when the key itself was sent as the token)
 * and the reason as origin: too long, malformed, signature, algorithm, claims, expired, not yet
 * valid, secret, no key. Text below TOKEN_TEXT_MAX bytes; the rest of it is never looked at. */
int token_verify(struct str text, const struct secret *key, struct wall now, struct token *ret,
    struct err *e) MUST_CHECK;

/* Mints a token with iss "posthorn", iat = now, nbf = now, exp = now + lifetime_s (1 s to 100
 * years). flags: feature flags of an application token, or NULL. ERR_INVALID when ids or flags have
 * the wrong form. out is written only on success. */
int token_mint(const char *org, const char *app_or_null, const char *const *flags, int nflags,
    const struct secret *key, struct wall now, int64_t lifetime_s, char out[TOKEN_TEXT_MAX],
    struct err *e) MUST_CHECK;
