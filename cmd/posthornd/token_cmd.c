/* posthornd token: a bearer token on stdout. With --dev the key is the one of that directory, so
 * that the token opens the service that runs there. */
#include <stdio.h>

#include "base/clock.h"

#include "command.h"
#include "config/value.h"
#include "dev.h"
#include "policy/token.h"

#define LIFETIME_DEFAULT "10y"

int
token_cmd(struct args *a, struct err *e)
{
	struct config *c = &a->config;
	const char *lifetime = a->lifetime ? a->lifetime : LIFETIME_DEFAULT;
	char token[TOKEN_TEXT_MAX];
	int64_t lifetime_ms;
	if (value_duration(str_of(lifetime), &lifetime_ms) < 0 || lifetime_ms < 1000)
		return err_set(e, ERR_USAGE,
		    "--lifetime: expected a duration like 1h, 30d or 10y, not \"%.40s\"", lifetime);
	if (args_load_config(a, e) < 0)
		return -1;
	if (c->dev && dev_load_secret(a->dev, c, e) < 0)
		return -1;
	struct token_key *key;
	if (config_token_key(c, &key, e) < 0)
		return -1;
	int r = token_mint(a->org ? a->org : DEV_ORG, a->app, NULL, 0, key, clock_wall(),
	    lifetime_ms / 1000, token, e);
	token_key_free(key);
	if (r == 0)
		puts(token);
	else if (e->kind == ERR_INVALID)
		e->kind = ERR_USAGE;
	return r;
}
