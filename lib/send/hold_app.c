/* The applications of what is kept here: its holds and trips are found by it, and its snapshot is
 * asked for once, however many they are. */
#include <stdlib.h>

#include "base/mem.h"

#include "send/hold-internal.h"

struct holds_app *
holds_app_find(const struct holds *hs, int64_t app_id)
{
	struct holds_app *x;
	HASH_FIND(hh, hs->by_app, &app_id, sizeof(app_id), x);
	return x;
}

struct holds_app *
holds_app_get(struct holds *hs, int64_t app_id)
{
	struct holds_app *x = holds_app_find(hs, app_id);
	if (x)
		return x;
	x = mem_zalloc(sizeof(*x));
	x->all = hs;
	x->app_id = app_id;
	TAILQ_INIT(&x->holds);
	TAILQ_INIT(&x->trips);
	HASH_ADD(hh, hs->by_app, app_id, sizeof(x->app_id), x);
	return x;
}

void
holds_app_trim(struct holds_app *x)
{
	if (!TAILQ_EMPTY(&x->holds) || !TAILQ_EMPTY(&x->trips))
		return;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the table */
	HASH_DEL(x->all->by_app, x);
	free(x);
}

/* Nothing here but the set is known to be there still. */
static void
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	struct holds *hs = arg;
	(void)e; /* the next tick asks again */
	if (app)
		holds_update(hs, app);
}

void
holds_app_ask(struct holds_app *x)
{
	usec_t now = loop_now(x->all->loop);
	if (x->asked_at == now)
		return;
	x->asked_at = now;
	catalogue_load_id(x->all->cat, x->app_id, on_app, x->all);
}
