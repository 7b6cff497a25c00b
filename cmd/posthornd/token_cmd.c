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
	if (config_require(c, "jwt_secret", e) < 0)
		return -1;
	if (token_mint(a->org ? a->org : DEV_ORG, a->app, NULL, 0, &c->jwt_secret, clock_wall(),
		lifetime_ms / 1000, token, e) < 0) {
		e->kind = ERR_USAGE;
		return -1;
	}
	puts(token);
	return 0;
}
