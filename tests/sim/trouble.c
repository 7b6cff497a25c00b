/* The faults. Each strikes once; what undoes it is on the agenda at the same time. */
#include "trouble.h"

#include "base/attr.h"

#include "dice.h"
#include "receiver.h"
#include "sim_loop.h"
#include "sim_resolver.h"
#include "sim_session.h"
#include "trace.h"
#include "world.h"

struct strike {
	struct happening h, end;
	enum trouble kind;
	int node; /* whose fault it is, by its place */
};

static struct strike strikes[TROUBLES_MAX];
static int count;
static const struct plan *plan;

/* ---- one by one --------------------------------------------------------------------------- */

static void
crash(struct strike *s)
{
	world_crash(s->node);
	agenda_put(&s->end, agenda_now() + dice_skewed(0, 5 * USEC_PER_SEC));
}

static void
start_again(struct strike *s)
{
	world_start(s->node);
}

static void
stop(struct strike *s)
{
	world_stop(s->node);
	agenda_put(&s->end, agenda_now() + dice(0, 5 * USEC_PER_SEC));
}

static void
pause_node(struct strike *s)
{
	struct node *n = world_at(s->node);
	if (n)
		sim_loop_freeze(
		    n->loop, agenda_now() + dice_skewed(0, 3 * plan->config.lease * USEC_PER_MS));
}

static void
database(struct strike *s)
{
	sim_server_down();
	agenda_put(&s->end, agenda_now() + dice_skewed(0, plan->outage_max));
}

static void
database_back(struct strike *s)
{
	(void)s;
	sim_server_up();
}

static void
storm(struct strike *s)
{
	weather = plan->storm;
	agenda_put(&s->end, agenda_now() + dice_skewed(0, 5 * USEC_PER_SEC));
}

static void
storm_over(struct strike *s)
{
	(void)s;
	weather = plan->weather;
}

static void
clock_jump(struct strike *s)
{
	struct node *n = world_at(s->node);
	if (n)
		sim_loop_set_skew(n->loop, dice(-plan->skew_max, plan->skew_max));
}

static void
busy(struct strike *s)
{
	struct node *n = world_at(s->node);
	if (n)
		sim_loop_set_busy(n->loop, 0.95);
	agenda_put(&s->end, agenda_now() + dice(0, 2 * USEC_PER_SEC));
}

static void
not_busy(struct strike *s)
{
	struct node *n = world_at(s->node);
	if (n)
		sim_loop_set_busy(n->loop, 0);
}

static void
names(struct strike *s)
{
	sim_resolver_set_failures((int)dice(100, 1000));
	agenda_put(&s->end, agenda_now() + dice(0, 2 * USEC_PER_SEC));
}

static void
names_back(struct strike *s)
{
	(void)s;
	sim_resolver_set_failures(0);
}

static struct endpoint_row *
some_endpoint(void)
{
	struct endpoint_row *e = &db.endpoint[dice(0, db.nendpoints - 1)];
	return e->deleted ? NULL : e;
}

/* The API's own transactions are not simulated: a change comes at once, but when somebody else is
 * changing the endpoint's hold or its application. */
static struct endpoint_row *
endpoint_to_change(struct strike *s)
{
	struct endpoint_row *e = some_endpoint();
	if (!e || !txn_is_changing(e->number, app_find(e->app_id)))
		return e;
	agenda_put(&s->h, agenda_now() + USEC_PER_MS);
	return NULL;
}

static void
disable(struct strike *s)
{
	struct endpoint_row *e = endpoint_to_change(s);
	if (!e)
		return;
	e->disabled = !e->disabled;
	if (!e->disabled)
		world_enabled(e);
	world_changed(e);
}

static void
pause_endpoint(struct strike *s)
{
	struct endpoint_row *e = endpoint_to_change(s);
	if (!e)
		return;
	world_pause(e);
	if (!s->end.place)
		agenda_put(&s->end, agenda_now() + dice_skewed(0, 5 * USEC_PER_SEC));
}

static void
resume(struct strike *s)
{
	struct endpoint_row *e = endpoint_to_change(s);
	if (e)
		world_resume(e);
}

static void
order(struct strike *s)
{
	struct endpoint_row *e = endpoint_to_change(s);
	if (e)
		world_order(e, dice_chance(500), dice_chance(500));
}

static void
delete_endpoint(struct strike *s)
{
	struct endpoint_row *e = endpoint_to_change(s);
	if (!e)
		return;
	e->deleted = true;
	world_changed(e);
}

static void
add_endpoint(struct strike *s)
{
	int app = (int)dice(0, db.napps - 1);
	if (txn_is_changing(0, &db.app[app]))
		agenda_put(&s->h, agenda_now() + USEC_PER_MS);
	else
		world_add_endpoint(app);
}

static const struct {
	void (*strike)(struct strike *s);
	void (*end)(struct strike *s); /* NULL: it has none */
} kinds[] = {
	[TROUBLE_CRASH] = { crash, start_again },
	[TROUBLE_PAUSE] = { pause_node, NULL },
	[TROUBLE_DATABASE] = { database, database_back },
	[TROUBLE_WEATHER] = { storm, storm_over },
	[TROUBLE_STOP] = { stop, start_again },
	[TROUBLE_CLOCK] = { clock_jump, NULL },
	[TROUBLE_DISABLE] = { disable, NULL },
	[TROUBLE_PAUSE_ENDPOINT] = { pause_endpoint, resume },
	[TROUBLE_DELETE] = { delete_endpoint, NULL },
	[TROUBLE_ORDER] = { order, NULL },
	[TROUBLE_ADD] = { add_endpoint, NULL },
	[TROUBLE_BUSY] = { busy, not_busy },
	[TROUBLE_NAMES] = { names, names_back },
};

/* ---- all of them -------------------------------------------------------------------------- */

static void
on_strike(void *arg)
{
	struct strike *s = arg;
	TRACE("trouble %s, n%d", trouble_name(s->kind), s->node);
	kinds[s->kind].strike(s);
}

static void
on_end(void *arg)
{
	struct strike *s = arg;
	TRACE("trouble %s ends", trouble_name(s->kind));
	if (kinds[s->kind].end)
		kinds[s->kind].end(s);
}

void
troubles_start(const struct plan *p)
{
	plan = p;
	weather = p->weather;
	count = p->ntroubles;
	for (int i = 0; i < count; i++) {
		struct strike *s = &strikes[i];
		*s = (struct strike){ .kind = p->trouble[i].kind,
			.node = (int)dice(0, p->nodes - 1),
			.h = { .fn = on_strike, .arg = s },
			.end = { .fn = on_end, .arg = s } };
		agenda_put(&s->h, agenda_now() + p->trouble[i].at);
	}
}

void
troubles_end(void)
{
	for (int i = 0; i < count; i++) {
		agenda_remove(&strikes[i].h);
		agenda_remove(&strikes[i].end);
	}
	sim_server_up();
	weather = plan->weather;
	sim_resolver_set_failures(0);
	receivers_heal();
}
