/* How deliveries to an endpoint look: who signs them how (signatureProfile, signatureTemplate), and
 * whether they are CloudEvents (format); and which keys go with that. */
#pragma once

#include "policy/sign.h"
#include "rest/field.h"
#include "store/endpoint.h"

struct endpoint_shape {
	struct str profile;  /* {NULL, 0}: Standard Webhooks */
	struct str template; /* JSON, of the profile custom; {NULL, 0}: none */
	struct str format;   /* {NULL, 0}: the payload as it is */
};

/* What is absent is kept, in a whole body too, as SDKs do not know these fields. */
void endpoint_shape_read(struct fields *f, struct endpoint_shape *ret);
void endpoint_shape_arg(struct pg_args *a, const struct endpoint_shape *s); /* three arguments */
void endpoint_shape_put(struct jw *j, const struct endpoint_row *e);        /* three members */

/* NULL when a key of that kind signs under that profile, else why not. */
const char *endpoint_profile_refuses(struct str profile, enum sign_kind kind);

/* A fresh signing key of the kind that the option says, where the profile leaves a choice. In the
 * call's arena, wiped with it. */
const struct sign_secret *endpoint_secret_new(struct call *c, struct str profile);
/* Member `name`: a key as text; absent or null: a fresh one. NULL when it is none that signs under
 * that profile (a problem was noted). */
const struct sign_secret *endpoint_secret_field(
    struct fields *f, const char *name, struct str profile);
/* The row of endpoint_secret_get.sql; NULL when it is no key (the call is answered). */
const struct sign_secret *endpoint_secret_read(
    struct call *c, const PGresult *r, struct str *ret_profile);
/* Two arguments: the key and its kind. */
void endpoint_secret_arg(struct pg_args *a, const struct sign_secret *key);
