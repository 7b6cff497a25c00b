/* Endpoints that the sender disables: by what they answer (410), or for having answered nothing
 * good for too long. Their lanes wait until the catalogue says so (sender.c). */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#include "send/sender-internal.h"
#include "statements.h"

/* A statement under way. */
struct disabling {
	struct sender *sender;
	int64_t app_id, endpoint_id;
	struct arena *arena;
	struct pg_ticket *ticket;
	TAILQ_ENTRY(disabling) entry;
};

static void
disabling_free(struct disabling *x)
{
	TAILQ_REMOVE(&x->sender->disabling, x, entry);
	arena_free(x->arena);
	free(x);
}

static void
on_disabled(void *arg, const struct pg_result *r, const struct err *e)
{
	struct disabling *x = arg;
	struct sender *s = x->sender;
	/* If it could not be stored, the endpoint says so again at its next delivery. */
	if (!e && pg_rows(r->res[0]))
		catalogue_changed(s->cat, x->app_id, pg_int(r->res[0], 0, 0));
	else
		lanes_gate(s->lanes, x->endpoint_id, LANE_GO);
	disabling_free(x);
}

static bool
under_way(const struct sender *s, int64_t endpoint_id)
{
	const struct disabling *x;
	TAILQ_FOREACH(x, &s->disabling, entry)
		if (x->endpoint_id == endpoint_id)
			return true;
	return false;
}

static void
disable(struct sender *s, int64_t app_id, int64_t endpoint_id, struct str reason)
{
	struct pg_args args;
	struct disabling *x = mem_zalloc(sizeof(*x));
	x->sender = s;
	x->app_id = app_id;
	x->endpoint_id = endpoint_id;
	x->arena = arena_new();
	TAILQ_INSERT_TAIL(&s->disabling, x, entry);
	pg_args_init(&args, x->arena);
	pg_arg_int8(&args, app_id);
	pg_arg_int8(&args, endpoint_id);
	pg_arg_text(&args, reason);
	struct pg_call call = { &stmt_endpoint_disable, &args };
	x->ticket = pg_submit_at(GONE, s->load, &call, 1, on_disabled, x);
}

void
sender_disable_gone(struct sender *s, const struct delivery *d)
{
	char app[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
	if (under_way(s, d->endpoint_id))
		return;
	LOG_INFO(ENDPOINT_GONE, KV("app", id_to_text(ID_APP, d->message->app_id, app)),
	    KV("endpoint", id_to_text(ID_ENDPOINT, d->endpoint_id, endpoint)));
	disable(s, d->message->app_id, d->endpoint_id, STR("gone"));
}

void
sender_on_failing(void *arg, int64_t app_id, int64_t endpoint_id)
{
	char app[ID_TEXT_SIZE], endpoint[ID_TEXT_SIZE];
	if (under_way(arg, endpoint_id))
		return;
	LOG_INFO(ENDPOINT_FAILING, KV("app", id_to_text(ID_APP, app_id, app)),
	    KV("endpoint", id_to_text(ID_ENDPOINT, endpoint_id, endpoint)));
	disable(arg, app_id, endpoint_id, STR("failing"));
}

void
sender_disable_free(struct sender *s)
{
	struct disabling *x;
	while ((x = TAILQ_FIRST(&s->disabling))) {
		pg_cancel(x->ticket);
		disabling_free(x);
	}
}
