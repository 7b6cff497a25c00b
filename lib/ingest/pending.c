/* One event: what it is matched with, and its ends (pending.h). */
#include "ingest/pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/metric.h"

/* ---- ends --------------------------------------------------------------------------------- */

void
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

void
pending_refuse(struct pending *p, const struct err *e)
{
	ingest_fn fn = p->fn;
	if (!fn)
		return;
	p->fn = NULL;
	metric_add(METRIC_REJECTED, 1);
	fn(p->arg, NULL, e);
}

void
pending_fail(struct pending *p, const struct err *e)
{
	pending_refuse(p, e);
	pending_free(p);
}

void
pending_fail_with(struct pending *p, enum err_kind kind, const char *text)
{
	struct err e;
	err_set(&e, kind, "%s", text);
	pending_fail(p, &e);
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

void
pending_accept(struct pending *p)
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

void
pending_match(struct pending *p, const struct cat_app *app)
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
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	struct pending *p = arg;
	if (!app) {
		pending_fail(p, e);
		return;
	}
	pending_match(p, app);
	ingest_enqueue(p);
}

void
pending_look_up(struct pending *p)
{
	catalogue_load(p->in->cat, p->ev->org, p->ev->app_ref, on_app, p);
}
