/* Tokens of applications, judged at each call.
 *
 * A token is checked once and remembered (auth.c); whether it has been voided since is asked each
 * time, of the catalogue: what voids it makes a new version of the application, and every worker
 * hears of that by its next beat, so within a second. Nothing is read for it where the application
 * is in the catalogue's cache.
 *
 * What a token was made under is a version of its application, which PostgreSQL numbers, and no
 * time: clocks that differ let no token slip through, and one made right after it is good. */
#include "rest/admit.h"

#include <stdio.h>

/* ---- voided ------------------------------------------------------------------------------- */

/* A token that others made with our key tells no version: then the seconds decide. */
static bool
is_older(const struct token *t, const struct cat_void *v)
{
	return t->version ? t->version < v->version : t->issued_s <= v->made_s;
}

static bool
is_about(const struct cat_void *v, const struct token *t)
{
	if (v->scope.n == 0)
		return is_older(t, v);
	struct str name = { v->scope.p + 1, v->scope.n - 1 };
	if (v->scope.p[0] == 't')
		return str_eq(name, str_of(t->print));
	return t->session[0] && str_eq(name, str_of(t->session)) && is_older(t, v);
}

bool
admit_is_void(const struct cat_app *app, const struct token *t, struct wall now)
{
	for (int i = 0; i < app->nvoids; i++)
		if (now.us >= app->voids[i].from.us && is_about(&app->voids[i], t))
			return true;
	return false;
}

struct admission {
	struct call *c;
	void (*go)(struct call *c);
};

static void
judge(struct call *c, const struct cat_app *app, void (*go)(struct call *c))
{
	if (admit_is_void(app, &c->token, loop_wall(c->parts->loop)))
		call_fail_with(c, ERR_UNAUTHENTICATED, "This token has been revoked");
	else
		go(c);
}

static void
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	const struct admission *a = arg;
	if (app)
		judge(a->c, app, a->go);
	else
		call_fail(a->c, e);
}

void
admit(struct call *c, void (*go)(struct call *c))
{
	struct str org = str_of(c->token.org), id = str_of(c->token.app);
	if (!id.n) {
		go(c);
		return;
	}
	const struct cat_app *app = catalogue_find(c->parts->catalogue, org, id);
	if (app) {
		judge(c, app, go);
		return;
	}
	struct admission *a = arena_alloc(c->arena, sizeof(*a));
	*a = (struct admission){ c, go };
	catalogue_load(c->parts->catalogue, org, id, on_app, a);
}

/* ---- capabilities ------------------------------------------------------------------------- */

unsigned
admit_needs(const struct route *route)
{
	if (route->needs)
		return route->needs;
	return route->method == HTTP_GET ? TOKEN_MAY_VIEW : TOKEN_MAY_MANAGE;
}

int
admit_route(struct call *c)
{
	unsigned needs = admit_needs(c->route);
	if (!c->token.app[0] || (c->token.may & needs))
		return 0;
	char names[128] = "";
	for (int i = 0; i < TOKEN_CAPABILITIES; i++) {
		size_t n = strlen(names);
		if (needs & 1U << i)
			snprintf(names + n, sizeof(names) - n, "%s%s", n ? " or " : "",
			    token_capabilities[i]);
	}
	call_fail_with(c, ERR_FORBIDDEN, "This token lacks the capability for that: %s", names);
	return -1;
}
