/* The runner of background tasks.
 *
 *   (poll, kick) ─> claim ─> job ─> step ─> step … ─> finished
 *                                     ├─> not ours any more (paused, cancelled, lease lapsed)
 *                                     └─> its turn is over and others wait: back into the line
 *
 * Invariant: a step changes something only while the task is running, is leased by this job and
 * stands at the cursor that the job knows; the statement sees to it. A job that finds this untrue,
 * for whatever reason, ends; the poll takes the task up again if it is still to be done. */
#include "api/task_runner.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"

#include "api/task_kind.h"
#include "rest/home.h"
#include "statements.h"

#define POLL        (5 * USEC_PER_SEC) /* doubled each time there is nothing */
#define POLL_MAX    (40 * USEC_PER_SEC)
#define LEASE_MS    10000
#define JOBS_MAX    8
#define TURN        (5 * USEC_PER_SEC)  /* of a job, when all are taken */
#define STEP_MAX    200                 /* messages or dead letters */
#define SEEN_EACH   5                   /* looked at to find one, in one step */
#define SEEN_MIN    50                  /* the same, at least */
#define STEPS_A_SEC 10                  /* of a task with a rate */
#define WAIT        (250 * USEC_PER_MS) /* for a slot, or for the sender to have room */
#define AGAIN       USEC_PER_SEC        /* after a step that failed */
#define FAILURES    5                   /* of one step, before the task is given up */

/* A task that this worker runs. */
struct job {
	struct task_runner *runner;
	struct arena *arena; /* of the job */
	struct arena *step;  /* of the step under way */
	const struct task_kind *kind;
	int64_t id, owner, app_id, cursor, below;
	struct str org, by;
	int rate;           /* a second; 0: as fast as it goes */
	const void *filter; /* the kind's */
	int rows;           /* of the step under way */
	struct home home;   /* of the step under way */
	usec_t started;     /* when it was sent */
	usec_t turn_ends;
	int failures;
	struct timer timer;
	struct pg_ticket *ticket;
	LIST_ENTRY(job) entry;
};
LIST_HEAD(job_list, job);

struct task_runner {
	struct loop *loop;
	struct pg_pool *pool;
	struct sender *sender;
	struct job_list jobs;
	int njobs;
	int64_t claiming; /* owner of the claim under way */
	bool again;       /* look once more when the claim has ended */
	usec_t wait;      /* until the next poll, if this one finds nothing */
	bool stopped;
	struct arena *arena; /* of the claim */
	struct pg_ticket *claim;
	struct timer poll;
};

/* ---- the end of a job --------------------------------------------------------------------- */

static void
job_free(struct job *j)
{
	struct task_runner *t = j->runner;
	if (j->ticket)
		pg_cancel(j->ticket);
	timer_done(&j->timer);
	LIST_REMOVE(j, entry);
	t->njobs--;
	t->wait = POLL; /* it may have ended before its task has */
	if (!t->claim)
		timer_set(&t->poll, POLL);
	arena_free(j->step);
	arena_free(j->arena);
	free(j);
}

static void
job_end(struct job *j, const char *how)
{
	char id[ID_TEXT_SIZE];
	LOG_INFO(TASK_DONE, KV("task", id_to_text(ID_TASK, j->id, id)), KV("status", how));
	job_free(j);
}

static void
on_failed(void *arg, const struct pg_result *r, const struct err *e)
{
	struct job *j = arg;
	(void)r, (void)e; /* it is claimed and tried again when this could not be stored */
	j->ticket = NULL;
	job_end(j, "failed");
}

static void
give_up(struct job *j)
{
	struct pg_args args;
	arena_reset(j->step);
	pg_args_init(&args, j->step);
	pg_arg_int8(&args, j->id);
	pg_arg_int8(&args, j->owner);
	struct pg_call call = { &stmt_task_fail, &args };
	j->ticket = pg_submit(j->runner->pool, &call, 1, on_failed, j);
}

/* ---- steps -------------------------------------------------------------------------------- */

/* Columns of the steps: the first two of all, the others of those that deliver, for each chain that
 * is due at once. */
enum {
	COL_CURSOR,
	COL_FINISHED,
	COL_APP_ID,
	COL_CHAIN,
	COL_MSG_ID,
	COL_ENDPOINT_ID,
};

/* Returns how many there were. */
static int
deliver(struct job *j, const PGresult *r)
{
	int n = 0;
	for (int row = 0; row < pg_rows(r); row++) {
		if (pg_null(r, row, COL_CHAIN))
			continue;
		home_replay(j->runner->sender, &j->home, pg_int(r, row, COL_APP_ID),
		    pg_int(r, row, COL_MSG_ID), pg_int(r, row, COL_ENDPOINT_ID),
		    pg_int(r, row, COL_CHAIN), TRIGGER_REPLAY);
		n++;
	}
	return n;
}

static void
stepped(struct job *j, const PGresult *r)
{
	if (!pg_rows(r)) {
		job_end(j, "left");
		return;
	}
	j->failures = 0;
	j->cursor = pg_int(r, 0, COL_CURSOR);
	int n = j->kind->delivers ? deliver(j, r) : j->rows;
	if (pg_bool(r, 0, COL_FINISHED)) {
		job_end(j, "finished");
		return;
	}
	usec_t next = j->rate ? j->started + n * USEC_PER_SEC / j->rate : 0;
	usec_t now = loop_now(j->runner->loop);
	timer_set(&j->timer, next > now ? next - now : 0);
}

static void
on_stepped(void *arg, const struct pg_result *r, const struct err *e)
{
	struct job *j = arg;
	j->ticket = NULL;
	assert(!r != !e);
	if (e && j->kind->delivers)
		home_doubt(j->runner->sender, &j->home);
	if (r)
		stepped(j, r->res[r->n - 1]);
	else if (e->kind != ERR_UNAVAILABLE && ++j->failures >= FAILURES)
		give_up(j);
	else
		timer_set(&j->timer, AGAIN);
}

static struct pg_args *
step_args(struct job *j)
{
	struct pg_args *a = arena_alloc(j->step, sizeof(*a));
	pg_args_init(a, j->step);
	pg_arg_int8(a, j->id);
	pg_arg_int8(a, j->owner);
	pg_arg_int8(a, j->cursor);
	pg_arg_int4(a, j->rows);
	pg_arg_int8(a, LEASE_MS);
	pg_arg_text(a, j->by);
	pg_arg_text(a, j->org);
	pg_arg_int8(a, j->below);
	if (j->app_id)
		pg_arg_int8(a, j->app_id);
	else
		pg_arg_null(a);
	j->kind->arg(a, j->filter);
	return a;
}

static struct pg_args *
turn_args(struct job *j)
{
	struct pg_args *a = arena_alloc(j->step, sizeof(*a));
	pg_args_init(a, j->step);
	pg_arg_int8(a, j->kind->endpoint(j->filter));
	return a;
}

static void
step(struct job *j)
{
	struct pg_args *a = step_args(j);
	struct pg_call calls[3];
	int n = 0;
	if (j->kind->delivers) {
		calls[n++] = (struct pg_call){ &stmt_fence, home_fence_args(j->step, &j->home) };
		if (j->kind->endpoint)
			calls[n++] = (struct pg_call){ &stmt_replay_turn, turn_args(j) };
		pg_arg_int2(a, j->home.slot);
		pg_arg_int8(a, j->home.epoch);
		pg_arg_time(a, j->home.due);
	}
	pg_arg_int4(a, j->rows * SEEN_EACH > SEEN_MIN ? j->rows * SEEN_EACH : SEEN_MIN);
	calls[n++] = (struct pg_call){ j->kind->step, a };
	j->ticket = pg_submit_at(TASK_STEP, j->runner->pool, calls, n, on_stepped, j);
}

/* ---- turns -------------------------------------------------------------------------------- */

static void
on_released(void *arg, const struct pg_result *r, const struct err *e)
{
	struct job *j = arg;
	struct task_runner *t = j->runner;
	j->ticket = NULL;
	if (!e && pg_rows(r->res[0])) {
		job_end(j, "waits");
		if (!t->claim)
			timer_set(&t->poll, 0);
		return;
	}
	j->turn_ends = loop_now(t->loop) + TURN;
	timer_set(&j->timer, 0);
}

/* Slow tasks, and those that others make by the thousand, are not to keep everybody else's waiting.
 */
static void
release(struct job *j)
{
	struct pg_args args;
	arena_reset(j->step);
	pg_args_init(&args, j->step);
	pg_arg_int8(&args, j->id);
	pg_arg_int8(&args, j->owner);
	task_kinds_arg(&args);
	struct pg_call call = { &stmt_task_release, &args };
	j->ticket = pg_submit(j->runner->pool, &call, 1, on_released, j);
}

static void
on_step_due(void *arg)
{
	struct job *j = arg;
	struct task_runner *t = j->runner;
	if (t->stopped)
		return;
	if (t->njobs >= JOBS_MAX && loop_now(t->loop) >= j->turn_ends) {
		release(j);
		return;
	}
	if (j->kind->delivers &&
	    (sender_backlogged(t->sender) || !home_get(t->sender, loop_wall(t->loop), &j->home))) {
		timer_set(&j->timer, WAIT);
		return;
	}
	arena_reset(j->step);
	j->started = loop_now(t->loop);
	step(j);
}

/* ---- claiming ----------------------------------------------------------------------------- */

/* Columns of task_claim.sql: id, organisation, application, name, filter, rate, cursor, by. */
static void
job_start(struct task_runner *t, const PGresult *r)
{
	struct job *j = mem_zalloc(sizeof(*j));
	char id[ID_TEXT_SIZE];
	j->runner = t;
	j->arena = arena_new();
	j->step = arena_new();
	j->id = pg_int(r, 0, 0);
	j->owner = t->claiming;
	j->org = arena_str(j->arena, pg_str(r, 0, 1));
	j->app_id = pg_int(r, 0, 2);
	j->kind = task_kind_find(pg_str(r, 0, 3));
	assert(j->kind); /* only what is known is claimed */
	j->filter = j->kind->read(j->arena, pg_str(r, 0, 4), loop_wall(t->loop), &j->below);
	j->rate = (int)pg_int(r, 0, 5);
	j->rows = STEP_MAX;
	if (j->rate && j->rate < STEP_MAX * STEPS_A_SEC)
		j->rows = j->rate < STEPS_A_SEC ? 1 : j->rate / STEPS_A_SEC;
	j->cursor = pg_int(r, 0, 6);
	j->by = arena_str(j->arena, pg_str(r, 0, 7));
	j->turn_ends = loop_now(t->loop) + TURN;
	timer_init(&j->timer, t->loop, on_step_due, j);
	LIST_INSERT_HEAD(&t->jobs, j, entry);
	t->njobs++;
	LOG_INFO(
	    TASK_START, KV("task", id_to_text(ID_TASK, j->id, id)), KV("kind", pg_str(r, 0, 3)));
	timer_set(&j->timer, 0);
}

static void
on_claimed(void *arg, const struct pg_result *r, const struct err *e)
{
	struct task_runner *t = arg;
	bool found = !e && pg_rows(r->res[0]) > 0;
	t->claim = NULL;
	if (found)
		job_start(t, r->res[0]);
	bool more = found || t->again; /* there may be more of them */
	timer_set(&t->poll, more ? 0 : t->wait);
	t->wait = more ? POLL : t->wait * 2 < POLL_MAX ? t->wait * 2 : POLL_MAX;
	t->again = false;
}

static void
on_poll(void *arg)
{
	struct task_runner *t = arg;
	struct pg_args args;
	if (t->stopped)
		return;
	if (t->njobs >= JOBS_MAX) {
		timer_set(&t->poll, POLL);
		return;
	}
	rand_bytes(&t->claiming, sizeof(t->claiming));
	arena_reset(t->arena);
	pg_args_init(&args, t->arena);
	pg_arg_int8(&args, t->claiming);
	pg_arg_int8(&args, LEASE_MS);
	task_kinds_arg(&args);
	struct pg_call call = { &stmt_task_claim, &args };
	t->claim = pg_submit_at(TASK_CLAIM, t->pool, &call, 1, on_claimed, t);
}

/* ---- public ------------------------------------------------------------------------------- */

void
task_runner_kick(struct task_runner *t)
{
	if (!t || t->stopped)
		return;
	if (t->claim)
		t->again = true;
	else
		timer_set(&t->poll, 0);
}

void
task_runner_stop(struct task_runner *t)
{
	t->stopped = true;
	timer_stop(&t->poll);
}

struct task_runner *
task_runner_new(struct loop *l, struct pg_pool *pool, struct sender *s)
{
	struct task_runner *t = mem_zalloc(sizeof(*t));
	t->loop = l;
	t->pool = pool;
	t->sender = s;
	t->arena = arena_new();
	LIST_INIT(&t->jobs);
	timer_init(&t->poll, l, on_poll, t);
	t->wait = POLL;
	timer_set(&t->poll, POLL);
	return t;
}

void
task_runner_free(struct task_runner *t)
{
	if (!t)
		return;
	struct job *j;
	while ((j = LIST_FIRST(&t->jobs)))
		job_free(j);
	if (t->claim)
		pg_cancel(t->claim);
	timer_done(&t->poll);
	arena_free(t->arena);
	free(t);
}
