/* Statements about deliveries that are started by hand: resend.sql, dead_letter_replay.sql. */
#include "model.h"
#include "send/sender.h"
#include "wire.h"

/* The first step of a chain. */
struct chain {
	int64_t slot;
	struct wall due;
	int trigger;
	int64_t app_id, msg_id, endpoint_id, chain;
};

static void
plan(const struct call *c, const struct chain *x)
{
	struct retry *r = table_insert(TABLE_RETRY, sizeof(*r), c->txn);
	r->due = model_due(x->due, x->slot);
	r->slot = (int)x->slot;
	r->trigger = x->trigger;
	r->app_id = x->app_id;
	r->msg_id = x->msg_id;
	r->endpoint_id = x->endpoint_id;
	r->chain = x->chain;
}

/* Whether the slot is held as the caller says. */
static bool
held(const struct call *c, int64_t slot, int64_t epoch)
{
	return db.slot[slot].now.owner && model_owns(c, slot, epoch);
}

/* Everything is referred to by its id. */
enum ran
model_resend(const struct call *c, PGresult **ret)
{
	const struct chain x = { value_int(c->arg[7]), value_time(c->arg[9]), TRIGGER_RESEND,
		value_int(c->arg[1]), value_int(c->arg[3]), value_int(c->arg[5]),
		value_int(c->arg[10]) };
	const struct app_row *app = app_find(x.app_id);
	const struct endpoint_row *e = endpoint_find(x.endpoint_id);
	*ret = answer_new(6);
	if (!app || app->deleted || !e || e->deleted || !message_find(x.app_id, x.msg_id, c->txn))
		return RAN;
	bool planned = !e->disabled && held(c, x.slot, value_int(c->arg[8]));
	if (planned)
		plan(c, &x);
	answer_int8(*ret, 0, 0, x.app_id);
	answer_int8(*ret, 0, 1, x.msg_id);
	answer_int8(*ret, 0, 2, x.endpoint_id);
	answer_bool(*ret, 0, 3, false);
	answer_bool(*ret, 0, 4, e->disabled);
	answer_bool(*ret, 0, 5, planned);
	return RAN;
}

static struct dead_row *
letter_find(const struct call *c, int64_t app_id, int64_t id)
{
	FOR_ROWS(d, dead_row, TABLE_DEAD_LETTER, c->txn)
	if (d->app_id == app_id && d->id == id)
		return d;
	return NULL;
}

enum ran
model_dead_letter_replay(const struct call *c, PGresult **ret)
{
	struct dead_row *d = letter_find(c, value_int(c->arg[1]), value_int(c->arg[3]));
	int64_t slot = value_int(c->arg[4]);
	*ret = answer_new(10);
	if (!d || app_find(d->app_id)->deleted)
		return RAN;
	const struct endpoint_row *e = endpoint_find(d->endpoint_id);
	bool open = !d->replayed || model_without[WITHOUT_REPLAY];
	bool is_held = held(c, slot, value_int(c->arg[5]));
	bool marks = open && is_held && !e->deleted && !e->disabled && d->marker != c->txn;
	if (marks && d->marker)
		return RAN_WAITS;
	if (marks) {
		const struct chain x = { slot, value_time(c->arg[6]), TRIGGER_REPLAY, d->app_id,
			d->msg_id, d->endpoint_id, d->id };
		d->marker = c->txn;
		plan(c, &x);
	}
	answer_int8(*ret, 0, 0, d->app_id);
	answer_int8(*ret, 0, 1, d->id);
	answer_int8(*ret, 0, 2, d->msg_id);
	answer_int8(*ret, 0, 3, d->endpoint_id);
	answer_bool(*ret, 0, 4, open);
	answer_bool(*ret, 0, 5, true);
	answer_bool(*ret, 0, 6, !e->deleted);
	answer_bool(*ret, 0, 7, !e->disabled);
	answer_bool(*ret, 0, 8, is_held);
	answer_bool(*ret, 0, 9, marks);
	return RAN;
}
