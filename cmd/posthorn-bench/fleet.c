/* Each endpoint has a secret of its own: a server that mixes endpoints up is found out. */
#include "fleet.h"

#include <stdlib.h>

#include "base/mem.h"

int
fleet_init(struct fleet *f, int64_t apps, int64_t endpoints, const char *mix, struct err *e)
{
	*f = (struct fleet){ 0 };
	if (mix_parse(mix, &f->mix, e))
		return -1;
	if (apps * endpoints > FLEET_HOOKS_MAX)
		return err_set(e, ERR_USAGE, "more than %d endpoints", FLEET_HOOKS_MAX);
	f->napps = (int)apps;
	f->endpoints = (int)endpoints;
	f->nhooks = (int)(apps * endpoints);
	f->app = mem_zalloc(sizeof(*f->app) * (size_t)f->napps);
	f->hook = mem_zalloc(sizeof(*f->hook) * (size_t)f->nhooks);
	f->takes_all = mem_zalloc(sizeof(*f->takes_all) * (size_t)f->nhooks);
	for (int i = 0; i < f->nhooks; i++) {
		struct hook *h = &f->hook[i];
		h->rule = mix_rule_of(&f->mix, i, f->nhooks);
		sign_key_generate(SIGN_HMAC, &h->secret);
		h->key = sign_key_new(&h->secret);
		f->takes_all[i] = rule_takes_all(&f->mix.rule[h->rule]);
	}
	return 0;
}

void
fleet_done(struct fleet *f)
{
	for (int i = 0; i < f->napps; i++)
		request_done(&f->app[i].request);
	for (int i = 0; i < f->nhooks; i++) {
		sign_key_free(f->hook[i].key);
		sign_secret_wipe(&f->hook[i].secret);
	}
	free(f->app);
	free(f->hook);
	free(f->takes_all);
	*f = (struct fleet){ 0 };
}

const struct rule *
fleet_rule(const struct fleet *f, int hook)
{
	return &f->mix.rule[f->hook[hook].rule];
}
