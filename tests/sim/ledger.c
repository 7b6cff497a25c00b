/* The ledger (ledger.h). */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

#include "receiver.h"
#include "sim_loop.h"
#include "trace.h"

#define STEPS_MAX 64 /* attempts of a chain at most: far above any plan's schedule */

struct obligation {
	struct message_row *message;
	int64_t endpoint_id;
	int number;      /* of the receiver */
	int64_t epoch;   /* of the slot when it was stored */
	int resolved;    /* the highest step that is, or -1 */
	int announced;   /* the highest step of a retry row, or -1 */
	struct wall due; /* its */
	int retry_slot;
	int parked;      /* the highest step of a parked row, or -1 */
	bool ordered;    /* it keeps its row until it succeeds or is given up */
	int64_t no, key; /* its */
	int64_t queued;  /* when it was committed: counts up */
	int64_t epochs;  /* of all slots, when it was stored */
	bool delivered, dead;
	int accepted; /* requests that the receiver took */
	int open;     /* its place in the list; -1: resolved */
};

static struct obligation **list; /* the open ones */
static int nopen, room;
static bool touched;
static bool deferred;
static int64_t queued;
struct ledger_sums ledger_sums;
bool ledger_lenient;

void
ledger_reset(void)
{
	nopen = 0;
	touched = false;
	deferred = false;
}

static struct obligation *
owed(int64_t app_id, int64_t msg_id, int64_t endpoint_id)
{
	const struct message_row *m = message_find(app_id, msg_id, NULL);
	for (int i = 0; m && i < m->ntargets; i++)
		if (m->owed[i].endpoint_id == endpoint_id)
			return &m->owed[i];
	violation("a row about a delivery that nobody owes: %lld to %lld", (long long)msg_id,
	    (long long)endpoint_id);
}

static void
resolve(struct obligation *o)
{
	if (o->open < 0)
		return;
	list[o->open] = list[--nopen];
	list[o->open]->open = o->open;
	o->open = -1;
}

static int64_t
epochs(void)
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

/* The targets are those of the catalogue's version. */
void
ledger_stored(const struct message_row *m)
{
	const struct app_row *app = app_find(m->app_id);
	int n = 0;
	for (int i = 0; i < app->endpoints; i++) {
		const struct endpoint_row *e = &db.endpoint[app->first_endpoint + i];
		if (e->disabled || e->deleted)
			continue;
		n++;
		if (!is_target(m, e->id))
			violation("%lld is stored without r%d", (long long)m->id, e->number);
	}
	if (n != m->ntargets)
		violation("%lld is stored for an endpoint too many", (long long)m->id);
}

static void
on_message(struct message_row *m)
{
	int slot = id_slot(m->id);
	ledger_sums.messages++;
	touched = true;
	m->owed = arena_zalloc(db.arena, sizeof(*m->owed) * (size_t)(m->ntargets + 1));
	for (int i = 0; i < m->ntargets; i++) {
		struct obligation *o = &m->owed[i];
		o->message = m;
		(void)target_at(m->targets, i, &o->endpoint_id);
		o->number = endpoint_find(o->endpoint_id)->number;
		o->epoch = db.slot[slot].now.epoch;
		o->resolved = o->announced = o->parked = -1;
		o->epochs = epochs();
		if (nopen == room) {
			room = room ? 2 * room : 256;
			list = mem_realloc(list, sizeof(struct obligation *) * (size_t)room);
		}
		o->open = nopen;
		list[nopen++] = o;
	}
}

static void
on_attempt(const struct attempt_row *a)
{
	struct obligation *o = owed(a->app_id, a->msg_id, a->endpoint_id);
	ledger_sums.attempts++;
	if (a->chain != 0)
		return;
	touched = true;
	if (a->seq > o->resolved)
		o->resolved = a->seq;
	if (a->tries > STEPS_MAX && !endpoint_find(a->endpoint_id)->blocks)
		violation("%lld was tried too often", (long long)a->msg_id);
	if (a->status != 0)
		return;
	if (!o->accepted)
		violation(
		    "%lld counts as delivered to r%d and is not", (long long)a->msg_id, o->number);
	o->delivered = true;
	resolve(o);
}

static void
on_retry(const struct retry *r)
{
	struct obligation *o = owed(r->app_id, r->msg_id, r->endpoint_id);
	if (r->chain != 0)
		return;
	touched = true;
	if (r->slot != id_slot(r->msg_id) && o->parked < 0)
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
	struct obligation *o = owed(p->app_id, p->msg_id, p->endpoint_id);
	if (p->chain != 0)
		return;
	touched = true;
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
	struct obligation *o = owed(d->app_id, d->msg_id, d->endpoint_id);
	const struct endpoint_row *e = endpoint_find(d->endpoint_id);
	ledger_sums.dead++;
	if (d->chain != 0)
		return;
	touched = true;
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
	touched = true;
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
	touched = true;
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

/* ---- judging ------------------------------------------------------------------------------ */

static bool
somebody_looks(int slot)
{
	return db.slot[slot].now.owner || db.slot[slot].now.dirty;
}

static const char *
lost_parked(const struct obligation *o)
{
	const struct hold_values *h = &db.hold[o->number].now;
	if (!h->exists || (!h->state && !h->ordered))
		return "it is parked and its hold is closed";
	if (!somebody_looks(h->slot))
		return "it is parked and the slot of its hold is free";
	return o->no > h->low_no ? NULL : "it is parked below the mark";
}

/* Why nobody would find it; NULL: somebody would. */
static const char *
lost(const struct obligation *o)
{
	int slot = id_slot(o->message->id);
	bool is_parked = o->parked > o->resolved || (o->parked >= 0 && o->ordered);
	if (is_parked && o->parked >= o->announced)
		return lost_parked(o);
	bool is_announced = o->announced > o->resolved;
	if (is_announced)
		slot = o->retry_slot; /* the keeper's, when it was parked */
	if (!somebody_looks(slot))
		return "its slot is free";
	if (is_announced)
		return o->due.us >= db.slot[slot].now.retry_low.us ? NULL
								   : "its retry is below the mark";
	if (o->resolved < 0)
		return o->message->id > db.slot[slot].now.low_water
			   ? NULL
			   : "it is below the low-water mark";
	return "its step is resolved and nothing follows";
}

void
ledger_judge(void)
{
	if (!touched)
		return;
	touched = false;
	for (int i = 0; i < nopen; i++) {
		const struct obligation *o = list[i];
		const char *why = lost(o);
		if (why)
			violation(
			    "%lld to r%d would be lost: %s (step %d resolved, %d announced, %d "
			    "parked)",
			    (long long)o->message->id, o->number, why, o->resolved, o->announced,
			    o->parked);
	}
}

/* ---- the other parts ---------------------------------------------------------------------- */

void
ledger_acknowledged(int64_t app_id, int64_t msg_id)
{
	struct message_row *m = message_find(app_id, msg_id, NULL);
	TRACE("ack %lld", (long long)msg_id);
	if (!m)
		violation("%lld was acknowledged and is not stored", (long long)msg_id);
	m->acknowledged = true;
}

/* Of what has its order only the oldest is under way: all before it are resolved. (Of two that were
 * stored at the same time, the one that was seen first may go first.) */
static void
check_order(const struct obligation *o)
{
	for (int i = 0; o->ordered && i < nopen; i++)
		if (list[i]->ordered && list[i]->number == o->number && list[i]->key == o->key &&
		    list[i]->no < o->no && list[i]->queued < o->queued)
			violation("%lld goes to r%d before %lld", (long long)o->message->id,
			    o->number, (long long)list[i]->message->id);
}

void
ledger_sent(int number, int64_t msg_id, struct str body, bool accepted)
{
	ledger_sums.sent++;
	FOR_ROWS(m, message_row, TABLE_MESSAGE, NULL)
	{
		if (m->id != msg_id)
			continue;
		for (int i = 0; i < m->ntargets; i++) {
			if (m->owed[i].number != number)
				continue;
			if (!str_eq(m->payload, body))
				violation("%lld was sent with other bytes", (long long)msg_id);
			check_order(&m->owed[i]);
			m->owed[i].accepted += accepted;
			ledger_sums.repeated += accepted && m->owed[i].accepted > 1;
			return;
		}
		violation("%lld was sent to r%d, which is no target", (long long)msg_id, number);
	}
	violation("%lld was sent and is not stored", (long long)msg_id);
}

int
ledger_open(void)
{
	return nopen;
}

bool
ledger_deferred(void)
{
	return deferred;
}

void
ledger_tell(void)
{
	for (int i = 0; i < nopen; i++)
		TRACE("open %lld to r%d: step %d resolved, %d announced for %lld",
		    (long long)list[i]->message->id, list[i]->number, list[i]->resolved,
		    list[i]->announced, (long long)list[i]->due.us);
}

/* A delivery is repeated at most once by each change of owner: of its slot, or when it was parked
 * of any, since holds move. */
static void
close_one(const struct obligation *o, bool calm)
{
	int64_t id = o->message->id;
	int64_t excused = db.slot[id_slot(id)].now.epoch - o->epoch;
	if (o->parked >= 0)
		excused = epochs() - o->epochs;
	if (calm)
		excused = 0;
	if (!o->delivered && !o->dead)
		violation("%lld to r%d: no end", (long long)id, o->number);
	if (o->accepted > 1 + excused)
		violation("r%d took %lld %d times, in %d takeovers", o->number, (long long)id,
		    o->accepted, (int)excused);
}

void
ledger_close(bool calm)
{
	if (nopen)
		violation("%d deliveries are still owed", nopen);
	FOR_ROWS(m, message_row, TABLE_MESSAGE, NULL)
	for (int i = 0; i < m->ntargets; i++)
		close_one(&m->owed[i], calm);
}
