/* posthorn token: making bearer tokens. Offline: who holds the server's key may make any. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#include "command.h"
#include "config/config.h"
#include "policy/token.h"

#define LIFETIME_S                                                                                 \
	(INT64_C(10) * 365 * 86400) /* an internal service's token should not lapse unseen */

/* The server's key, from where posthornd takes it. */
static int
key_get(const struct args *a, struct token_key **ret, struct err *e)
{
	const char *path = args_text(a, FLAG_CONFIG);
	struct config *c = mem_zalloc(sizeof(*c));
	config_init(c);
	int rc = path ? config_read_file(c, path, e) : 0;
	if (rc == 0)
		rc = config_read_env(c, environ, e);
	if (rc == 0 && token_alg_symmetric(c->jwt_algorithm) && c->jwt_secret.len == 0)
		rc = err_set(e, ERR_CONFIG,
		    "no key to sign with: give POSTHORN_JWT_SECRET or --config FILE, as posthornd has");
	if (rc == 0)
		rc = config_token_key(c, ret, e);
	config_wipe(c);
	free(c);
	return rc;
}

static int
run_create(struct session *s, const struct args *a, struct err *e)
{
	struct token_key *key;
	char text[TOKEN_TEXT_MAX];
	if (!args_has(a, FLAG_ORG))
		return err_set(e, ERR_USAGE, "token create needs --org");
	if (key_get(a, &key, e))
		return -1;
	int rc = token_mint(args_text(a, FLAG_ORG), args_text(a, FLAG_APP), NULL, 0, key,
	    clock_wall(), args_int(a, FLAG_LIFETIME, LIFETIME_S), text, e);
	token_key_free(key);
	if (rc == 0)
		view_line(&s->view, str_of(text));
	explicit_bzero(text, sizeof(text));
	return rc;
}

static const struct command commands[] = {
	{ .verb = "create",
	    .summary = "make a token of an organisation, or of one application of it",
	    .detail = "Nothing is sent anywhere: it is signed with the key that posthornd has.",
	    .example = "posthorn token create --org org_main --config /etc/posthorn.conf >token",
	    .flags = FLAG_BIT(ORG) | FLAG_BIT(APP) | FLAG_BIT(LIFETIME) | FLAG_BIT(CONFIG),
	    .token = TOKEN_OFFLINE,
	    .run = run_create },
	{ 0 },
};

const struct family family_token = {
	.name = "token",
	.summary = "bearer tokens",
	.commands = commands,
};
