/* The payload loader: one query at a time; while the database does not answer its deliveries wait.
 */
#include "send/payload.h"

#include <stdlib.h>

#include "base/mem.h"

#include "statements.h"

#define BATCH_MAX 200
#define AGAIN     (500 * USEC_PER_MS)

struct payloads {
	struct loop *loop;
	struct pg_pool *pool;
	payload_fn fn;
	void *arg;
	struct delivery_list waiting, flying;
	struct pg_ticket *ticket;
	struct arena *arena;
	struct defer kick;
	struct timer again;
};

static void
on_read(void *arg, const struct pg_result *r, const struct err *e)
{
	struct payloads *ps = arg;
	ps->ticket = NULL;
	if (e) {
		TAILQ_CONCAT(&ps->flying, &ps->waiting, entry);
		TAILQ_CONCAT(&ps->waiting, &ps->flying, entry);
		timer_set(&ps->again, AGAIN);
		return;
	}
	const PGresult *res = r->res[0];
	struct delivery_list done;
	TAILQ_INIT(&done);
	TAILQ_CONCAT(&done, &ps->flying, entry);
	struct delivery *d;
	while ((d = TAILQ_FIRST(&done))) {
		TAILQ_REMOVE(&done, d, entry);
		struct message *m = d->message;
		for (int row = 0; row < pg_rows(res) && !m->payload.p; row++) {
			struct str payload = pg_str(res, row, 3);
			if (pg_int(res, row, 0) != m->id || pg_int(res, row, 1) != m->app_id ||
			    !payload.p)
				continue;
			message_set_payload(m, payload);
			message_set_type(m, pg_str(res, row, 2));
		}
		ps->fn(ps->arg, d, m->payload.p != NULL);
	}
	defer_schedule(&ps->kick);
}

static void
kick(void *arg)
{
	struct payloads *ps = arg;
	if (ps->ticket || TAILQ_EMPTY(&ps->waiting) || timer_pending(&ps->again))
		return;
	int64_t apps[BATCH_MAX], ids[BATCH_MAX];
	int n = 0;
	struct delivery *d;
	while (n < BATCH_MAX && (d = TAILQ_FIRST(&ps->waiting))) {
		TAILQ_REMOVE(&ps->waiting, d, entry);
		TAILQ_INSERT_TAIL(&ps->flying, d, entry);
		apps[n] = d->message->app_id;
		ids[n++] = d->message->id;
	}
	struct pg_args args;
	arena_reset(ps->arena);
	pg_args_init(&args, ps->arena);
	pg_arg_int8s(&args, apps, n);
	pg_arg_int8s(&args, ids, n);
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
