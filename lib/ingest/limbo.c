/* Looking up what may have been stored. One question at a time, in the order of arrival; repeated
 * until the database answers.
 *
 * The slot's exclusive lock waits for an append that has begun. One that has not, because the
 * server's process sleeps on what it was sent, is shut out in the same transaction
 * (slot_append_above.sql): what is not there will never be. */
#include "ingest/limbo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

#include "statements.h"

#define BATCH_MAX 1000                /* more than an append holds */
#define AGAIN     (200 * USEC_PER_MS) /* doubled as long as there is no answer */
#define AGAIN_MAX (4 * USEC_PER_SEC)

struct lost {
	struct message *message; /* one reference */
	struct targets targets;
	int64_t *ids;  /* owned: those of targets */
	int64_t epoch; /* under which it was appended */
	TAILQ_ENTRY(lost) entry;
};

struct limbo {
	struct loop *loop;
	struct sender *sender;
	struct pg_pool *pool;
	TAILQ_HEAD(, lost) list;
	int asked; /* of the head of the list, by the question under way */
	struct pg_ticket *ticket;
	struct arena *arena;
	struct timer timer;
	usec_t pause;
};

static bool
found(const PGresult *res, int64_t id)
{
	for (int row = 0; row < pg_rows(res); row++)
		if (pg_int(res, row, 0) == id)
			return true;
	return false;
}

static void
lost_free(struct limbo *lb, struct lost *x)
{
	TAILQ_REMOVE(&lb->list, x, entry);
	message_unref(x->message);
	free(x->ids);
	free(x);
}

static void
deliver(struct limbo *lb, const struct lost *x)
{
	const struct targets *t = &x->targets;
	int direct = t->n - t->nqueued;
	if (t->deliver_at.us) {
		sender_forget(lb->sender, x->message);
		sender_replay_doubt(lb->sender, t->deliver_at);
		return;
	}
	sender_deliver(lb->sender, x->message, x->ids, direct);
	for (int i = direct; i < t->n; i++)
		sender_queued(lb->sender, x->message->app_id, x->ids[i]);
	if (t->nqueued)
		sender_replay_doubt(lb->sender, t->due);
}

static void
on_answer(void *arg, const struct pg_result *r, const struct err *e)
{
	struct limbo *lb = arg;
	struct lost *x = TAILQ_FIRST(&lb->list), *next;
	lb->ticket = NULL;
	if (e) {
		timer_set(&lb->timer, lb->pause);
		lb->pause = lb->pause < AGAIN_MAX ? lb->pause * 2 : lb->pause;
		return;
	}
	for (int i = 0; i < lb->asked; i++, x = next) {
		next = TAILQ_NEXT(x, entry);
		/* Of a slot that went and came back the adopter has read it. */
		if (found(r->res[2], x->message->id) &&
		    sender_mine(lb->sender, id_slot(x->message->id), x->epoch))
			deliver(lb, x);
		else
			sender_forget(lb->sender, x->message);
		lost_free(lb, x);
	}
	lb->pause = AGAIN;
	if (!TAILQ_EMPTY(&lb->list))
		timer_set(&lb->timer, 0);
}

static void
ask(void *arg)
{
	struct limbo *lb = arg;
	if (lb->ticket || TAILQ_EMPTY(&lb->list))
		return;
	int64_t apps[BATCH_MAX], ids[BATCH_MAX];
	int n = 0;
	const struct lost *x, *first = TAILQ_FIRST(&lb->list);
	int64_t newest = first->message->id;
	int16_t id = (int16_t)id_slot(first->message->id);
	TAILQ_FOREACH(x, &lb->list, entry) {
		/* One slot a question: that of the first. The ids rise. */
		if (n == BATCH_MAX || id_slot(x->message->id) != id || x->epoch != first->epoch)
			break;
		apps[n] = x->message->app_id;
		ids[n++] = newest = x->message->id;
	}
	struct pg_args slot, above, args;
	arena_reset(lb->arena);
	pg_args_init(&slot, lb->arena);
	pg_arg_int2(&slot, id);
	pg_args_init(&above, lb->arena);
	pg_arg_int2(&above, id);
	pg_arg_int8(&above, first->epoch);
	pg_arg_int8(&above, newest);
	pg_args_init(&args, lb->arena);
	pg_arg_int8s(&args, apps, n);
	pg_arg_int8s(&args, ids, n);
	/* The exclusive lock waits until the transaction in question is over. */
	struct pg_call calls[] = { { &stmt_slot_lock, &slot }, { &stmt_slot_append_above, &above },
		{ &stmt_message_exist, &args } };
	lb->asked = n;
	lb->ticket = pg_submit_at(LIMBO, lb->pool, calls, 3, on_answer, lb);
}

void
limbo_add(struct limbo *lb, struct message *m, int64_t epoch, const struct targets *targets)
{
	struct lost *x = mem_zalloc(sizeof(*x));
	x->message = message_ref(m);
	x->epoch = epoch;
	x->targets = *targets;
	x->ids = mem_dup(targets->ids, sizeof(*x->ids) * (size_t)targets->n);
	TAILQ_INSERT_TAIL(&lb->list, x, entry);
	lb->pause = AGAIN;
	timer_set(&lb->timer, AGAIN);
}

struct limbo *
limbo_new(struct loop *l, struct sender *s, struct pg_pool *pool)
{
	struct limbo *lb = mem_zalloc(sizeof(*lb));
	lb->loop = l;
	lb->sender = s;
	lb->pool = pool;
	lb->arena = arena_new();
	TAILQ_INIT(&lb->list);
	timer_init(&lb->timer, l, ask, lb);
	return lb;
}

void
limbo_free(struct limbo *lb)
{
	if (!lb)
		return;
	if (lb->ticket)
		pg_cancel(lb->ticket);
	while (!TAILQ_EMPTY(&lb->list)) {
		sender_forget(lb->sender, TAILQ_FIRST(&lb->list)->message);
		lost_free(lb, TAILQ_FIRST(&lb->list));
	}
	timer_done(&lb->timer);
	arena_free(lb->arena);
	free(lb);
}
