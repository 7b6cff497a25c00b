/* Resends and replays. An act asks one worker once. A replay of several dead letters stands for a
 * step of a background task: they are one transaction. */
#include "operator.h"

#include <stdlib.h>

#include "base/attr.h"
#include "base/id.h"
#include "base/mem.h"

#include "dice.h"
#include "ledger.h"
#include "node.h"
#include "producer.h"
#include "sim_loop.h"
#include "statements.h"
#include "trace.h"

#define LETTERS_MAX 4
#define ANSWER_MAX  (5 * USEC_PER_SEC)  /* as lib/rest/db.c */
#define AGAIN       (100 * USEC_PER_MS) /* there is nothing to be resent or replayed yet */

/* The home slot when the act was asked for (lib/rest/home.h). */
struct home {
	int slot;
	int64_t epoch;
	struct wall due;
};

struct act {
	struct happening h;
	bool resends; /* else it replays */
	bool over;
	struct node *node; /* while it asks */
	struct home home;
	struct arena *arena;
	int n; /* deliveries that it asks for */
	int64_t chain[LETTERS_MAX];
};

static struct act acts[ACTS_MAX];
static int count, open;
static bool healed;

static void
over(struct act *a)
{
	a->over = true;
	a->node = NULL;
	open--;
}

/* ---- answers ------------------------------------------------------------------------------ */

/* Columns of resend.sql and dead_letter_replay.sql. */
enum {
	RESEND_APP = 0,
	RESEND_MSG = 1,
	RESEND_ENDPOINT = 2,
	RESEND_PLANNED = 5,
	REPLAY_APP = 0,
	REPLAY_MSG = 2,
	REPLAY_ENDPOINT = 3,
	REPLAY_MARKED = 9,
};

/* As home_replay. */
static void
begin(const struct act *a, int i, const PGresult *r, int app, int msg, int endpoint)
{
	struct sender *s = a->node->sender;
	ledger_promised(pg_int(r, 0, app), pg_int(r, 0, msg), pg_int(r, 0, endpoint), a->chain[i]);
	if (sender_mine(s, a->home.slot, a->home.epoch))
		sender_replay(s, a->home.due, pg_int(r, 0, app), pg_int(r, 0, msg),
		    pg_int(r, 0, endpoint), a->chain[i],
		    a->resends ? TRIGGER_RESEND : TRIGGER_REPLAY);
}

static void
on_answer(void *arg, const struct pg_result *result, const struct err *e)
{
	struct act *a = arg;
	const struct node *n = a->node;
	if (e && !n->dying && sender_mine(n->sender, a->home.slot, a->home.epoch)) {
		TRACE("operator is not answered: %s", e->text);
		sender_replay_doubt(n->sender, a->home.due); /* as home_doubt */
	}
	for (int i = 0; !e && i < a->n; i++) {
		const PGresult *r = result->res[1 + i];
		if (!pg_rows(r))
			continue;
		if (a->resends && pg_bool(r, 0, RESEND_PLANNED))
			begin(a, i, r, RESEND_APP, RESEND_MSG, RESEND_ENDPOINT);
		else if (!a->resends && pg_bool(r, 0, REPLAY_MARKED))
			begin(a, i, r, REPLAY_APP, REPLAY_MSG, REPLAY_ENDPOINT);
	}
	over(a);
}

/* ---- questions ---------------------------------------------------------------------------- */

static struct pg_args *
args_new(struct act *a)
{
	struct pg_args *args = arena_zalloc(a->arena, sizeof(*args));
	pg_args_init(args, a->arena);
	return args;
}

static void
arg_ref(struct pg_args *args, int64_t id)
{
	pg_arg_int8(args, id);
	pg_arg_null(args);
}

static void
arg_home(struct pg_args *args, const struct act *a)
{
	pg_arg_int2(args, (int16_t)a->home.slot);
	pg_arg_int8(args, a->home.epoch);
	pg_arg_time(args, a->home.due);
}

static const struct pg_args *
fence_args(struct act *a)
{
	struct pg_args *args = args_new(a);
	struct buf *out = arena_zalloc(a->arena, sizeof(*out));
	struct pg_array slots;
	buf_init(out, 64);
	arena_own(a->arena, out, (void (*)(void *))buf_free);
	pg_array_begin(&slots, out, PG_INT2);
	pg_array_int2(&slots, (int16_t)a->home.slot);
	pg_array_end(&slots, args);
	return args;
}

/* Of any message, mostly a new one, to any endpoint of its application. */
static bool
resend(struct act *a, struct pg_call *call)
{
	const struct table *messages = &db.table[TABLE_MESSAGE];
	int first = messages->n > 4 && dice_chance(800) ? messages->n - 4 : 0;
	if (messages->n == 0)
		return false;
	const struct message_row *m = messages->row[dice(first, messages->n - 1)];
	const struct app_row *app = app_find(m->app_id);
	const struct endpoint_row *e =
	    &db.endpoint[app->first_endpoint + dice(0, app->endpoints - 1)];
	struct pg_args *args = args_new(a);
	a->chain[a->n++] = sender_id(a->node->sender);
	pg_arg_text(args, STR("org"));
	arg_ref(args, m->app_id);
	arg_ref(args, m->id);
	arg_ref(args, e->id);
	arg_home(args, a);
	pg_arg_int8(args, a->chain[0]);
	*call = (struct pg_call){ &stmt_resend, args };
	return true;
}

static struct pg_call
replay_one(struct act *a, const struct dead_row *d)
{
	struct pg_args *args = args_new(a);
	a->chain[a->n++] = d->id;
	pg_arg_text(args, STR("org"));
	arg_ref(args, d->app_id);
	pg_arg_int8(args, d->id);
	arg_home(args, a);
	pg_arg_text(args, STR("operator"));
	return (struct pg_call){ &stmt_dead_letter_replay, args };
}

/* Dead letters that are open, now and then one that is not. */
static bool
replay(struct act *a, struct pg_call *calls)
{
	int n = 0, most = dice_chance(500) ? 1 : LETTERS_MAX;
	FOR_ROWS(d, dead_row, TABLE_DEAD_LETTER, NULL)
	if (n < most && (!d->replayed || dice_chance(50)))
		calls[n++] = replay_one(a, d);
	return n > 0;
}

static void
ask(void *arg)
{
	struct act *a = arg;
	const struct node *n = a->node;
	struct pg_call calls[1 + LETTERS_MAX];
	if (!sender_home(n->sender, &a->home.slot, &a->home.epoch)) {
		over(a); /* 503 */
		return;
	}
	a->home.due = loop_wall(n->loop);
	if (!a->arena)
		a->arena = arena_new();
	calls[0] = (struct pg_call){ &stmt_fence, fence_args(a) };
	if (!(a->resends ? resend(a, &calls[1]) : replay(a, &calls[1]))) {
		a->node = NULL;
		agenda_put(&a->h, agenda_now() + AGAIN);
		return;
	}
	TRACE("operator %s %d", a->resends ? "resends" : "replays", a->n);
	pg_answer_within(pg_submit(n->api, calls, 1 + a->n, on_answer, a), ANSWER_MAX);
}

static void
on_time(void *arg)
{
	struct act *a = arg;
	a->node = world_node();
	if (healed && !a->node)
		over(a);
	else if (!a->node)
		agenda_put(&a->h, agenda_now() + AGAIN);
	else
		sim_loop_call(a->node->loop, ask, a);
}

/* ---- all of them -------------------------------------------------------------------------- */

/* Any time, or while a fault is at work. */
static usec_t
some_time(const struct plan *p)
{
	if (p->ntroubles == 0 || dice_chance(400))
		return dice(0, p->heal_at);
	return p->trouble[dice(0, p->ntroubles - 1)].at + dice_skewed(0, 2 * USEC_PER_SEC);
}

void
operator_start(const struct plan *p)
{
	count = open = p->acts;
	healed = false;
	for (int i = 0; i < count; i++) {
		struct act *a = &acts[i];
		*a = (struct act){ .h = { .fn = on_time, .arg = a },
			.resends = dice_chance(p->resends) };
		agenda_put(&a->h, agenda_now() + some_time(p));
	}
}

void
operator_heal(void)
{
	healed = true;
	for (int i = 0; i < count; i++) {
		if (acts[i].over || acts[i].node)
			continue;
		agenda_remove(&acts[i].h);
		over(&acts[i]);
	}
}

void
operator_stop(void)
{
	for (int i = 0; i < count; i++)
		arena_free(acts[i].arena);
	count = open = 0;
}

int
operator_open(void)
{
	return open;
}
