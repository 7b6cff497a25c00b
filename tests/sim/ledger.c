/* What is owed, and what the commits do to it (ledger.h). */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

#include "ledger-internal.h"
#include "receiver.h"
#include "send/sender.h"
#include "sim_loop.h"
#include "trace.h"

/* Attempts of a chain at most: probes, 50 ms apart, for a schedule and for as long as clocks
 * differ. */
#define STEPS_MAX 1000

struct obligations owed;
static bool deferred;
static int64_t queued;
struct ledger_sums ledger_sums;
bool ledger_lenient;

void
ledger_reset(void)
{
	owed.n = 0;
	owed.touched = false;
	deferred = false;
	rate_reset();
}

/* ---- obligations -------------------------------------------------------------------------- */

struct obligation *
owed_find(const struct message_row *m, int64_t endpoint_id, int64_t chain)
{
	for (struct obligation *o = m ? m->owed : NULL; o; o = o->next)
		if (o->endpoint_id == endpoint_id && o->chain == chain)
			return o;
	return NULL;
}

static struct obligation *
find(int64_t app_id, int64_t msg_id, int64_t endpoint_id, int64_t chain)
{
	struct obligation *o = owed_find(message_find(app_id, msg_id, NULL), endpoint_id, chain);
	if (!o)
		violation("a row about a delivery that nobody owes: %lld to %lld, chain %lld",
		    (long long)msg_id, (long long)endpoint_id, (long long)chain);
	return o;
}

static struct obligation *
owe(struct message_row *m, int64_t endpoint_id, int64_t chain)
{
	struct obligation *o = arena_zalloc(db.arena, sizeof(*o));
	o->message = m;
	o->endpoint_id = endpoint_id;
	o->chain = chain;
	o->number = endpoint_find(endpoint_id)->number;
	o->epoch = db.slot[id_slot(m->id)].now.epoch;
	o->resolved = o->announced = o->parked = -1;
	o->epochs = owed_epochs();
	o->next = m->owed;
	m->owed = o;
	if (owed.n == owed.room) {
		owed.room = owed.room ? 2 * owed.room : 256;
		owed.list = mem_realloc(owed.list, sizeof(struct obligation *) * (size_t)owed.room);
	}
	o->open = owed.n;
	owed.list[owed.n++] = o;
	owed.touched = true;
	return o;
}

static void
resolve(struct obligation *o)
{
	if (o->open < 0)
		return;
	owed.list[o->open] = owed.list[--owed.n];
	owed.list[o->open]->open = o->open;
	o->open = -1;
}

int64_t
owed_epochs(void)
{
	int64_t sum = 0;
	for (int i = 0; i < SLOTS_COUNT; i++)
		sum += db.slot[i].now.epoch;
	return sum;
}

/* ---- commits ------------------------------------------------------------------------------ */

static bool
is_target(const struct message_row *m, int64_t endpoint_id)
{
	int64_t target;
	for (int i = 0; target_at(m->targets, i, &target) == 0; i++)
		if (target == endpoint_id)
			return true;
	return false;
}

static void
read_payload(struct message_row *m)
{
	char text[64];
	long long at;
	int n;
	snprintf(text, sizeof(text), "%.*s", STR_FMT(m->payload));
	/* NOLINTNEXTLINE(cert-err34-c): of our own producer; else there is no order to check */
	if (sscanf(text, "{\"n\":%d,\"key\":%d,\"at\":%lld}", &n, &m->order_key, &at) == 3)
		m->posted = at;
}

static struct regime
regime_of(const struct endpoint_row *e, const struct message_row *m)
{
	return (struct regime){ .orders = e->orders,
		.queued = e->ordered && (!e->by_key || m->order_key),
		.key = e->by_key ? m->order_key : 0 };
}

/* The targets are those of the catalogue's version. */
void
ledger_stored(struct message_row *m)
{
	const struct app_row *app = app_find(m->app_id);
	int n = 0;
	read_payload(m);
	for (int i = 0; i < app->endpoints; i++) {
		const struct endpoint_row *e = &db.endpoint[app->first_endpoint + i];
		if (e->disabled || e->deleted)
			continue;
		n++;
		m->regime[i] = regime_of(e, m);
		if (!is_target(m, e->id))
			violation("%lld is stored without r%d", (long long)m->id, e->number);
	}
	if (n != m->ntargets)
		violation("%lld is stored for an endpoint too many", (long long)m->id);
}

static void
on_message(struct message_row *m)
{
	int64_t target;
	ledger_sums.messages++;
	for (int i = 0; target_at(m->targets, i, &target) == 0; i++) {
		const struct endpoint_row *e = endpoint_find(target);
		struct obligation *o = owe(m, target, 0);
		o->regime = m->regime[e->number % ENDPOINTS_OF_APP];
	}
}

static void
on_attempt(const struct attempt_row *a)
{
	struct obligation *o = find(a->app_id, a->msg_id, a->endpoint_id, a->chain);
	ledger_sums.attempts++;
	owed.touched = true;
	if (a->seq > o->resolved)
		o->resolved = a->seq;
	if (a->tries > STEPS_MAX && !endpoint_find(a->endpoint_id)->blocks)
		violation("%lld was tried too often", (long long)a->msg_id);
	if (a->status != 0 && o->trigger != TRIGGER_RESEND)
		return;
	if (a->status == 0 && !o->accepted)
		violation(
		    "%lld counts as delivered to r%d and is not", (long long)a->msg_id, o->number);
	o->delivered = o->delivered || a->status == 0;
	o->tried = true;
	resolve(o);
}

/* What was asked for by hand is owed from the commit of its first row on. */
static struct obligation *
started(const struct retry *r)
{
	struct message_row *m = message_find(r->app_id, r->msg_id, NULL);
	struct obligation *o = owed_find(m, r->endpoint_id, r->chain);
	if (o || !m || r->chain == 0 || r->seq > 0 || r->trigger == TRIGGER_SCHEDULED)
		return o;
	o = owe(m, r->endpoint_id, r->chain);
	o->trigger = r->trigger;
	ledger_sums.by_hand++;
	return o;
}

static void
on_retry(const struct retry *r)
{
	struct obligation *o = started(r);
	if (!o)
		o = find(r->app_id, r->msg_id, r->endpoint_id, r->chain);
	owed.touched = true;
	if (r->chain == 0 && r->slot != id_slot(r->msg_id) && o->parked < 0)
		violation("a retry in the slot of another message");
	deferred = deferred || r->seq > r->tries;
	if (r->seq > o->announced || (r->seq == o->announced && r->due.us > o->due.us)) {
		o->announced = r->seq;
		o->due = r->due;
		o->retry_slot = r->slot;
	}
}

static void
on_parked(const struct parked_row *p)
{
	struct obligation *o = find(p->app_id, p->msg_id, p->endpoint_id, p->chain);
	owed.touched = true;
	if (p->seq > o->parked || (p->seq == o->parked && p->no > o->no)) {
		o->parked = p->seq;
		o->ordered = p->ordered;
		o->no = p->no;
		o->key = p->key;
		o->queued = ++queued;
	}
}

static void
on_dead(const struct dead_row *d)
{
	struct obligation *o = find(d->app_id, d->msg_id, d->endpoint_id, d->chain);
	const struct endpoint_row *e = endpoint_find(d->endpoint_id);
	ledger_sums.dead++;
	owed.touched = true;
	if (o->dead)
		violation("%lld has two dead letters", (long long)d->msg_id);
	if (receiver_was_well(o->number) && !e->touched && !ledger_lenient)
		violation("%lld to r%d, which is well, is a dead letter (%d)", (long long)d->msg_id,
		    o->number, d->reason);
	if (d->seq > o->resolved)
		o->resolved = d->seq;
	o->dead = true;
	resolve(o);
}

/* A dead letter is replayed once, and the chain that bears its number is owed. */
void
ledger_replayed(const struct dead_row *d)
{
	if (d->replayed > 1)
		violation("dead letter %lld is replayed twice", (long long)d->id);
	(void)find(d->app_id, d->msg_id, d->endpoint_id, d->id);
}

static void
on_key(const struct name_row *key)
{
	FOR_ROWS(other, name_row, TABLE_IDEMPOTENCY, NULL)
	if (other != key && other->app_id == key->app_id && str_eq(other->name, key->name))
		violation("an Idempotency-Key made two messages");
}

void
ledger_row(enum table_name name, struct row *row)
{
	switch (name) {
	case TABLE_MESSAGE:
		on_message((struct message_row *)row);
		break;
	case TABLE_ATTEMPT:
		on_attempt((struct attempt_row *)row);
		break;
	case TABLE_RETRY:
		on_retry((struct retry *)row);
		break;
	case TABLE_DEAD_LETTER:
		on_dead((struct dead_row *)row);
		break;
	case TABLE_PARKED:
		on_parked((struct parked_row *)row);
		break;
	case TABLE_IDEMPOTENCY:
		on_key((struct name_row *)row);
		break;
	default:
		break;
	}
}

void
ledger_slot(int slot, const struct slot_values *before)
{
	const struct slot_values *now = &db.slot[slot].now;
	owed.touched = true;
	if (now->epoch < before->epoch)
		violation("the epoch of slot %d has fallen", slot);
	if (now->epoch != before->epoch) {
		ledger_sums.takeovers += before->owner != 0 || before->dirty;
		if (before->owner && before->lease_until.us > sim_wall().us)
			violation("slot %d was taken under a lease", slot);
	}
	TRACE("db  slot %d: owner %llx, epoch %lld, low %lld, retry %lld%s", slot,
	    (unsigned long long)now->owner, (long long)now->epoch, (long long)now->low_water,
	    (long long)now->retry_low.us, now->dirty ? ", dirty" : "");
}

void
ledger_hold(int endpoint)
{
	const struct hold_values *h = &db.hold[endpoint].now;
	owed.touched = true;
	rules_check_hold(endpoint);
	TRACE("db  hold of r%d: slot %d, state %d, low %lld", endpoint, h->slot, h->state,
	    (long long)h->low_no);
}

void
ledger_claim(int slot, int64_t epoch)
{
	if (db.slot[slot].now.epoch != epoch)
		violation("something was committed under epoch %lld of slot %d, which is %lld now",
		    (long long)epoch, slot, (long long)db.slot[slot].now.epoch);
}

/* ---- the other parts ---------------------------------------------------------------------- */

void
ledger_acknowledged(int64_t app_id, int64_t msg_id)
{
	struct message_row *m = message_find(app_id, msg_id, NULL);
	TRACE("ack %lld", (long long)msg_id);
	if (!m)
		violation("%lld was acknowledged and is not stored", (long long)msg_id);
	if (!m->acknowledged)
		m->acknowledged = agenda_now();
}

void
ledger_promised(int64_t app_id, int64_t msg_id, int64_t endpoint_id, int64_t chain)
{
	TRACE("ack chain %lld of %lld", (long long)chain, (long long)msg_id);
	(void)find(app_id, msg_id, endpoint_id, chain);
}

void
ledger_may_send(const struct request *rq, int slot, int64_t epoch)
{
	if (db.slot[slot].now.epoch != epoch)
		violation("%lld is sent to r%d for slot %d in epoch %lld, which is over",
		    (long long)rq->msg_id, rq->number, slot, (long long)epoch);
}

void
ledger_sent(const struct request *rq, bool accepted)
{
	ledger_sums.sent++;
	rate_check(rq->number);
	FOR_ROWS(m, message_row, TABLE_MESSAGE, NULL)
	{
		if (m->id != rq->msg_id)
			continue;
		struct obligation *o = m->owed;
		while (o && (o->number != rq->number || o->chain != rq->chain))
			o = o->next;
		if (!o)
			violation("%lld was sent to r%d, which is no target", (long long)rq->msg_id,
			    rq->number);
		if (!str_eq(m->payload, rq->body))
			violation("%lld was sent with other bytes", (long long)rq->msg_id);
		rules_check_order(o);
		o->accepted += accepted;
		ledger_sums.repeated += accepted && o->accepted > 1;
		return;
	}
	violation("%lld was sent and is not stored", (long long)rq->msg_id);
}

int
ledger_open(void)
{
	return owed.n;
}

bool
ledger_deferred(void)
{
	return deferred;
}

void
ledger_tell(void)
{
	for (int i = 0; i < owed.n; i++) {
		const struct obligation *o = owed.list[i];
		TRACE("open %lld to r%d, chain %lld: step %d resolved, %d announced for %lld, %d "
		      "parked",
		    (long long)o->message->id, o->number, (long long)o->chain, o->resolved,
		    o->announced, (long long)o->due.us, o->parked);
	}
}
