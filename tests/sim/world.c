/* The course of a schedule:
 *
 *   make          tables, receivers, workers; events and faults on the agenda
 *   events and faults, until plan.heal_at
 *   heal          faults end, every place has its worker again, receivers answer
 *   settle        until nothing is owed; there is a bound of virtual time
 *   stop          every worker, with grace; nothing is left in memory or on the agenda
 */
#include "world.h"

#include <string.h>

#include "base/metric.h"

#include "agenda.h"
#include "dice.h"
#include "ledger.h"
#include "operator.h"
#include "producer.h"
#include "receiver.h"
#include "send/sender-internal.h"
#include "send/slot-internal.h"
#include "sim_loop.h"
#include "trace.h"
#include "trouble.h"

/* How long after the faults everything takes at most: a lapsed lease, its adoption, the retries
 * that are left, clocks that stand apart, an event in limbo; and each event's probes of an endpoint
 * whose breaker never closes. */
#define SETTLE_MAX       (60 * USEC_PER_SEC)
#define SETTLE_EVENT_MAX (12 * USEC_PER_SEC)
/* The same when deliveries were put off: outcome.c does so for up to five minutes, several times.
 */
#define SETTLE_DEFERRED_MAX (1200 * USEC_PER_SEC)
#define QUIET               (6 * USEC_PER_SEC) /* limbo is sure by then */
#define TAKEOVER_MAX        (12 * USEC_PER_SEC)
#define ID_MS               (INT64_C(1) << 22)

static struct plan plan;
static struct node *nodes[NODES_MAX];
static int started; /* workers, for their names */

/* ---- workers ------------------------------------------------------------------------------ */

struct node *
world_at(int place)
{
	return nodes[place];
}

void
world_start(int place)
{
	if (nodes[place])
		return;
	struct node *n = nodes[place] = node_new(&plan.config, started++);
	if (plan.skew_max)
		sim_loop_set_skew(n->loop, dice(-plan.skew_max, plan.skew_max));
	sim_loop_set_hiccups(n->loop, plan.hiccups, 20 * USEC_PER_MS);
}

void
world_crash(int place)
{
	if (!nodes[place])
		return;
	node_free(nodes[place]);
	nodes[place] = NULL;
}

void
world_stop(int place)
{
	if (nodes[place] && !nodes[place]->stopping)
		node_stop(nodes[place]);
}

struct node *
world_node(void)
{
	int from = (int)dice(0, NODES_MAX - 1);
	for (int i = 0; i < NODES_MAX; i++) {
		struct node *n = nodes[(from + i) % NODES_MAX];
		int slot;
		int64_t epoch;
		/* It listens only once it has a slot, but may lose it then. */
		if (n && !n->stopping && !sim_loop_frozen(n->loop) &&
		    (n->sender->slots->had_home || sender_home(n->sender, &slot, &epoch)))
			return n;
	}
	return NULL;
}

/* ---- endpoints ---------------------------------------------------------------------------- */

static void
new_version(const struct endpoint_row *e)
{
	struct app_row *app = app_find(e->app_id);
	app->version++;
	app->changed_at = sim_wall();
	TRACE("app %lld is of version %lld", (long long)app->id, (long long)app->version);
}

void
world_changed(struct endpoint_row *e)
{
	e->touched = true;
	new_version(e);
}

/* A slot that a worker here holds: for a new hold. */
static int
slot_for_hold(void)
{
	for (int i = 0; i < NODES_MAX; i++) {
		int slot;
		int64_t epoch;
		if (nodes[i] && sender_home(nodes[i]->sender, &slot, &epoch) &&
		    db.slot[slot].now.epoch == epoch && db.slot[slot].now.owner)
			return slot;
	}
	return -1;
}

void
world_enabled(struct endpoint_row *e)
{
	struct hold_values *h = &db.hold[e->number].now;
	if (h->exists && h->state == HOLD_OPEN) {
		h->state = HOLD_DRAINING;
		h->failing_since.us = h->probe_at.us = 0;
		h->probes = 0;
	}
}

void
world_pause(struct endpoint_row *e)
{
	struct hold_values *h = &db.hold[e->number].now;
	int slot = slot_for_hold();
	if (slot < 0)
		return;
	if (!h->exists || (!h->state && !h->ordered))
		h->slot = slot;
	h->exists = true;
	h->state = HOLD_PAUSED;
	world_changed(e);
}

void
world_resume(struct endpoint_row *e)
{
	struct hold_values *h = &db.hold[e->number].now;
	if (!h->exists || h->state != HOLD_PAUSED)
		return;
	h->state = HOLD_DRAINING;
	world_changed(e);
}

void
world_order(struct endpoint_row *e, bool ordered, bool by_key)
{
	struct hold_values *h = &db.hold[e->number].now;
	int slot = slot_for_hold();
	if (slot < 0)
		return;
	if (!h->exists || (!h->state && !h->ordered))
		h->slot = slot;
	h->exists = true;
	if (h->state == HOLD_CLOSED && h->ordered && !ordered)
		h->state = HOLD_DRAINING;
	h->ordered = e->ordered = ordered;
	e->by_key = by_key;
	e->orders++;
	TRACE("order of r%d: %s", e->number, !ordered ? "none" : by_key ? "key" : "endpoint");
	new_version(e);
	ledger_hold(e->number);
}

/* Those that are left paused when the faults end. Whether all are resumed. */
static bool
resume_all(void)
{
	bool all = true;
	for (int i = 0; i < db.nendpoints; i++) {
		struct endpoint_row *e = &db.endpoint[i];
		if (!db.hold[i].now.exists || db.hold[i].now.state != HOLD_PAUSED)
			continue;
		if (txn_is_changing(i, app_find(e->app_id)))
			all = false;
		else
			world_resume(e);
	}
	return all;
}

static enum receiver_kind
some_kind(void)
{
	return dice_chance(400) ? RECEIVER_GOOD : (enum receiver_kind)dice(0, RECEIVER_KINDS - 1);
}

static void
make_ordered(struct endpoint_row *e)
{
	struct hold_values *h = &db.hold[e->number].now;
	int slot = slot_for_hold();
	if (slot < 0) {
		/* From the time before: somebody will adopt its slot. */
		slot = 0;
		db.slot[0].now.dirty = true;
	}
	e->ordered = true;
	e->by_key = dice_chance(500);
	e->blocks = dice_chance(300) && receiver_kind(e->number) != RECEIVER_HOPELESS;
	*h = (struct hold_values){ .exists = true, .slot = slot, .ordered = true };
}

void
world_add_endpoint(int app)
{
	struct app_row *a = &db.app[app];
	if (a->endpoints == ENDPOINTS_OF_APP)
		return;
	int number = a->first_endpoint + a->endpoints++;
	struct endpoint_row *e = &db.endpoint[number];
	*e = (struct endpoint_row){ .app_id = a->id, .id = (number + 1) * ID_MS, .number = number };
	receiver_set(number, some_kind());
	if (dice_chance(plan.ordered))
		make_ordered(e);
	if (dice_chance(200))
		e->max_in_flight = (int)dice(1, 3);
	if (dice_chance(200))
		e->timeout_ms = (int)dice(100, 1000);
	if (dice_chance(plan.limited))
		e->throttle_rate = (int)dice_skewed(1, 60);
	a->version++;
	a->changed_at = sim_wall();
	TRACE("endpoint r%d is %s", number, receiver_kind_name(number));
}

static void
make_catalogue(void)
{
	for (int i = 0; i < plan.apps; i++) {
		db.app[i] = (struct app_row){ .id = (i + 1) * ID_MS,
			.version = 1,
			.changed_at = { sim_wall_zero - 3600 * USEC_PER_SEC },
			.first_endpoint = i * ENDPOINTS_OF_APP };
		if (dice_chance(plan.limited / 2))
			db.app[i].throttle_rate = (int)dice_skewed(1, 60);
		db.napps++;
		db.nendpoints += ENDPOINTS_OF_APP;
		/* The places that are not taken yet. */
		for (int k = 0; k < ENDPOINTS_OF_APP; k++)
			db.endpoint[i * ENDPOINTS_OF_APP + k].deleted = true;
		for (int k = 0; k < plan.endpoints; k++)
			world_add_endpoint(i);
	}
}

/* ---- the course --------------------------------------------------------------------------- */

static void
check_apart(const struct node *n)
{
	for (int i = 0; i < NODES_MAX; i++)
		if (nodes[i] && nodes[i] != n)
			node_check_apart(n, nodes[i]);
}

static struct node *
node_of(const struct loop *l)
{
	for (int i = 0; i < NODES_MAX; i++)
		if (nodes[i] && nodes[i]->loop == l)
			return nodes[i];
	return NULL;
}

/* One happening, and what must hold after it. */
static void
world_step(void)
{
	struct happening *h = agenda_next();
	if (!h)
		violation("nothing happens any more");
	struct loop *l = h->loop;
	if (!l) {
		h->fn(h->arg);
		return;
	}
	sim_loop_turn(l, h);
	struct node *n = node_of(l);
	node_check(n, &plan.config);
	check_apart(n);
	if (n->drained)
		world_crash(n == nodes[0] ? 0 : n == nodes[1] ? 1 : 2);
}

static void
run_until(usec_t until)
{
	while (agenda_next_at() <= until)
		world_step();
}

static void
heal(void)
{
	TRACE("the faults end");
	troubles_end();
	operator_heal();
	for (int i = 0; i < plan.nodes; i++)
		world_start(i);
}

/* A slot that lapsed or was left with work is adopted soon, while there are workers. */
static void
check_takeover(usec_t since)
{
	for (int i = 0; i < SLOTS_COUNT; i++) {
		const struct slot_values *s = &db.slot[i].now;
		if (!s->owner && !s->dirty)
			continue;
		usec_t lapsed = s->lease_until.us - sim_wall_zero;
		if (s->lease_until.us < sim_wall_zero || lapsed < since)
			lapsed = since;
		if (agenda_now() - lapsed > TAKEOVER_MAX)
			violation("nobody adopts slot %d", i);
	}
}

/* A pause goes on after the faults, and who is paused knows nothing of what has become of its work.
 */
static bool
any_frozen(void)
{
	for (int i = 0; i < NODES_MAX; i++)
		if (nodes[i] && sim_loop_frozen(nodes[i]->loop))
			return true;
	return false;
}

static bool
is_open(void)
{
	if (any_frozen())
		return true;
	return ledger_open() > 0 || producer_open() > 0 || operator_open() > 0 || txn_orphans() > 0;
}

static void
settle(void)
{
	usec_t since = agenda_now();
	bool resumed = false;
	while (is_open()) {
		usec_t most = ledger_deferred() ? SETTLE_DEFERRED_MAX : SETTLE_MAX;
		most += plan.events * SETTLE_EVENT_MAX;
		resumed = resumed || resume_all();
		for (int i = 0; i < plan.nodes; i++)
			world_start(i); /* those that were stopping are gone now */
		check_takeover(since);
		if (agenda_now() - since > most) {
			ledger_tell();
			violation("%d deliveries and %d posts are open %lld s after the faults",
			    ledger_open(), producer_open(), (long long)(most / USEC_PER_SEC));
		}
		world_step();
	}
}

static bool
any_node(void)
{
	return nodes[0] || nodes[1] || nodes[2];
}

static void
stop_all(void)
{
	usec_t most = agenda_now() + plan.config.stop_timeout * USEC_PER_MS + 10 * USEC_PER_SEC;
	for (int i = 0; i < NODES_MAX; i++)
		if (nodes[i])
			node_check_quiet(nodes[i]);
	for (int i = 0; i < NODES_MAX; i++)
		world_stop(i);
	while (any_node()) {
		if (agenda_now() > most)
			violation("a worker does not stop");
		world_step();
	}
}

static void
end(void)
{
	producer_stop();
	operator_stop();
	txn_reset();
	ledger_close(plan.calm);
	if (agenda_count())
		violation("%d things would still happen", agenda_count());
}

void
world_run(uint64_t seed, int events)
{
	trace_seed = seed;
	dice_seed(seed);
	agenda_reset();
	db_reset();
	ledger_reset();
	receivers_reset();
	plan_make(&plan, events);
	started = 0;
	ledger_lenient = plan.expires;
	TRACE("seed %llu: %d workers, %d events, %d faults%s", (unsigned long long)seed, plan.nodes,
	    plan.events, plan.ntroubles, plan.calm ? ", calm" : "");
	make_catalogue();
	troubles_start(&plan);
	for (int i = 0; i < plan.nodes; i++)
		world_start(i);
	producer_start(&plan);
	operator_start(&plan);
	run_until(agenda_now() + plan.heal_at);
	heal();
	settle();
	run_until(agenda_now() + QUIET);
	stop_all();
	end();
}
