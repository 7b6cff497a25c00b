/* Who is calling: bearer tokens, verified once and remembered. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#include "policy/token.h"

struct auth; /* opaque */

struct auth *auth_new(const struct token_key *key); /* borrowed */
void auth_free(struct auth *a);

/* Judges the value of an Authorization header ({NULL, 0}: there was none). ERR_UNAUTHENTICATED. */
int auth_check(struct auth *a, struct str header, struct wall now, struct token *ret,
    struct err *e) MUST_CHECK;
