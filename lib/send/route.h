/* A route: what an exchange needs of an endpoint, prepared once per catalogue snapshot and shared
 * by the lane and its exchanges by reference count. */
#pragma once

#include <stdint.h>

#include "http/client.h"
#include "policy/profile.h"
#include "policy/sign.h"
#include "store/catalogue.h"

struct route {
	int refs;
	const struct cat_app *app;           /* one reference */
	const struct cat_endpoint *endpoint; /* of app, as a rule */
	struct client_target *target;        /* NULL: the stored URL is unusable */
	char *host;                          /* to be resolved */
	int port;
	int nkeys;
	struct sign_key *keys[SIGN_KEYS_MAX]; /* as endpoint->secrets; NULL: of no use under the
					       * profile */
	bool shaped;                          /* what follows is not as usual: send/shape.h */
	const struct profile *profile;        /* NULL: Standard Webhooks */
	struct profile own;                   /* that of the endpoint's template */
	json_t *template;                     /* owned: its texts */
};

/* The endpoint must be in the snapshot, or live as long as the route. */
struct route *route_new(const struct cat_app *app, const struct cat_endpoint *endpoint);
struct route *route_ref(struct route *r);
void route_unref(struct route *r); /* NULL is allowed */
/* The keys that sign at that time, the current one first; returns how many. */
int route_keys(const struct route *r, struct wall now, struct sign_key *ret[SIGN_KEYS_MAX]);
