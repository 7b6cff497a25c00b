/* Ownership challenges of endpoints (docs/challenge.md): who must answer one, and making it.
 *
 * The challenge comes first, and then its outcome is stored together with what it was made for; in
 * between nothing is kept, so that a worker that dies leaves nothing behind. */
#pragma once

#include "api/endpoint_in.h"
#include "policy/challenge.h"

/* How a URL has answered a challenge. */
struct endpoint_proof {
	struct str url, kind; /* {NULL, 0}: no challenge was made */
	bool verified;
	struct str why; /* not verified */
	int rate;       /* deliveries a second that the answer allows; 0: any */
};

/* An endpoint as it is about to be stored. */
struct endpoint_change {
	struct endpoint_in *in;
	struct fields *fields;
	struct str headers;               /* JSON; {NULL, 0}: as they are */
	const struct sign_secret *secret; /* of a new one */
	bool is_new;
	bool may_create; /* when there is none */
};

/* Member "challenge": "slack", "cloudevents", or null: {NULL, 0}. Absent, it is kept, as SDKs do
 * not know it. */
void endpoint_challenge_field(struct fields *f, const char *name, struct str *ret);

/* Settles which challenge the endpoint has (in->challenge; when it changes, as a field), makes it
 * when another URL or another kind calls for it, and goes on. An endpoint that gets its events now
 * keeps what it has when the challenge fails: then, as with everything else that is wrong, the call
 * is answered, and `then` not called. May call it on its stack. */
void endpoint_prove(struct call *c, const struct endpoint_change *change,
    struct endpoint_proof *ret, void (*then)(struct call *c));

/* Three arguments: whether it was answered, why not or null, rate or null. */
void endpoint_proof_arg(struct pg_args *a, const struct endpoint_proof *p);
/* Five members of an endpoint. */
void endpoint_challenge_put(struct jw *j, const struct endpoint_row *e);
