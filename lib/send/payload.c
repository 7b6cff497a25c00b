/* The payload loader: one query at a time; while the database does not answer its deliveries wait.
 *
 * A batch asks for each message once, however many deliveries wait for it, and is answered as far
 * as BYTES_MAX goes (one payload at least); the deliveries of the rest are the first of the next
 * one.
 */
#include "send/payload.h"

#include <stdlib.h>

#include "base/mem.h"

#include "statements.h"

#define BATCH_MAX  200       /* messages */
#define FLYING_MAX 2000      /* deliveries that wait for them */
#define BYTES_MAX  (8 << 20) /* of their payloads */
#define AGAIN      (500 * USEC_PER_MS)

/* The messages that are asked for. */
struct batch {
	int n;
	int64_t app_id[BATCH_MAX], msg_id[BATCH_MAX];
};

struct payloads {
	struct loop *loop;
	struct pg_pool *pool;
	payload_fn fn;
	void *arg;
	struct delivery_list waiting, flying;
	struct batch batch;
	struct pg_ticket *ticket;
	struct arena *arena;
	struct defer kick;
	struct timer again;
};

/* Its place in the batch; -1: it is not there. */
static int
batch_find(const struct batch *b, const struct message *m)
{
	for (int i = 0; i < b->n; i++)
		if (b->msg_id[i] == m->id && b->app_id[i] == m->app_id)
			return i;
	return -1;
}

/* Whether it is asked for, or need not be. */
static bool
batch_add(struct batch *b, const struct message *m)
{
	if (m->payload.p || batch_find(b, m) >= 0)
		return true;
	if (b->n == BATCH_MAX)
		return false;
	b->app_id[b->n] = m->app_id;
	b->msg_id[b->n++] = m->id;
	return true;
}

/* All that fly wait again, before what came later. */
static void
turn_back(struct payloads *ps)
{
	TAILQ_CONCAT(&ps->flying, &ps->waiting, entry);
	TAILQ_CONCAT(&ps->waiting, &ps->flying, entry);
}

static void
on_read(void *arg, const struct pg_result *r, const struct err *e)
{
	struct payloads *ps = arg;
	struct delivery_list done;
	struct delivery *d, *next;
	ps->ticket = NULL;
	if (e) {
		turn_back(ps);
		timer_set(&ps->again, AGAIN);
		return;
	}
	const PGresult *res = r->res[0];
	TAILQ_INIT(&done);
	TAILQ_FOREACH_SAFE(d, &ps->flying, entry, next) {
		struct message *m = d->message;
		int row = m->payload.p ? -1 : batch_find(&ps->batch, m);
		if (row >= pg_rows(res))
			continue;
		TAILQ_REMOVE(&ps->flying, d, entry);
		TAILQ_INSERT_TAIL(&done, d, entry);
		struct str payload = { NULL, 0 };
		if (row >= 0)
			payload = pg_str(res, row, 1);
		if (payload.p) {
			message_set_payload(m, payload);
			message_set_type(m, pg_str(res, row, 0));
		}
	}
	turn_back(ps);
	while ((d = TAILQ_FIRST(&done))) {
		TAILQ_REMOVE(&done, d, entry);
		ps->fn(ps->arg, d, d->message->payload.p != NULL);
	}
	defer_schedule(&ps->kick);
}

static void
kick(void *arg)
{
	struct payloads *ps = arg;
	if (ps->ticket || TAILQ_EMPTY(&ps->waiting) || timer_pending(&ps->again))
		return;
	struct delivery *d;
	ps->batch.n = 0;
	for (int n = 0; n < FLYING_MAX && (d = TAILQ_FIRST(&ps->waiting)); n++) {
		if (!batch_add(&ps->batch, d->message))
			break;
		TAILQ_REMOVE(&ps->waiting, d, entry);
		TAILQ_INSERT_TAIL(&ps->flying, d, entry);
	}
	struct pg_args args;
	arena_reset(ps->arena);
	pg_args_init(&args, ps->arena);
	pg_arg_int8s(&args, ps->batch.app_id, ps->batch.n);
	pg_arg_int8s(&args, ps->batch.msg_id, ps->batch.n);
	pg_arg_int8(&args, BYTES_MAX);
	struct pg_call call = { &stmt_payload_load, &args };
	ps->ticket = pg_submit_at(PAYLOAD, ps->pool, &call, 1, on_read, ps);
}

void
payloads_load(struct payloads *ps, struct delivery *d)
{
	TAILQ_INSERT_TAIL(&ps->waiting, d, entry);
	defer_schedule(&ps->kick);
}

static bool
has_slot(const struct delivery_list *list, int slot)
{
	const struct delivery *d;
	TAILQ_FOREACH(d, list, entry)
		if (d->slot == slot)
			return true;
	return false;
}

bool
payloads_slot_busy(const struct payloads *ps, int slot)
{
	return has_slot(&ps->waiting, slot) || has_slot(&ps->flying, slot);
}

struct payloads *
payloads_new(struct loop *l, struct pg_pool *pool, payload_fn fn, void *arg)
{
	struct payloads *ps = mem_zalloc(sizeof(*ps));
	ps->loop = l;
	ps->pool = pool;
	ps->fn = fn;
	ps->arg = arg;
	ps->arena = arena_new();
	TAILQ_INIT(&ps->waiting);
	TAILQ_INIT(&ps->flying);
	defer_init(&ps->kick, l, kick, ps);
	timer_init(&ps->again, l, kick, ps);
	return ps;
}

void
payloads_free(struct payloads *ps)
{
	if (!ps)
		return;
	if (ps->ticket)
		pg_cancel(ps->ticket);
	TAILQ_CONCAT(&ps->waiting, &ps->flying, entry);
	struct delivery *d;
	while ((d = TAILQ_FIRST(&ps->waiting))) {
		TAILQ_REMOVE(&ps->waiting, d, entry);
		delivery_free(d);
	}
	defer_cancel(&ps->kick);
	timer_done(&ps->again);
	arena_free(ps->arena);
	free(ps);
}
