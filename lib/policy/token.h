/* Bearer tokens: JSON Web Tokens (RFC 7519) with the algorithm of the key (token_key.h) and nothing
 * else; "none" and others are refused, whatever the header says. An organisation token has sub =
 * "org_…"; an application token has org = "org_…" and sub = "app_…", and may say less than
 * everything: "capabilities" (names of token_capabilities), "session_id", and "version", that of
 * the application which it was made under. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#include "policy/fingerprint.h"
#include "policy/token_key.h"

#define TOKEN_ORG_MAX   64   /* bytes of an organisation id, prefix included */
#define TOKEN_TEXT_MAX  3072 /* the longest signature leaves room for 1700 bytes of claims */
#define TOKEN_SCOPE_MAX 512

/* A token that names a session must have an iat, and is good for no longer than this from it: so
 * the revocation of a session can be forgotten some day. */
#define TOKEN_SESSION_LIFE_S INT64_C(604800)
#define TOKEN_SESSION_MAX    128                        /* bytes of a session's name */
#define TOKEN_PRINT_SIZE     (2 * FINGERPRINT_SIZE + 1) /* hexadecimal, NUL */

/* What an application token may do. */
enum token_may {
	TOKEN_MAY_VIEW = 1 << 0,          /* read, but no signing keys */
	TOKEN_MAY_VIEW_SECRET = 1 << 1,   /* read signing keys */
	TOKEN_MAY_MANAGE_SECRET = 1 << 2, /* read and replace signing keys */
	TOKEN_MAY_TRANSFORM = 1 << 3,     /* there are no transformations */
	TOKEN_MAY_ATTEMPT = 1 << 4,       /* have messages sent again */
	TOKEN_MAY_MANAGE = 1 << 5,        /* whatever is there of endpoints */
	TOKEN_MAY_EVERYTHING = (1 << 6) - 1,
};
#define TOKEN_CAPABILITIES 6
/* Their names, by bit: "ViewBase", … */
extern const char *const token_capabilities[TOKEN_CAPABILITIES];
/* The bit of a name, or 0. */
unsigned token_capability(struct str name);

struct token {
	char org[TOKEN_ORG_MAX + 1]; /* "org_…": letters, digits, - and _ behind the prefix */
	char app[TOKEN_ORG_MAX + 1]; /* "app_…" of an application token, else "" */
	int64_t expires_s;           /* Unix seconds; INT64_MAX when there is no exp */
	char feature_flags[TOKEN_SCOPE_MAX]; /* space-separated names of an application token */
	/* Of an application token: */
	unsigned may;                        /* enum token_may; everything where it does not say */
	char session[TOKEN_SESSION_MAX + 1]; /* "": none */
	int64_t version;                     /* of the application when it was made; 0: unknown */
	int64_t issued_s;                    /* iat; INT64_MIN when there is none */
	char print[TOKEN_PRINT_SIZE];        /* what names this token and no other */
};

/* Verifies signature (constant time), exp and nbf (60 s of leeway) and shape. ERR_UNAUTHENTICATED
 * otherwise, with the text "Invalid token" (another one when the key itself was sent as the token)
 * and the reason as origin: too long, malformed, signature, algorithm, claims, expired, not yet
 * valid, secret. Text below TOKEN_TEXT_MAX bytes; the rest of it is never looked at. */
int token_verify(struct str text, const struct token_key *key, struct wall now, struct token *ret,
    struct err *e) MUST_CHECK;

/* Mints a token with iss "posthorn", iat = now, nbf = now, exp = now + lifetime_s (1 s to 100
 * years). flags: feature flags of an application token, or NULL. ERR_INVALID when ids, flags or the
 * session have the wrong form, or all is too long; ERR_CONFIG when the key only verifies. out is
 * written only on success. */
struct token_grant {
	const char *org, *app; /* app NULL: of the organisation */
	const char *const *flags;
	int nflags;
	/* Of an application: */
	unsigned may;        /* enum token_may; 0: everything */
	const char *session; /* a name of at most TOKEN_SESSION_MAX bytes, or NULL */
	int64_t version;     /* 0: not told */
	uint64_t number;     /* makes one of several alike; 0: not told (jti) */
};
int token_mint_grant(const struct token_grant *g, const struct token_key *key, struct wall now,
    int64_t lifetime_s, char out[TOKEN_TEXT_MAX], struct err *e) MUST_CHECK;
/* One that may do everything. */
int token_mint(const char *org, const char *app_or_null, const char *const *flags, int nflags,
    const struct token_key *key, struct wall now, int64_t lifetime_s, char out[TOKEN_TEXT_MAX],
    struct err *e) MUST_CHECK;
