/* The holds that this worker keeps: how it comes by them, what it is told of them and asked. */
#include "send/hold.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

#include "send/hold-internal.h"

#define TICK  USEC_PER_SEC
#define AGAIN (500 * USEC_PER_MS) /* after an adopted slot's holds could not be read */

/* ---- the set ------------------------------------------------------------------------------ */

struct hold *
hold_find(const struct holds *hs, int64_t endpoint_id)
{
	struct hold *h;
	HASH_FIND(hh, hs->by_endpoint, &endpoint_id, sizeof(endpoint_id), h);
	return h;
}

void
hold_free(struct hold *h)
{
	struct holds *hs = h->all;
	if (h->ticket)
		pg_cancel(h->ticket);
	hold_read_drop(h);
	entries_free(h);
	timer_done(&h->timer);
	arena_free(h->arena);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is in the table */
	HASH_DEL(hs->by_endpoint, h);
	TAILQ_REMOVE(&h->app->holds, h, of_app);
	holds_app_trim(h->app);
	metric_add(METRIC_HOLDS, -1);
	free(h);
}

static void
on_timer(void *arg)
{
	hold_step(arg);
}

static struct hold *
hold_new(struct holds *hs, const struct hold_row *row, int slot, int64_t epoch)
{
	struct hold *h = mem_zalloc(sizeof(*h));
	h->all = hs;
	h->app_id = row->app_id;
	h->endpoint_id = row->endpoint_id;
	h->slot = (int16_t)slot;
	h->epoch = epoch;
	h->beyond = h->next_base = row->low_no;
	h->stored_at = loop_now(hs->loop);
	h->arena = arena_new();
	entries_init(&h->entries);
	timer_init(&h->timer, hs->loop, on_timer, h);
	HASH_ADD(hh, hs->by_endpoint, endpoint_id, sizeof(h->endpoint_id), h);
	h->app = holds_app_get(hs, h->app_id);
	TAILQ_INSERT_TAIL(&h->app->holds, h, of_app);
	metric_add(METRIC_HOLDS, 1);
	return h;
}

/* ---- its endpoint ------------------------------------------------------------------------- */

static void
hold_learn(struct hold *h, const struct cat_app *app)
{
	const struct cat_endpoint *endpoint = cat_endpoint_get(app, h->endpoint_id);
	if (app->version < h->version)
		return;
	h->known = true;
	h->deleted = !endpoint;
	h->ended = !endpoint || endpoint->disabled;
	h->ordered = endpoint && endpoint->ordering != ORDERING_NONE;
	h->blocks = endpoint && endpoint->blocks;
	hold_wake(h);
}

void
holds_update(struct holds *hs, const struct cat_app *app)
{
	struct holds_app *x = holds_app_find(hs, app->id);
	struct hold *h;
	if (!x)
		return;
	TAILQ_FOREACH(h, &x->holds, of_app) /* also those whose endpoint is gone */
		hold_learn(h, app);
	trips_update(x, app);
}

static void
on_tick(void *arg)
{
	struct holds *hs = arg;
	struct hold *h, *next;
	bool again = trips_again(hs);
	HASH_ITER(hh, hs->by_endpoint, h, next) {
		if (h->ask_again && !h->ticket)
			hold_reload(h);
		if (!h->known)
			holds_app_ask(h->app);
		again = again || h->ask_again || !h->known;
	}
	if (again)
		timer_set(&hs->tick, TICK);
}

void
holds_tick_soon(struct holds *hs)
{
	if (!timer_pending(&hs->tick))
		timer_set(&hs->tick, TICK);
}

/* ---- news --------------------------------------------------------------------------------- */

static void
on_asked(void *arg, const struct pg_result *r, const struct err *e)
{
	struct hold *h = arg;
	struct hold_row row;
	h->ticket = NULL;
	h->ask_again = e;
	if (e) {
		h->version = 0;
		holds_tick_soon(h->all);
		hold_wake(h);
		return;
	}
	/* A breaker that tripped meanwhile has this answer, too. */
	trip_stored(h->all, h->endpoint_id, 1);
	if (pg_rows(r->res[0]) == 0) { /* closed, and without an order */
		hold_free(h);
		return;
	}
	hold_row_read(r->res[0], 0, &row);
	if (row.slot != h->slot) {
		hold_free(h);
		return;
	}
	if (!h->read_at && h->next_base == 0)
		h->beyond = h->next_base = row.low_no;
	hold_load(h, &row);
	h->loaded = true;
	holds_app_ask(h->app);
	holds_tick_soon(h->all);
	hold_wake(h);
}

void
hold_reload(struct hold *h)
{
	hold_ask(h, on_asked);
}

void
holds_news(
    struct holds *hs, int64_t app_id, int64_t endpoint_id, int64_t version, int slot, int64_t epoch)
{
	struct hold *h = hold_find(hs, endpoint_id);
	if (hs->stopped || (h && version && h->version >= version))
		return;
	if (h && h->ticket)
		return; /* it is being written or asked for; the next news comes within a second */
	if (!h) {
		const struct hold_row none = { .app_id = app_id, .endpoint_id = endpoint_id };
		h = hold_new(hs, &none, slot, epoch);
	}
	h->version = version;
	hold_reload(h);
}

/* ---- adoption ----------------------------------------------------------------------------- */

static void
take_free(struct take *t)
{
	if (t->ticket)
		pg_cancel(t->ticket);
	TAILQ_REMOVE(&t->all->takes, t, entry);
	timer_done(&t->again);
	arena_free(t->arena);
	free(t);
}

static void
on_taken(void *arg, const struct pg_result *r, const struct err *e)
{
	struct take *t = arg;
	struct holds *hs = t->all;
	t->ticket = NULL;
	if (e) {
		timer_set(&t->again, AGAIN);
		return;
	}
	const PGresult *rows = r->res[1];
	for (int i = 0; i < pg_rows(rows); i++) {
		struct hold_row row;
		hold_row_read(rows, i, &row);
		struct hold *h = hold_find(hs, row.endpoint_id);
		if (h && h->loaded)
			continue;
		if (h) /* asked for just now: the answer may be older than this one */
			hold_free(h);
		h = hold_new(hs, &row, t->home, t->home_epoch);
		hold_load(h, &row);
		h->loaded = true;
		holds_app_ask(h->app);
		trip_stored(hs, h->endpoint_id, 1);
	}
	holds_tick_soon(hs);
	take_free(t);
}

static void
on_take_again(void *arg)
{
	hold_take(arg, on_taken);
}

void
holds_take(struct holds *hs, int slot, int64_t epoch, int home, int64_t home_epoch)
{
	struct take *t = mem_zalloc(sizeof(*t));
	t->all = hs;
	t->slot = slot;
	t->epoch = epoch;
	t->home = home;
	t->home_epoch = home_epoch;
	t->arena = arena_new();
	timer_init(&t->again, hs->loop, on_take_again, t);
	TAILQ_INSERT_TAIL(&hs->takes, t, entry);
	hold_take(t, on_taken);
}

void
holds_drop(struct holds *hs, int slot)
{
	struct hold *h, *next;
	struct take *t, *next_take;
	trips_drop(hs, slot);
	HASH_ITER(hh, hs->by_endpoint, h, next)
		if (h->slot == slot)
			hold_free(h);
	TAILQ_FOREACH_SAFE(t, &hs->takes, entry, next_take)
		if (t->slot == slot || t->home == slot)
			take_free(t);
}

/* ---- steps -------------------------------------------------------------------------------- */

/* The hold and the entry of a step that is under way; NULL when that is not kept here any more. */
static struct hold *
find_step(const struct holds *hs, const struct parked_step *step, struct entry **ret)
{
	struct hold *h = hold_find(hs, step->endpoint_id);
	if (!h || h->slot != step->slot || h->epoch != step->epoch)
		return NULL;
	*ret = entries_find(h, step->msg_id, step->chain);
	return *ret && (*ret)->state == ENTRY_UNDER_WAY ? h : NULL;
}

static bool
is_probe(const struct hold *h, const struct parked_step *step)
{
	return h->state == HOLD_OPEN && h->probe.msg_id == step->msg_id &&
	       h->probe.chain == step->chain;
}

bool
holds_may_start(struct holds *hs, const struct parked_step *step)
{
	struct entry *en;
	struct hold *h = find_step(hs, step, &en);
	if (!h)
		return false;
	if (!hold_parks(h->state) || h->ended || en->expired)
		return true;
	if (is_probe(h, step))
		return true;
	entry_return(h, en);
	hold_wake(h);
	return false;
}

struct hold_rule
holds_rule(const struct holds *hs, const struct parked_step *step)
{
	struct entry *en;
	struct hold *h = find_step(hs, step, &en);
	struct hold_rule rule = { 0 };
	if (!h)
		return rule;
	rule.ordered = en->key;
	rule.blocks = en->key && h->blocks;
	rule.parks = h->state == HOLD_OPEN;
	rule.probe_in = hold_probe_wait(h);
	return rule;
}

static void
probe_failed(struct hold *h, usec_t retry_after)
{
	struct holds *hs = h->all;
	usec_t now = loop_now(hs->loop), disable_after = hs->config->disable_after * USEC_PER_MS;
	hold_probe_failed(h, retry_after);
	if (disable_after && h->failing_since && now - h->failing_since >= disable_after)
		hs->ev.failing(hs->ev.arg, h->app_id, h->endpoint_id);
}

void
holds_attempted(
    struct holds *hs, const struct parked_step *step, enum outcome outcome, usec_t retry_after)
{
	struct entry *en;
	struct hold *h = find_step(hs, step, &en);
	if (!h)
		return;
	bool delivered = outcome == OUTCOME_DELIVERED;
	if (h->state == HOLD_OPEN && delivered)
		hold_set_state(h, HOLD_DRAINING);
	else if (h->state != HOLD_OPEN)
		hold_pace(h, delivered);
	else if (is_probe(h, step) && outcome != OUTCOME_GONE)
		probe_failed(
		    h, retry_after); /* what was under way when it opened tells nothing new */
	hold_wake(h);
}

void
holds_recorded(struct holds *hs, const struct parked_step *step, struct wall next, bool held)
{
	struct entry *en;
	struct hold *h = find_step(hs, step, &en);
	if (!h)
		return;
	if (held && next.us && en->key) {
		en->seq = (int16_t)(step->seq + (step->seq < STEPS_MAX));
		en->tries = (int16_t)(step->tries + (step->tries < STEPS_MAX));
		entry_later(h, en, loop_now(hs->loop) + next.us - loop_wall(hs->loop).us);
	} else if (held) {
		entry_resolve(h, en);
	} else {
		entry_later(
		    h, en, loop_now(hs->loop) + 60 * USEC_PER_SEC); /* refused by the database */
	}
	hold_wake(h);
}

bool
holds_hint(struct holds *hs, int64_t endpoint_id)
{
	struct hold *h = hold_find(hs, endpoint_id);
	if (!h)
		return false;
	if (h->state != HOLD_PAUSED && h->loaded) {
		h->more = true;
		hold_wake(h);
	}
	return true;
}

/* ---- all of them -------------------------------------------------------------------------- */

bool
holds_busy(const struct holds *hs, int slot)
{
	const struct hold *h, *next;
	HASH_ITER(hh, hs->by_endpoint, h, next)
		if (h->slot == slot)
			return true;
	return false;
}

void
holds_stop(struct holds *hs)
{
	hs->stopped = true;
}

struct holds *
holds_new(struct loop *l, const struct config *c, struct catalogue *cat, struct pg_pool *load,
    const struct holds_events *ev)
{
	struct holds *hs = mem_zalloc(sizeof(*hs));
	uint64_t seed;
	rand_bytes(&seed, sizeof(seed));
	rand_seed(&hs->rand, seed);
	hs->loop = l;
	hs->config = c;
	hs->cat = cat;
	hs->load = load;
	hs->ev = *ev;
	hs->read_arena = arena_new();
	TAILQ_INIT(&hs->readers);
	TAILQ_INIT(&hs->takes);
	timer_init(&hs->read_again, l, hold_read_now, hs);
	timer_init(&hs->tick, l, on_tick, hs);
	return hs;
}

void
holds_free(struct holds *hs)
{
	struct hold *h, *next;
	struct take *t;
	if (!hs)
		return;
	hold_read_stop(hs);
	trips_free(hs);
	while ((t = TAILQ_FIRST(&hs->takes)))
		take_free(t);
	HASH_ITER(hh, hs->by_endpoint, h, next)
		hold_free(h);
	timer_done(&hs->read_again);
	timer_done(&hs->tick);
	arena_free(hs->read_arena);
	free(hs);
}
