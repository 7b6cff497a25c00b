/* GET /auth/whoami: whose the token of the call is. */
#include "api/handlers.h"

void
api_whoami(struct call *c)
{
	const struct token *t = &c->token;
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_text(j, "envId", str_of(t->org));
	if (t->app[0])
		jw_put_text(j, "appId", str_of(t->app));
	if (t->session[0])
		jw_put_text(j, "sessionId", str_of(t->session));
	/* The one of the clients' words that is right: a JSON Web Token that carries its rights. */
	jw_put_text(j, "permissionSource", STR("SvixJwt"));
	jw_close_object(j);
	call_reply_json(c, 200, j);
}
