/* Routes: preparing an endpoint for delivery. */
#include "send/route.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#include "policy/url.h"

/* Profile and template were judged when they were stored. One that cannot be read now is signed in
 * no way that its subscriber takes for another sender's: as Standard Webhooks. */
static void
set_profile(struct route *r)
{
	const struct cat_endpoint *endpoint = r->endpoint;
	struct err e;
	if (!endpoint->profile.p)
		return;
	r->profile = profile_find(endpoint->profile);
	if (r->profile || !endpoint->template.p)
		return;
	r->template = json_loadb(endpoint->template.p, endpoint->template.n, 0, NULL);
	if (r->template && profile_parse(r->template, &r->own, &e) == 0)
		r->profile = &r->own;
}

struct route *
route_new(const struct cat_app *app, const struct cat_endpoint *endpoint)
{
	struct route *r = mem_zalloc(sizeof(*r));
	struct err e;
	r->refs = 1;
	r->app = cat_app_ref(app);
	r->endpoint = endpoint;
	/* The URL was judged when it was registered; here it is only taken apart. A name that was
	 * allowed then and is not now is stopped by its address. */
	const struct url_policy any = { .internal_names = true };
	struct url *url = mem_alloc(sizeof(*url));
	if (url_parse(endpoint->url, &any, url, &e) == 0) {
		r->target = client_target_new(url->text, &e);
		r->host = mem_strdup(url->host);
		r->port = url->port;
	}
	free(url);
	set_profile(r);
	r->shaped = r->profile || endpoint->format != FORMAT_NONE || endpoint->announces;
	for (int i = 0; i < endpoint->nsecrets; i++)
		r->keys[r->nkeys++] =
		    r->profile ? sign_key_new_text(&endpoint->secrets[i], r->profile->hash)
			       : sign_key_new(&endpoint->secrets[i]);
	return r;
}

struct route *
route_ref(struct route *r)
{
	r->refs++;
	return r;
}

void
route_unref(struct route *r)
{
	if (!r || --r->refs > 0)
		return;
	for (int i = 0; i < r->nkeys; i++)
		sign_key_free(r->keys[i]);
	if (r->target)
		client_target_free(r->target);
	json_decref(r->template);
	free(r->host);
	cat_app_unref(r->app);
	free(r);
}

int
route_keys(const struct route *r, struct wall now, struct sign_key *ret[SIGN_KEYS_MAX])
{
	int n = 0;
	for (int i = 0; i < r->nkeys; i++) {
		struct wall until = r->endpoint->secrets_until[i];
		if (r->keys[i] && (until.us == 0 || until.us > now.us))
			ret[n++] = r->keys[i];
	}
	return n;
}
