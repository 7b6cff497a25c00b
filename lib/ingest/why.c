/* Why the append left an event out (message_why.sql): its key or its eventId is there already, or
 * the catalogue had moved on since it was matched. The same question finds what an event is the
 * repetition of that is not to be stored. */
#include "base/metric.h"

#include "ingest/pending.h"
#include "statements.h"

#define TRIES_MAX                                                                                  \
	5 /* appends of one event; a catalogue that changes faster than that is not ours */

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
		pending_fail_with(
		    p, ERR_INVALID, "this Idempotency-Key was used with a different request");
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
	bool mine = p->message && p->ev->event_id.p && pg_int(r, 0, WHY_UID_MSG) == p->message->id;
	if (!pg_null(r, 0, WHY_MSG)) {
		if (mine)
			forget_event_id(p);
		replay_answer(p, r);
		return;
	}
	if (p->ev->event_id.p && !pg_null(r, 0, WHY_UID_MSG) && !mine) {
		pending_fail_with(p, ERR_CONFLICT, "a message with this eventId exists already");
		return;
	}
	if (p->finds) {
		p->fn(p->arg, NULL, NULL);
		pending_free(p);
		return;
	}
	if (++p->tries >= TRIES_MAX) {
		pending_fail_with(p, ERR_UNAVAILABLE, "the application changes too fast");
		return;
	}
	metric_add(METRIC_REMATCHED, 1);
	message_unref(p->message);
	p->message = NULL;
	pending_look_up(p);
}

static void
on_why(void *arg, const struct pg_result *r, const struct err *e)
{
	struct pending *p = arg;
	TAILQ_REMOVE(&p->in->asking, p, entry);
	p->why = NULL;
	if (e)
		pending_fail(p, e);
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
	pg_answer_within(p->why, INGEST_ANSWER_MAX);
}

void
pending_not_stored(struct pending *p)
{
	if (p->fn)
		ask_why(p);
	else
		pending_free(p); /* it was told to try again */
}

static void
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	struct pending *p = arg;
	if (!app) {
		pending_fail(p, e);
		return;
	}
	p->app = cat_app_ref(app);
	ask_why(p);
}

void
pending_find(struct pending *p)
{
	p->finds = true;
	catalogue_load(p->in->cat, p->ev->org, p->ev->app_ref, on_app, p);
}
