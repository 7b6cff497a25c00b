/* Applications as the lanes know them: a group has the snapshot by which its lanes are prepared.
 *
 * A group lives as long as it has lanes or is being read. */
#include <stdlib.h>

#include "base/mem.h"

#include "send/lane-internal.h"

#define AGAIN (500 * USEC_PER_MS) /* after an application could not be read */

void
lane_prepare(struct lane *lane)
{
	const struct cat_app *app = lane->group->app;
	const struct lanes *ls = lane->group->lanes;
	const struct cat_endpoint *endpoint = cat_endpoint_get(app, lane->endpoint_id);
	struct route *old = lane->route;
	lane->route = endpoint ? route_new(app, endpoint) : NULL;
	route_unref(old);
	int own = endpoint ? endpoint->max_in_flight : 0;
	lane_weigh(lane);
	lane->cap = own > 0 && own < ls->window_max ? own : ls->window_max;
	rate_prepare_lane(lane);
}

static void
group_update(struct group *g, const struct cat_app *app)
{
	const struct cat_app *old = g->app;
	struct lane *lane, *next;
	g->app = cat_app_ref(app);
	cat_app_unref(old);
	rate_prepare_group(g);
	TAILQ_FOREACH_SAFE(lane, &g->members, member, next) {
		lane_prepare(lane);
		lane_judge(lane);
	}
	g->lanes->wake(g->lanes->arg);
}

static void
group_end_doubt(struct group *g)
{
	struct lane *lane, *next;
	TAILQ_FOREACH_SAFE(lane, &g->members, member, next) {
		if (!lane->doubt)
			continue;
		lane->doubt = false;
		lane_judge(lane);
	}
	g->lanes->wake(g->lanes->arg);
}

static void
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	struct group *g = arg;
	g->loading = false;
	if (app) {
		g->read_at = g->asked_at;
		if (g->app != app)
			group_update(g, app);
		group_end_doubt(g);
	} else {
		/* Applications are never removed from the table, so "not found" is trouble as well.
		 */
		(void)e;
		timer_set(&g->again, AGAIN);
	}
	group_free_if_empty(g);
}

static void
group_load(struct group *g)
{
	g->loading = true;
	g->asked_at = loop_now(g->lanes->loop);
	catalogue_load_id(g->lanes->cat, g->app_id, on_app, g);
}

static void
on_again(void *arg)
{
	group_load(arg);
}

void
lanes_update(struct lanes *ls, const struct cat_app *app)
{
	struct group *g;
	HASH_FIND(hh, ls->by_app, &app->id, sizeof(app->id), g);
	if (g && g->app != app)
		group_update(g, app);
}

bool
lanes_doubt(struct lanes *ls, struct delivery *d)
{
	struct lane *lane = d->lane;
	struct group *g = lane->group;
	if (!lane->ends || g->read_at >= d->due)
		return false;
	lane->doubt = true;
	lanes_return(ls, d);
	if (!g->loading && !timer_pending(&g->again))
		group_load(g);
	return true;
}

void
lanes_changed(struct lanes *ls, int64_t app_id, int64_t version)
{
	struct group *g;
	HASH_FIND(hh, ls->by_app, &app_id, sizeof(app_id), g);
	if (g && !g->loading && g->app && g->app->version < version &&
	    !catalogue_find_id(ls->cat, app_id))
		group_load(g);
}

struct group *
group_get(struct lanes *ls, int64_t app_id)
{
	struct group *g;
	HASH_FIND(hh, ls->by_app, &app_id, sizeof(app_id), g);
	if (g)
		return g;
	g = mem_zalloc(sizeof(*g));
	g->lanes = ls;
	g->app_id = app_id;
	TAILQ_INIT(&g->members);
	TAILQ_INIT(&g->turns);
	TAILQ_INIT(&g->rationed);
	timer_init(&g->again, ls->loop, on_again, g);
	HASH_ADD(hh, ls->by_app, app_id, sizeof(g->app_id), g);
	const struct cat_app *app = catalogue_find_id(ls->cat, app_id);
	if (app) {
		g->app = cat_app_ref(app);
		rate_prepare_group(g);
	} else {
		group_load(g);
	}
	return g;
}

void
group_free_if_empty(struct group *g)
{
	if (!TAILQ_EMPTY(&g->members) || g->loading)
		return;
	HASH_DEL(g->lanes->by_app, g);
	cat_app_unref(g->app);
	timer_done(&g->again);
	rate_done_group(g);
	free(g);
}
