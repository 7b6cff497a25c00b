/* Looking up what may have been stored. One question at a time, in the order of arrival; repeated
 * until the database answers.
 *
 * "Not stored" is believed only SURE after the connection broke: the server's process may not have
 * begun yet with what it was sent, and then holds no lock to wait for. */
#include "ingest/limbo.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

#include "statements.h"

#define BATCH_MAX 1000                /* more than an append holds */
#define AGAIN     (200 * USEC_PER_MS) /* doubled as long as something is not found */
#define AGAIN_MAX (4 * USEC_PER_SEC)
#define SURE      (5 * USEC_PER_SEC)

struct lost {
	struct message *message; /* one reference */
	struct targets targets;
	int64_t *ids; /* owned: those of targets */
	usec_t since;
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
	usec_t now = loop_now(lb->loop);
	bool kept = false;
	lb->ticket = NULL;
	for (int i = 0; !e && i < lb->asked; i++, x = next) {
		next = TAILQ_NEXT(x, entry);
		if (found(r->res[1], x->message->id)) {
			deliver(lb, x);
		} else if (now - x->since > SURE) {
			sender_forget(lb->sender, x->message);
		} else {
			kept = true;
			continue;
		}
		lost_free(lb, x);
	}
	lb->pause = kept && lb->pause < AGAIN_MAX ? lb->pause * 2 : lb->pause;
	if (!kept)
		lb->pause = AGAIN;
	if (!TAILQ_EMPTY(&lb->list))
		timer_set(&lb->timer, e || kept ? lb->pause : 0);
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
	TAILQ_FOREACH(x, &lb->list, entry) {
		/* One slot a question: that of the first. */
		if (n == BATCH_MAX || id_slot(x->message->id) != id_slot(first->message->id))
			break;
		apps[n] = x->message->app_id;
		ids[n++] = x->message->id;
	}
	struct pg_args slot, args;
	arena_reset(lb->arena);
	pg_args_init(&slot, lb->arena);
	pg_arg_int2(&slot, (int16_t)id_slot(first->message->id));
	pg_args_init(&args, lb->arena);
	pg_arg_int8s(&args, apps, n);
	pg_arg_int8s(&args, ids, n);
	/* The exclusive lock waits until the transaction in question is over. */
	struct pg_call calls[] = { { &stmt_slot_lock, &slot }, { &stmt_message_exist, &args } };
	lb->asked = n;
	lb->ticket = pg_submit_at(LIMBO, lb->pool, calls, 2, on_answer, lb);
}

void
limbo_add(struct limbo *lb, struct message *m, const struct targets *targets)
{
	struct lost *x = mem_zalloc(sizeof(*x));
	x->message = message_ref(m);
	x->since = loop_now(lb->loop);
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
