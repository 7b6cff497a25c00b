/* What is told of an application: by its own routes, and in "application" of others. */
#pragma once

#include "rest/field.h"

struct app_in {
	struct str name;
	int64_t throttle_rate; /* 0: no limit */
	struct str uid;
	struct str metadata;
	struct str endpoint_challenge; /* {NULL, 0}: none */
};

void app_in_read(struct fields *f, struct app_in *ret);
/* Five arguments: name, throttle rate or null, uid or null, metadata, challenge or null. */
void app_in_arg(struct pg_args *a, const struct app_in *in);

/* Makes the application of the path when the member "application" of c->body asks for it and there
 * is none, and then calls `then`. Without that member it calls `then` at once. The member must have
 * a uid, the one in the path (else 422). `then` may be called on the caller's stack. */
void app_in_ensure(struct call *c, void (*then)(struct call *c));

/* The same for the bytes of such a member, which are JSON; sets c->body. */
void app_in_ensure_text(struct call *c, struct str object, void (*then)(struct call *c));

/* The arguments of app_create.sql. */
struct pg_args *app_in_create_args(struct call *c, int64_t id, const struct app_in *in);
