/* The ingestor.
 *
 *   submit ─> (catalogue) ─> match ─> WAITING ─> APPENDING ─┬─> stored: answer, deliver
 *                 ^                                         └─> not stored: why?
 *                 └─────── the catalogue had moved on ───────────────┤
 *                                  it is there already, or an error  └─> answer
 *
 * One append is under way at a time; what arrives meanwhile is the next batch. Nothing is appended
 * while the sender is backlogged or the worker has no home slot. */
#include "ingest/ingest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "ingest/pending.h"
#include "pg/sqlstate.h"

#define WAIT_MAX                                                                                   \
	(5 * USEC_PER_SEC)           /* for room or a slot; then the producer is told to try again \
				      */
#define DOWN_MAX  USEC_PER_SEC       /* without a database: long enough for it to restart */
#define STALL_MAX (2 * USEC_PER_SEC) /* of an append, before nobody waits behind it any more */
#define FAILED_MAX                                                                                 \
	(10 * USEC_PER_SEC) /* how long a failed append says something about the next              \
			     */
#define TICK (100 * USEC_PER_MS)

/* What single events may take of an append while groups stand in line, too. */
#define SINGLES_MAX       (BATCH_EVENTS_MAX / 4 * 3)
#define SINGLES_BYTES_MAX (BATCH_BYTES_MAX / 4 * 3)

void
ingest_enqueue(struct pending *p)
{
	struct ingest *in = p->in;
	TAILQ_INSERT_TAIL(&in->waiting[p->group->n > 1], p, entry);
	defer_schedule(&in->kick);
	if (!timer_pending(&in->tick))
		timer_set(&in->tick, TICK);
}

/* ---- appending ---------------------------------------------------------------------------- */

static int
compare_ids(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void
append_failed(struct ingest *in, struct pending_list *done, int64_t epoch, const struct err *e)
{
	struct pending *p;
	LOG_WARN(APPEND_FAIL, KV("reason", e->text), KV("code", e->origin));
	/* Of a lost connection the next one tells more. */
	in->failed_at = e->origin[0] ? loop_now(in->loop) : 0;
	memcpy(in->failed_code, e->origin, sizeof(in->failed_code));
	while ((p = TAILQ_FIRST(done))) {
		TAILQ_REMOVE(done, p, entry);
		/* A refusal is certain; a broken connection says nothing about the commit. */
		if (e->origin[0] == '\0')
			limbo_add(in->limbo, p->message, epoch, &p->targets);
		else
			sender_forget(in->sender, p->message);
		pending_fail_with(p, ERR_UNAVAILABLE, "the event could not be stored; try again");
	}
}

static void
append_done(struct ingest *in, struct pending_list *done, const struct pg_result *result, int n)
{
	const PGresult *r = result->res[BATCH_STORED];
	int64_t stored[BATCH_EVENTS_MAX];
	size_t nstored = 0;
	bool all = pg_rows(r) == n; /* the rule: then nobody asks which */
	in->failed_at = 0;
	stored[0] = 0;
	for (int row = 0; !all && row < pg_rows(r); row++)
		stored[nstored++] = pg_int(r, row, 0);
	qsort(stored, nstored, sizeof(*stored), compare_ids);
	if (result->n > BATCH_NOT_QUEUED && pg_rows(result->res[BATCH_NOT_QUEUED]))
		sender_replay_doubt(in->sender, TAILQ_FIRST(done)->targets.due);
	struct pending *p;
	while ((p = TAILQ_FIRST(done))) {
		TAILQ_REMOVE(done, p, entry);
		if (all ||
		    bsearch(&p->message->id, stored, nstored, sizeof(*stored), compare_ids)) {
			pending_accept(p);
		} else {
			sender_forget(in->sender, p->message);
			pending_not_stored(p);
		}
	}
}

static void flush(void *arg);

static void
on_appended(void *arg, const struct pg_result *r, const struct err *e)
{
	struct ingest *in = arg;
	struct pending_list done;
	int n = in->nflying;
	int64_t epoch = in->epoch;
	TAILQ_INIT(&done);
	TAILQ_CONCAT(&done, &in->flying, entry);
	in->nflying = 0;
	in->ticket = NULL;
	metric_observe(METRIC_H_APPEND, clock_mono() - in->sent);
	flush(in); /* the next append runs while these are answered */
	if (e)
		append_failed(in, &done, epoch, e);
	else
		append_done(in, &done, r, n);
	defer_schedule(&in->kick);
}

/* Gives an event its id and payload copy, from here on counted by the low-water mark. */
static void
make_message(struct ingest *in, struct pending *p)
{
	const struct ingest_event *ev = p->ev;
	char *payload = mem_strndup(ev->payload.p, ev->payload.n);
	p->message =
	    message_new(p->app->id, sender_id(in->sender), ev->event_type, payload, ev->payload.n);
	p->message->accepted = loop_now(in->loop);
	p->targets.due = loop_wall(in->loop);
	int direct = p->targets.deliver_at.us ? 0 : p->targets.n - p->targets.nqueued;
	sender_expect(in->sender, p->message, direct);
}

static bool
nobody_waits(const struct ingest *in)
{
	return TAILQ_EMPTY(&in->waiting[0]) && TAILQ_EMPTY(&in->waiting[1]);
}

/* Who comes next into an append that has n events of so many bytes, or NULL. */
static struct pending *
take_next(struct ingest *in, int n, size_t bytes)
{
	struct pending *single = TAILQ_FIRST(&in->waiting[0]),
		       *grouped = TAILQ_FIRST(&in->waiting[1]);
	bool groups_turn = !single || n >= SINGLES_MAX || bytes >= SINGLES_BYTES_MAX;
	struct pending *p = grouped && groups_turn ? grouped : single;
	if (p)
		TAILQ_REMOVE(&in->waiting[p->group->n > 1], p, entry);
	return p;
}

static void
flush(void *arg)
{
	struct ingest *in = arg;
	struct batch_row rows[BATCH_EVENTS_MAX];
	int slot, n = 0;
	int64_t epoch;
	size_t bytes = 0;
	/* Without a connection an append would fail unsent, and its events be looked up in vain. */
	if (in->ticket || nobody_waits(in) || sender_backlogged(in->sender) ||
	    pg_pool_down_since(in->append) || !sender_home(in->sender, &slot, &epoch))
		return;
	struct pending *p;
	while (n < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX && (p = take_next(in, n, bytes))) {
		TAILQ_INSERT_TAIL(&in->flying, p, entry);
		make_message(in, p);
		bytes += p->ev->payload.n + (size_t)p->targets.nqueued * BATCH_QUEUED;
		rows[n++] = (struct batch_row){ p->ev, p->message, p->app, p->targets };
	}
	in->nflying = n;
	in->sent = clock_mono();
	in->epoch = epoch;
	in->ticket = batch_submit(
	    in->batch, in->append, slot, epoch, loop_wall(in->loop), rows, n, on_appended, in);
}

static void
on_relief(void *arg)
{
	struct ingest *in = arg;
	defer_schedule(&in->kick);
}

static bool
append_under_way_for(const struct ingest *in, usec_t least)
{
	return in->ticket && clock_mono() - in->sent > least;
}

/* Refuses those at the head of a line that have waited long enough: without a database at once. */
static void
refuse_late(struct ingest *in, struct pending_list *line)
{
	usec_t now = loop_now(in->loop);
	usec_t down = pg_pool_down_since(in->append);
	bool no_database = down && now - down > DOWN_MAX,
	     stall = append_under_way_for(in, STALL_MAX);
	usec_t most = no_database ? 0 : stall ? DOWN_MAX : WAIT_MAX;
	struct pending *p;
	while ((p = TAILQ_FIRST(line)) && (no_database || now - p->since > most)) {
		TAILQ_REMOVE(line, p, entry);
		pending_fail_with(p, ERR_UNAVAILABLE,
		    no_database || stall ? "the database does not answer; try again"
					 : "the service is busy; try again");
	}
}

/* The append goes on: to leave it would cost a connection, and the server may only be slow. */
static void
answer_flying(struct ingest *in)
{
	struct err e;
	struct pending *p;
	err_set(&e, ERR_UNAVAILABLE, "the database does not answer; try again");
	TAILQ_FOREACH(p, &in->flying, entry)
		pending_refuse(p, &e);
}

static void
on_tick(void *arg)
{
	struct ingest *in = arg;
	refuse_late(in, &in->waiting[0]);
	refuse_late(in, &in->waiting[1]);
	if (append_under_way_for(in, INGEST_ANSWER_MAX))
		answer_flying(in);
	if (!nobody_waits(in))
		defer_schedule(&in->kick);
	if (!nobody_waits(in) || in->ticket)
		timer_set(&in->tick, TICK);
}

/* ---- public ------------------------------------------------------------------------------- */

static struct group *
group_new(struct ingest *in, const struct ingest_item *items, int n, ingest_fn fn)
{
	struct group *g = mem_zalloc(sizeof(*g) + sizeof(g->pending[0]) * (size_t)n);
	g->n = g->left = n;
	in->npending += n;
	for (int i = 0; i < n; i++) {
		struct pending *p = &g->pending[i];
		p->in = in;
		p->group = g;
		p->ev = items[i].event;
		p->fn = fn;
		p->arg = items[i].arg;
		p->since = loop_now(in->loop);
	}
	return g;
}

void
ingest_submit_list(struct ingest *in, const struct ingest_item *items, int n, ingest_fn fn)
{
	struct group *g = group_new(in, items, n, fn);
	const struct ingest_event *first = items[0].event;
	const struct cat_app *app = catalogue_find(in->cat, first->org, first->app_ref);
	for (int i = 0; i < n; i++) {
		struct pending *p = &g->pending[i];
		if (app) {
			pending_match(p, app);
			ingest_enqueue(p);
		} else {
			pending_look_up(p);
		}
	}
}

void
ingest_submit(struct ingest *in, const struct ingest_event *ev, ingest_fn fn, void *arg)
{
	const struct ingest_item one = { ev, arg };
	ingest_submit_list(in, &one, 1, fn);
}

void
ingest_find(struct ingest *in, const struct ingest_event *ev, ingest_fn fn, void *arg)
{
	const struct ingest_item one = { ev, arg };
	pending_find(&group_new(in, &one, 1, fn)->pending[0]);
}

int
ingest_pending(const struct ingest *in)
{
	return in->npending;
}

static const char *
words_of(const char *code)
{
	const char *words = sqlstate_find(code)->words;
	return words ? words : "events cannot be stored";
}

const char *
ingest_stalled(const struct ingest *in)
{
	usec_t now = loop_now(in->loop), down = pg_pool_down_since(in->append);
	if (down)
		return now - down > DOWN_MAX ? pg_pool_trouble(in->append) : NULL;
	if (append_under_way_for(in, STALL_MAX))
		return "events cannot be stored: the database does not answer";
	if (in->failed_at && now - in->failed_at < FAILED_MAX)
		return words_of(in->failed_code);
	return NULL;
}

struct ingest *
ingest_new(struct loop *l, const struct config *c, struct catalogue *cat, struct sender *s,
    struct pg_pool *append, struct pg_pool *read)
{
	struct ingest *in = mem_zalloc(sizeof(*in));
	in->loop = l;
	in->config = c;
	in->cat = cat;
	in->sender = s;
	in->append = append;
	in->read = read;
	in->batch = batch_new(c);
	in->limbo = limbo_new(l, s, read);
	TAILQ_INIT(&in->waiting[0]);
	TAILQ_INIT(&in->waiting[1]);
	TAILQ_INIT(&in->flying);
	TAILQ_INIT(&in->asking);
	defer_init(&in->kick, l, flush, in);
	timer_init(&in->tick, l, on_tick, in);
	sender_on_relief(s, on_relief, in);
	return in;
}

void
ingest_free(struct ingest *in)
{
	if (!in)
		return;
	struct pending *p;
	if (in->ticket)
		pg_cancel(in->ticket);
	TAILQ_CONCAT(&in->waiting[0], &in->waiting[1], entry);
	TAILQ_CONCAT(&in->waiting[0], &in->flying, entry);
	TAILQ_CONCAT(&in->waiting[0], &in->asking, entry);
	while ((p = TAILQ_FIRST(&in->waiting[0]))) {
		TAILQ_REMOVE(&in->waiting[0], p, entry);
		if (p->why)
			pg_cancel(p->why);
		if (p->message)
			sender_forget(in->sender, p->message);
		pending_fail_with(p, ERR_UNAVAILABLE, "the program stops");
	}
	limbo_free(in->limbo);
	batch_free(in->batch);
	defer_cancel(&in->kick);
	timer_done(&in->tick);
	free(in);
}
