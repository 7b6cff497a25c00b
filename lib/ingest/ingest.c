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

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "ingest/batch.h"
#include "ingest/limbo.h"
#include "pg/sqlstate.h"
#include "statements.h"

#define WAIT_MAX                                                                                   \
	(5 * USEC_PER_SEC)           /* for room or a slot; then the producer is told to try again \
				      */
#define DOWN_MAX  USEC_PER_SEC       /* without a database: long enough for it to restart */
#define STALL_MAX (2 * USEC_PER_SEC) /* of an append, before nobody waits behind it any more */
#define ANSWER_MAX                                                                                 \
	(5 * USEC_PER_SEC) /* of an append or a question, before its producers are told */
#define FAILED_MAX                                                                                 \
	(10 * USEC_PER_SEC) /* how long a failed append says something about the next              \
			     */
#define TRIES_MAX                                                                                  \
	5 /* appends of one event; a catalogue that changes faster than that is not ours */
#define TICK (100 * USEC_PER_MS)

/* What single events may take of an append while groups stand in line, too. */
#define SINGLES_MAX       (BATCH_EVENTS_MAX / 4 * 3)
#define SINGLES_BYTES_MAX (BATCH_BYTES_MAX / 4 * 3)

/* One event on its way. */
struct pending {
	struct ingest *in;
	struct group *group;
	const struct ingest_event *ev; /* the caller's, until fn */
	ingest_fn fn;                  /* NULL: answered before the append was over */
	void *arg;
	usec_t since;
	int tries;
	const struct cat_app *app; /* one reference: what it was matched with */
	struct targets targets;
	int64_t *target_ids;     /* owned: those of targets */
	struct message *message; /* one reference; NULL until it is in a batch */
	struct arena *arena;     /* of the question why */
	struct pg_ticket *why;   /* while it is asked, in the list of those asking */
	TAILQ_ENTRY(pending) entry;
};
TAILQ_HEAD(pending_list, pending);

/* Events that were submitted together: one piece of memory. */
struct group {
	int n, left; /* left: not answered yet */
	struct pending pending[];
};

struct ingest {
	struct loop *loop;
	const struct config *config;
	struct catalogue *cat;
	struct sender *sender;
	struct pg_pool *append, *read;
	struct batch *batch;
	struct limbo *limbo;
	int npending;
	struct pending_list waiting[2]; /* single events, those of groups */
	struct pending_list flying, asking;
	int nflying;
	struct pg_ticket *ticket;
	usec_t sent;          /* when the append under way was, */
	int64_t epoch;        /* and under which epoch */
	usec_t failed_at;     /* when the last append failed; 0: it did not */
	char failed_code[16]; /* and its SQLSTATE */
	struct defer kick;
	struct timer tick;
};

/* ---- ends --------------------------------------------------------------------------------- */

static void
pending_free(struct pending *p)
{
	if (p->message)
		message_unref(p->message);
	cat_app_unref(p->app);
	arena_free(p->arena);
	free(p->target_ids);
	p->in->npending--;
	if (--p->group->left == 0)
		free(p->group);
}

static void
refuse(struct pending *p, const struct err *e)
{
	ingest_fn fn = p->fn;
	if (!fn)
		return;
	p->fn = NULL;
	metric_add(METRIC_REJECTED, 1);
	fn(p->arg, NULL, e);
}

static void
fail(struct pending *p, const struct err *e)
{
	refuse(p, e);
	pending_free(p);
}

static void
fail_with(struct pending *p, enum err_kind kind, const char *text)
{
	struct err e;
	err_set(&e, kind, "%s", text);
	fail(p, &e);
}

/* What is queued is not ours in memory: whoever keeps the endpoint reads it. */
static void
deliver(const struct pending *p)
{
	const struct targets *t = &p->targets;
	int direct = t->n - t->nqueued;
	if (t->deliver_at.us) {
		sender_deliver_at(p->in->sender, p->message, t->ids, t->n, t->deliver_at);
		return;
	}
	sender_deliver(p->in->sender, p->message, t->ids, direct);
	for (int i = direct; i < t->n; i++)
		sender_queued(p->in->sender, p->message->app_id, t->ids[i]);
}

static void
answer(struct pending *p)
{
	const struct message *m = p->message;
	struct ingest_answer a = { .app_id = m->app_id,
		.msg_id = m->id,
		.event_type = p->ev->event_type,
		.event_id = p->ev->event_id,
		.payload = p->ev->payload };
	if (p->ev->extra) {
		a.tags = p->ev->extra->tags;
		a.deliver_at = p->ev->extra->deliver_at;
	}
	metric_add(METRIC_ACCEPTED, 1);
	metric_observe(METRIC_H_ACCEPT, loop_now(p->in->loop) - p->since);
	FAULT_POINT(ACCEPT);
	p->fn(p->arg, &a, NULL);
	FAULT_POINT(ACCEPTED);
}

/* What is stored is delivered, also when its producer was told that we did not know. */
static void
accept_event(struct pending *p)
{
	if (p->fn)
		answer(p);
	deliver(p);
	pending_free(p);
}

/* ---- matching ----------------------------------------------------------------------------- */

/* What has a time of its own has no place in an order. */
static bool
is_queued(const struct cat_endpoint *e, const struct ingest_event *ev)
{
	if (ev->extra && ev->extra->deliver_at.us)
		return false;
	return e->ordering == ORDERING_ENDPOINT ||
	       (e->ordering == ORDERING_KEY && ev->has_ordering_key);
}

static bool
is_target(const struct cat_endpoint *e, const struct ingest_event *ev)
{
	if (e->disabled)
		return false;
	if (ev->only_endpoint)
		return e->id == ev->only_endpoint;
	return filter_match(&e->filter, ev->event_type, ev->channels, ev->nchannels);
}

static void
match_polls(
    struct targets *t, const struct cat_app *app, const struct ingest_event *ev, int64_t *ids)
{
	for (int i = 0; i < app->npolls; i++)
		if (filter_match(
			&app->polls[i].filter, ev->event_type, ev->channels, ev->nchannels))
			ids[t->npolled++] = app->polls[i].id;
}

static void
match(struct pending *p, const struct cat_app *app)
{
	const struct ingest_event *ev = p->ev;
	int direct = 0, queued = app->nendpoints; /* from both ends */
	cat_app_unref(p->app);
	p->app = cat_app_ref(app);
	int64_t *ids =
	    mem_realloc(p->target_ids, sizeof(*ids) * (size_t)(app->nendpoints + app->npolls));
	for (int i = 0; i < app->nendpoints; i++) {
		const struct cat_endpoint *e = &app->endpoints[i];
		if (!is_target(e, ev))
			continue;
		if (is_queued(e, ev))
			ids[--queued] = e->id;
		else
			ids[direct++] = e->id;
	}
	int nqueued = app->nendpoints - queued;
	if (nqueued)
		memmove(ids + direct, ids + queued, sizeof(*ids) * (size_t)nqueued);
	p->target_ids = ids;
	p->targets = (struct targets){ .n = direct + nqueued, .nqueued = nqueued, .ids = ids };
	if (ev->extra)
		p->targets.deliver_at = ev->extra->deliver_at;
	if (app->npolls && !ev->only_endpoint)
		match_polls(&p->targets, app, ev, ids + p->targets.n);
}

static void
enqueue(struct pending *p)
{
	struct ingest *in = p->in;
	TAILQ_INSERT_TAIL(&in->waiting[p->group->n > 1], p, entry);
	defer_schedule(&in->kick);
	if (!timer_pending(&in->tick))
		timer_set(&in->tick, TICK);
}

static void
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	struct pending *p = arg;
	if (!app) {
		fail(p, e);
		return;
	}
	match(p, app);
	enqueue(p);
}

/* Reads the application, again when what is cached has proved stale. */
static void
look_up(struct pending *p)
{
	catalogue_load(p->in->cat, p->ev->org, p->ev->app_ref, on_app, p);
}

/* ---- why an event was not stored ---------------------------------------------------------- */

static void
on_forgotten(void *arg, const struct pg_result *r, const struct err *e)
{
	arena_free(arg);
	(void)r;
	(void)e; /* the eventId stays taken until its retention ends: safe, if unfriendly */
}

/* The eventId was taken for this event, but its key belonged to another request: free it. */
static void
forget_event_id(struct pending *p)
{
	struct arena *a = arena_new();
	struct pg_args args;
	struct str event_id = arena_str(a, p->ev->event_id);
	pg_args_init(&args, a);
	pg_arg_int8s(&args, &p->app->id, 1);
	pg_arg_texts(&args, &event_id, 1);
	pg_arg_int8s(&args, &p->message->id, 1);
	struct pg_call call = { &stmt_message_uid_forget, &args };
	pg_submit(p->in->read, &call, 1, on_forgotten, a);
}

/* Columns of message_why.sql. */
enum why {
	WHY_VERSION,
	WHY_BODY,
	WHY_MSG,
	WHY_TYPE,
	WHY_EVENT_ID,
	WHY_CHANNELS,
	WHY_PAYLOAD,
	WHY_UID_MSG,
	WHY_TAGS,
	WHY_DELIVER_AT,
};

static void
replay_answer(struct pending *p, const PGresult *r)
{
	struct str body = { (const char *)p->ev->body, FINGERPRINT_SIZE };
	if (!str_eq(pg_str(r, 0, WHY_BODY), body)) {
		fail_with(p, ERR_INVALID, "this Idempotency-Key was used with a different request");
		return;
	}
	struct ingest_answer a = { .app_id = p->app->id,
		.msg_id = pg_int(r, 0, WHY_MSG),
		.replayed = true,
		.event_type = pg_str(r, 0, WHY_TYPE),
		.event_id = pg_str(r, 0, WHY_EVENT_ID),
		.payload = pg_str(r, 0, WHY_PAYLOAD),
		.channels = pg_str(r, 0, WHY_CHANNELS),
		.tags = pg_str(r, 0, WHY_TAGS),
		.deliver_at = pg_time(r, 0, WHY_DELIVER_AT) };
	metric_add(METRIC_REPLAYED_KEYS, 1);
	p->fn(p->arg, &a, NULL);
	pending_free(p);
}

static void
judge(struct pending *p, const PGresult *r)
{
	int64_t my_id = p->message->id;
	bool mine = p->ev->event_id.p && pg_int(r, 0, WHY_UID_MSG) == my_id;
	if (!pg_null(r, 0, WHY_MSG)) {
		if (mine)
			forget_event_id(p);
		replay_answer(p, r);
		return;
	}
	if (p->ev->event_id.p && !pg_null(r, 0, WHY_UID_MSG) && !mine) {
		fail_with(p, ERR_CONFLICT, "a message with this eventId exists already");
		return;
	}
	if (++p->tries >= TRIES_MAX) {
		fail_with(p, ERR_UNAVAILABLE, "the application changes too fast");
		return;
	}
	metric_add(METRIC_REMATCHED, 1);
	message_unref(p->message);
	p->message = NULL;
	look_up(p);
}

static void
on_why(void *arg, const struct pg_result *r, const struct err *e)
{
	struct pending *p = arg;
	TAILQ_REMOVE(&p->in->asking, p, entry);
	p->why = NULL;
	if (e)
		fail(p, e);
	else
		judge(p, r->res[0]);
}

static void
ask_why(struct pending *p)
{
	const struct ingest_event *ev = p->ev;
	struct wall now = loop_wall(p->in->loop);
	struct pg_args args;
	if (!p->arena)
		p->arena = arena_new();
	arena_reset(p->arena);
	pg_args_init(&args, p->arena);
	pg_arg_int8(&args, p->app->id);
	pg_arg_bytes(&args, ev->has_key ? (struct str){ (const char *)ev->key, FINGERPRINT_SIZE }
					: (struct str){ NULL, 0 });
	pg_arg_text(&args, ev->event_id);
	pg_arg_int4(&args, batch_key_bucket_oldest(p->in->batch, now));
	pg_arg_int4(&args, batch_uid_bucket_oldest(p->in->batch, now));
	struct pg_call call = { &stmt_message_why, &args };
	TAILQ_INSERT_TAIL(&p->in->asking, p, entry);
	p->why = pg_submit_at(WHY, p->in->read, &call, 1, on_why, p);
	pg_answer_within(p->why, ANSWER_MAX);
}

static void
not_stored(struct pending *p)
{
	if (p->fn)
		ask_why(p);
	else
		pending_free(p); /* it was told to try again */
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
		fail_with(p, ERR_UNAVAILABLE, "the event could not be stored; try again");
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
			accept_event(p);
		} else {
			sender_forget(in->sender, p->message);
			not_stored(p);
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
		fail_with(p, ERR_UNAVAILABLE,
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
		refuse(p, &e);
}

static void
on_tick(void *arg)
{
	struct ingest *in = arg;
	refuse_late(in, &in->waiting[0]);
	refuse_late(in, &in->waiting[1]);
	if (append_under_way_for(in, ANSWER_MAX))
		answer_flying(in);
	if (!nobody_waits(in))
		defer_schedule(&in->kick);
	if (!nobody_waits(in) || in->ticket)
		timer_set(&in->tick, TICK);
}

/* ---- public ------------------------------------------------------------------------------- */

void
ingest_submit_list(struct ingest *in, const struct ingest_item *items, int n, ingest_fn fn)
{
	struct group *g = mem_zalloc(sizeof(*g) + sizeof(g->pending[0]) * (size_t)n);
	const struct ingest_event *first = items[0].event;
	const struct cat_app *app = catalogue_find(in->cat, first->org, first->app_ref);
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
		if (app) {
			match(p, app);
			enqueue(p);
		} else {
			look_up(p);
		}
	}
}

void
ingest_submit(struct ingest *in, const struct ingest_event *ev, ingest_fn fn, void *arg)
{
	const struct ingest_item one = { ev, arg };
	ingest_submit_list(in, &one, 1, fn);
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
		fail_with(p, ERR_UNAVAILABLE, "the program stops");
	}
	limbo_free(in->limbo);
	batch_free(in->batch);
	defer_cancel(&in->kick);
	timer_done(&in->tick);
	free(in);
}
