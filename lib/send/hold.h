/* Holds: endpoints whose deliveries wait in the table `parked`, and this worker as their keeper.
 *
 *              trips ┌────────────── fails on ──┐
 *   CLOSED ──────────┴─> OPEN ── probe works ─> DRAINING ── nothing left ─> CLOSED
 *     └── paused by hand ─> PAUSED ── resumed ────^
 *
 * While a hold is open or paused, every worker parks the endpoint's deliveries (lane_parks): one
 * narrow row each, and no attempt. The owner of the hold's slot is the keeper. It lets one probe
 * out at growing intervals; when one works, it drains what is parked, oldest first and slowly at
 * the beginning, while new events go their usual way. An ordered endpoint has a hold always: its
 * events are parked by the append that stores them, and the keeper lets one of a key out at a time.
 *
 * The table is the truth (parked_load.sql): an entry here is a row that nothing resolves yet. Holds
 * follow their slot to whoever adopts it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rand.h"

#include "config/config.h"
#include "loop/loop.h"
#include "pg/pg.h"
#include "send/lane.h"
#include "send/outcome.h"
#include "store/catalogue.h"

struct holds; /* opaque */

/* A step that was parked, to be started. */
struct parked_step {
	int64_t app_id, endpoint_id, msg_id, chain;
	int16_t seq, tries, trigger;
	int16_t slot; /* under which it is recorded */
	int64_t epoch;
	bool expired; /* parked for longer than hold_max: to be given up */
};

/* What the keeper is told by, and tells. On the loop's stack, never from inside holds_new. */
struct holds_events {
	void *arg;
	/* The step's turn may come: into its lane with it. */
	void (*deliver)(void *arg, const struct parked_step *step);
	void (*gate)(void *arg, int64_t endpoint_id, enum lane_gate gate);
	void (*app_changed)(void *arg, int64_t app_id, int64_t version);
	/* Nothing has succeeded for so long that the endpoint is to be disabled. */
	void (*failing)(void *arg, int64_t app_id, int64_t endpoint_id);
};

struct holds *holds_new(struct loop *l, const struct config *c, struct catalogue *cat,
    struct pg_pool *load, const struct holds_events *ev);
void holds_free(struct holds *hs);

/* A slot was adopted: its holds become those of the home slot (which may be the same). */
void holds_take(struct holds *hs, int slot, int64_t epoch, int home, int64_t home_epoch);
/* A slot is lost or released: its holds are forgotten here. */
void holds_drop(struct holds *hs, int slot);
/* The hold of that endpoint, kept under a slot of this worker, may have changed with that version
 * of its application (0: read it again in any case). */
void holds_news(struct holds *hs, int64_t app_id, int64_t endpoint_id, int64_t version, int slot,
    int64_t epoch);
/* The catalogue has a new snapshot. */
void holds_update(struct holds *hs, const struct cat_app *app);

/* An endpoint's breaker has tripped here: its hold opens, under that home slot. Its lane waits. */
void holds_trip(struct holds *hs, int64_t app_id, int64_t endpoint_id, int slot, int64_t epoch,
    usec_t failing_for);
/* More waits for that endpoint than there is memory for: from now on what is over is to be parked
 * (the catalogue will say that its hold drains), and is drained as the lane takes it. */
void holds_overflow(struct holds *hs, int64_t app_id, int64_t endpoint_id, int slot, int64_t epoch);
/* This worker has parked something for that endpoint. Whether its hold is kept here. */
bool holds_hint(struct holds *hs, int64_t endpoint_id);

/* The step's turn has come: whether it may be attempted. If not, it is forgotten by the caller and
 * let out again when it may be. */
bool holds_may_start(struct holds *hs, const struct parked_step *step);
/* What the step's failure leads to (outcome.h). */
struct hold_rule holds_rule(const struct holds *hs, const struct parked_step *step);
/* The step was attempted: the hold may move on. */
void holds_attempted(
    struct holds *hs, const struct parked_step *step, enum outcome outcome, usec_t retry_after);
/* What followed is committed: the row is resolved, or its next attempt is due then. Or it is not
 * committed (its slot is lost). */
void holds_recorded(struct holds *hs, const struct parked_step *step, struct wall next, bool held);

/* Whether steps of the slot are under way or parked there. */
bool holds_busy(const struct holds *hs, int slot);
/* Nothing is let out any more. */
void holds_stop(struct holds *hs);
