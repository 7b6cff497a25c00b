/* Where deliveries come from: events that were accepted, retries that are due, messages that an
 * adopted slot left, and replays. All of them go to the lanes. */
#include <assert.h>

#include "send/sender-internal.h"

static void
add(struct sender *s, struct delivery *d)
{
	if (!lanes_add(s->lanes, d))
		sender_put_off(s, d);
}

void
sender_expect(struct sender *s, struct message *m, int targets)
{
	m->unresolved = targets;
	slots_expect(s->slots, m);
}

void
sender_forget(struct sender *s, struct message *m)
{
	slots_resolved(s->slots, m);
}

void
sender_deliver(struct sender *s, struct message *m, const int64_t *endpoint_ids, int n)
{
	int slot = id_slot(m->id);
	int64_t epoch = slots_epoch(s->slots, slot);
	if (n == 0 || epoch < 0) {
		slots_resolved(s->slots, m);
		return;
	}
	assert(m->unresolved == n);
	for (int i = 0; i < n; i++)
		add(s, delivery_new(m, endpoint_ids[i], slot, epoch));
	defer_schedule(&s->pump);
}

void
sender_deliver_at(
    struct sender *s, struct message *m, const int64_t *endpoint_ids, int n, struct wall due)
{
	struct retry_row row = { .due = due,
		.slot = (int16_t)id_slot(m->id),
		.trigger = TRIGGER_SCHEDULED,
		.app_id = m->app_id,
		.msg_id = m->id };
	bool mine = slots_epoch(s->slots, row.slot) >= 0; /* else the adopter finds the rows */
	for (int i = 0; mine && i < n; i++) {
		row.endpoint_id = endpoint_ids[i];
		retries_add(s->retries, &row);
	}
	slots_resolved(s->slots, m);
}

void
sender_on_retry_due(void *arg, const struct retry_row *row)
{
	struct sender *s = arg;
	int64_t epoch = slots_epoch(s->slots, row->slot);
	if (epoch < 0)
		return;
	struct message *m = message_new(row->app_id, row->msg_id, STR(""), NULL, 0);
	struct delivery *d = delivery_new(m, row->endpoint_id, row->slot, epoch);
	message_unref(m);
	d->announced = true;
	d->chain = row->chain;
	d->seq = row->seq;
	d->tries = row->tries;
	d->trigger = (enum trigger)row->trigger;
	add(s, d);
	defer_schedule(&s->pump);
}

void
sender_on_unpark(void *arg, const struct parked_step *step)
{
	struct sender *s = arg;
	struct message *m = message_new(step->app_id, step->msg_id, STR(""), NULL, 0);
	struct delivery *d = delivery_new(m, step->endpoint_id, step->slot, step->epoch);
	message_unref(m);
	d->parked = true;
	d->expired = step->expired;
	d->chain = step->chain;
	d->seq = step->seq;
	d->tries = step->tries;
	d->trigger = (enum trigger)step->trigger;
	add(s, d);
	defer_schedule(&s->pump);
}

void
sender_queued(struct sender *s, int64_t app_id, int64_t endpoint_id)
{
	if (holds_hint(s->holds, endpoint_id))
		return;
	/* A new one may be ours since just now; the beat would tell within a second. */
	int home = slots_home_id(s->slots);
	const struct cat_app *app = catalogue_find_id(s->cat, app_id);
	const struct cat_endpoint *endpoint = app ? cat_endpoint_get(app, endpoint_id) : NULL;
	if (endpoint && endpoint->held && endpoint->hold_slot == home)
		holds_news(
		    s->holds, app_id, endpoint_id, app->version, home, slots_epoch(s->slots, home));
}

void
sender_on_recovered(void *arg, const struct recovered *r)
{
	struct sender *s = arg;
	struct message *m = message_new(r->app_id, r->id, r->event_type, NULL, 0);
	sender_expect(s, m, r->n);
	for (int i = 0; i < r->n; i++)
		add(s, delivery_new(m, r->endpoint_ids[i], r->slot, r->epoch));
	defer_schedule(&s->pump);
	message_unref(m);
}

void
sender_replay(struct sender *s, struct wall due, int64_t app_id, int64_t msg_id,
    int64_t endpoint_id, int64_t chain, enum trigger trigger)
{
	int slot = slots_home_id(s->slots);
	if (slot < 0)
		return; /* whoever adopts the slot finds the row */
	struct retry_row row = {
		.due = due,
		.slot = (int16_t)slot,
		.trigger = (int16_t)trigger,
		.app_id = app_id,
		.msg_id = msg_id,
		.endpoint_id = endpoint_id,
		.chain = chain,
	};
	retries_add(s->retries, &row);
}

void
sender_replay_doubt(struct sender *s, struct wall due)
{
	int slot = slots_home_id(s->slots);
	if (slot >= 0)
		retries_doubt(s->retries, slot, due);
}
