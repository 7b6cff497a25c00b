/* What a hold does next.
 *
 * hold_step looks at what there is and does it; everything that happens to a hold ends in
 * hold_wake. The state changes in memory first, by hold_set_state, and is then written until the
 * row has it or turns out to be another one. */
#include "base/id.h"
#include "base/log.h"
#include "base/metric.h"

#include "send/hold-internal.h"

#define UNDER_WAY_MAX 512  /* of one hold that drains: the lane's window decides on the rest */
#define HEADS_MAX     256  /* of an ordered one */
#define DRAIN_START   10.0 /* a second, doubled each second that nothing fails */
#define FACTOR_UP                                                                                  \
	1.5 /* a receiver that fails every other time is still drained faster and faster */
#define FACTOR_DOWN   0.7
#define FACTOR_MIN    0.01
#define MAX_PACE      1e6 /* the lane's window is the limit */
#define DRAIN_BURST   (20 * USEC_PER_MS)
#define POLL          (50 * USEC_PER_MS) /* an ordered endpoint to which something came lately … */
#define POLL_IDLE     (250 * USEC_PER_MS)
#define POLL_ACTIVE   (5 * USEC_PER_SEC)
#define CLOSE_AGAIN   USEC_PER_SEC
#define STORE_AGAIN   (500 * USEC_PER_MS)
#define STORE_MARKS   (30 * USEC_PER_SEC) /* marks that have moved on are written so often … */
#define LOOK_FIRST    (60 * USEC_PER_SEC)
#define STORE_IDLE    (3600 * USEC_PER_SEC) /* … and others, else they keep partitions for ever */
#define ORDERED_DRAIN (30 * USEC_PER_SEC)   /* an ordered one keeps its slow start so long */
#define PROBE_DOUBLES 20
#define EXPIRE_EVERY  (3600 * USEC_PER_SEC)

static usec_t
now_of(const struct hold *h)
{
	return loop_now(h->all->loop);
}

void
hold_wake(struct hold *h)
{
	timer_set(&h->timer, 0);
}

static void
wake_at(usec_t *soonest, usec_t at)
{
	if (at && (*soonest == 0 || at < *soonest))
		*soonest = at;
}

/* ---- its state ---------------------------------------------------------------------------- */

usec_t
hold_probe_wait(struct hold *h)
{
	const struct config *c = h->all->config;
	int64_t ms = c->probe_min;
	for (int i = 0; i < h->probes && i < PROBE_DOUBLES && ms < c->probe_max; i++)
		ms *= 2;
	if (ms > c->probe_max)
		ms = c->probe_max;
	return ms * USEC_PER_MS * rand_between(&h->all->rand, 80, 120) / 100;
}

void
hold_pace(struct hold *h, bool delivered)
{
	h->drain_factor *= delivered ? FACTOR_UP : FACTOR_DOWN;
	if (h->drain_factor > 1)
		h->drain_factor = 1;
	if (h->drain_factor < FACTOR_MIN)
		h->drain_factor = FACTOR_MIN;
}

static void
log_state(const struct hold *h)
{
	static const char *const names[] = { "closed", "open", "draining", "paused" };
	char app[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
	LOG_INFO(HOLD_STATE, KV("app", id_to_text(ID_APP, h->app_id, app)),
	    KV("endpoint", id_to_text(ID_ENDPOINT, h->endpoint_id, endpoint)),
	    KV("state", names[h->state]), KV("probes", h->probes));
}

void
hold_set_state(struct hold *h, enum hold_state state)
{
	if (h->state == state)
		return;
	h->state = state;
	h->dirty = true;
	h->overflow = false;
	if (state == HOLD_OPEN) {
		h->probes = 0;
		h->probe_at = now_of(h) + hold_probe_wait(h);
		h->probe = (struct entry_id){ 0 };
	} else if (state == HOLD_DRAINING) {
		h->failing_since = 0;
		h->drain_since = now_of(h);
		h->drain_factor = 1;
		h->more = true; /* what was parked since the last look */
		h->next_start = h->close_at = 0;
	}
	log_state(h);
}

void
hold_probe_failed(struct hold *h, usec_t retry_after)
{
	usec_t wait;
	h->probes++;
	wait = hold_probe_wait(h);
	h->probe_at = now_of(h) + (retry_after > wait ? retry_after : wait);
	h->dirty = true;
}

void
hold_load(struct hold *h, const struct hold_row *row)
{
	usec_t now = now_of(h);
	bool changed = h->state != row->state, overflow = h->overflow;
	if (changed)
		hold_set_state(h, row->state);
	h->overflow = overflow && row->state == HOLD_DRAINING;
	h->stored = row->state;
	h->row_ordered = row->ordered;
	h->dirty = false;
	h->failing_since = row->failing ? now - row->failing_for : 0;
	h->probes = row->probes;
	h->probe_at = now + row->probe_in;
	if (changed && row->state != HOLD_OPEN)
		h->all->ev.gate(h->all->ev.arg, h->endpoint_id, LANE_GO);
}

/* ---- its row ------------------------------------------------------------------------------ */

static void
on_written(void *arg, const struct pg_result *r, const struct err *e)
{
	struct hold *h = arg;
	struct holds *hs = h->all;
	h->ticket = NULL;
	h->stored_at = now_of(h);
	if (e) {
		h->dirty = true;
		h->store_after = h->stored_at + STORE_AGAIN;
	} else if (pg_rows(r->res[1]) == 0) {
		hold_reload(h);
		return;
	} else {
		int64_t version = pg_int(r->res[1], 0, 1);
		h->stored = h->writing;
		if (version) {
			h->version = version;
			hs->ev.app_changed(hs->ev.arg, h->app_id, version);
			trip_stored(hs, h->endpoint_id, version);
		}
	}
	hold_wake(h);
}

static void
on_closed(void *arg, const struct pg_result *r, const struct err *e)
{
	struct hold *h = arg;
	struct holds *hs = h->all;
	h->ticket = NULL;
	h->close_at = now_of(h) + CLOSE_AGAIN;
	if (e) {
		h->loaded = false; /* it may be closed, and another one's by now */
		hold_reload(h);
		return;
	}
	if (pg_rows(r->res[2]) == 0) {
		h->more = true; /* somebody has parked something, or changed the row */
		hold_reload(h);
		return;
	}
	bool still = h->state == HOLD_DRAINING; /* the breaker has not tripped meanwhile */
	h->version = pg_int(r->res[2], 0, 0);
	h->row_ordered = pg_bool(r->res[2], 0, 1);
	h->stored = HOLD_CLOSED;
	if (still) {
		hold_set_state(h, HOLD_CLOSED);
		h->dirty = false;
	}
	hs->ev.app_changed(hs->ev.arg, h->app_id, h->version);
	hold_wake(h);
}

/* Writes what has changed, and from time to time how far it has come. */
static void
store_step(struct hold *h, usec_t *soonest)
{
	usec_t now = now_of(h);
	if (h->ticket)
		return;
	usec_t at = h->stored_at + (h->active_at > h->stored_at ? STORE_MARKS : STORE_IDLE);
	if (h->dirty)
		at = h->state != h->stored ? now : h->stored_at + STORE_AGAIN;
	if (at < h->store_after)
		at = h->store_after;
	if (now < at) {
		wake_at(soonest, at);
		return;
	}
	if (!h->dirty && h->entries.n == 0 && now - h->read_at > LOOK_FIRST) {
		hold_want_read(h); /* whether that is all */
		return;
	}
	h->dirty = false;
	h->writing = h->state;
	hold_write(h, on_written);
}

/* ---- what is let out ---------------------------------------------------------------------- */

static void
let_out(struct hold *h, struct entry *en)
{
	const struct parked_step step = {
		.app_id = h->app_id,
		.endpoint_id = h->endpoint_id,
		.msg_id = en->id.msg_id,
		.chain = en->id.chain,
		.seq = en->seq,
		.tries = en->tries,
		.trigger = en->trigger,
		.slot = h->slot,
		.epoch = h->epoch,
		.expired = en->expired,
	};
	entry_start(h, en);
	h->all->ev.deliver(h->all->ev.arg, &step);
}

static bool
all_read(const struct hold *h)
{
	return !h->sweeping && !h->more && !h->reading && !h->wants_read && h->read_at;
}

static void
read_on(struct hold *h, usec_t *soonest)
{
	usec_t now = now_of(h);
	if (!all_read(h)) {
		hold_want_read(h);
	} else if (h->ordered) {
		usec_t at = h->read_at + (now - h->active_at < POLL_ACTIVE ? POLL : POLL_IDLE);
		if (now >= at)
			hold_want_read(h);
		else
			wake_at(soonest, at);
	}
}

/* Gives up what has waited for too long. */
static void
expire_step(struct hold *h, usec_t *soonest)
{
	usec_t now = now_of(h), most = h->all->config->hold_max * USEC_PER_MS;
	struct wall oldest = { loop_wall(h->all->loop).us - most };
	struct entry *en = NULL;
	while (h->entries.under_way < UNDER_WAY_MAX && (en = entries_ready(h)) &&
	       en->at.us < oldest.us) {
		en->expired = true;
		let_out(h, en);
	}
	bool more = h->sweeping && !en && h->entries.n - h->entries.under_way < HOLD_PAGE / 2;
	if (more || now >= h->expire_at)
		hold_want_read(h);
	if (now >= h->expire_at)
		h->expire_at = now + (most / 10 < EXPIRE_EVERY ? most / 10 : EXPIRE_EVERY);
	wake_at(soonest, h->expire_at);
}

static void
probe_step(struct hold *h, usec_t *soonest)
{
	usec_t now = now_of(h);
	if (h->entries.under_way > 0)
		return;
	if (now < h->probe_at) {
		wake_at(soonest, h->probe_at);
		return;
	}
	struct entry *en = entries_probe(h);
	usec_t look_at =
	    h->read_at + hold_probe_wait(h); /* ahead, else we would be busy till then */
	if (en) {
		h->probe = en->id;
		metric_add(METRIC_PROBES, 1);
		let_out(h, en);
	} else if (!all_read(h) || now >= look_at) {
		hold_want_read(h);
	} else {
		wake_at(soonest, look_at);
	}
}

/* Deliveries a second. Failures tell late in a drain, too. */
static double
drain_pace(const struct hold *h)
{
	double seconds = (double)(now_of(h) - h->drain_since) / (double)USEC_PER_SEC;
	double most = (double)h->all->config->drain_rate, pace = DRAIN_START;
	if (h->overflow)
		return MAX_PACE;
	for (int i = 0; i < (int)seconds && pace < most; i++)
		pace *= 2;
	return (pace < most ? pace : most) * h->drain_factor;
}

static void
drain_step(struct hold *h, usec_t *soonest)
{
	usec_t now = now_of(h), gap = (usec_t)((double)USEC_PER_SEC / drain_pace(h));
	struct entry *en;
	if (h->next_start < now - DRAIN_BURST)
		h->next_start = now - DRAIN_BURST;
	while (h->entries.under_way < UNDER_WAY_MAX && (en = entries_ready(h))) {
		if (!h->ended && h->next_start > now) {
			wake_at(soonest, h->next_start);
			break;
		}
		h->next_start += gap;
		let_out(h, en);
	}
	if (h->entries.n - h->entries.under_way < HOLD_PAGE / 2)
		read_on(h, soonest);
	wake_at(soonest, entries_next_due(h));
}

/* Whether nothing is left but what has its order. */
static bool
drained(const struct hold *h)
{
	if (!all_read(h) || h->read_at <= h->drain_since || h->entries.unordered > 0)
		return false;
	return h->entries.n == 0 || (h->ordered && now_of(h) > h->drain_since + ORDERED_DRAIN);
}

static void
close_step(struct hold *h, usec_t *soonest)
{
	if (h->ticket || h->dirty || !drained(h))
		return;
	if (now_of(h) < h->close_at) {
		wake_at(soonest, h->close_at);
		return;
	}
	hold_write_closed(h, on_closed);
}

static void
order_step(struct hold *h, usec_t *soonest)
{
	struct entry *en;
	while (h->entries.under_way < HEADS_MAX && (en = entries_ready(h)))
		let_out(h, en);
	read_on(h, soonest);
	wake_at(soonest, entries_next_due(h));
}

/* ---- the step ----------------------------------------------------------------------------- */

static void
state_step(struct hold *h, usec_t *soonest)
{
	switch (h->state) {
	case HOLD_PAUSED:
		expire_step(h, soonest);
		break;
	case HOLD_OPEN:
		expire_step(h, soonest);
		probe_step(h, soonest);
		break;
	case HOLD_DRAINING:
		drain_step(h, soonest);
		close_step(h, soonest);
		break;
	case HOLD_CLOSED:
		order_step(h, soonest);
		break;
	}
}

void
hold_step(struct hold *h)
{
	usec_t soonest = 0, now = now_of(h);
	if (h->all->stopped || !h->known || !h->loaded)
		return;
	/* Nobody will answer a probe of a deleted or disabled endpoint: what is parked ends. */
	bool left = h->state == HOLD_PAUSED || (h->state == HOLD_CLOSED && h->row_ordered);
	if ((h->ended && h->state == HOLD_OPEN) || (h->deleted && left))
		hold_set_state(h, HOLD_DRAINING);
	bool ordered = h->ordered || h->row_ordered; /* one of them may be old */
	if (h->state == HOLD_CLOSED && !ordered && !h->ticket && h->entries.under_way == 0) {
		hold_free(h);
		return;
	}
	state_step(h, &soonest);
	store_step(h, &soonest);
	if (soonest)
		timer_set(&h->timer, soonest > now ? soonest - now : 0);
}
