/* POST /app/{app}/msg: the way of every event into Posthorn (lib/ingest goes on from here). */
#include "base/metric.h"

#include "api/app_in.h"
#include "api/handlers.h"
#include "api/message_in.h"
#include "api/message_out.h"
#include "api/payload_check.h"
#include "rest/reply.h"

#define KEY_MAX 256 /* bytes of the header's value */

/* An event on its way; in the call's arena. */
struct posting {
	struct call *c;
	struct message_in in;
	struct payload_check check;
	bool with_content;
};

/* ---- the answer ---- */

static struct str
joined_channels(struct arena *a, const struct ingest_event *ev)
{
	if (ev->nchannels == 0)
		return (struct str){ NULL, 0 };
	const char *text = arena_strndup(a, ev->channels[0].p, ev->channels[0].n);
	for (int i = 1; i < ev->nchannels; i++)
		text = arena_printf(a, "%s,%.*s", text, STR_FMT(ev->channels[i]));
	return str_of(text);
}

static void
reply_accepted(const struct posting *p, const struct ingest_answer *a)
{
	struct call *c = p->c;
	const struct message_out m = {
		.id = a->msg_id,
		.event_type = a->event_type,
		.event_id = a->event_id,
		.channels = a->replayed ? a->channels : joined_channels(c->arena, &p->in.event),
		.tags = a->tags,
		.deliver_at = a->deliver_at,
		.with_content = p->with_content,
		.payload = a->payload,
		.payload_is_object = !a->replayed && !p->in.raw_payload,
	};
	struct jw *j = call_json(c);
	jw_open_object(j);
	message_put_fields(j, &m);
	jw_close_object(j);
	jw_end(j);
	struct str body = { j->out->data, j->out->len };
	reply_send(c, 202, body, a->replayed ? "idempotency-replayed: true\r\n" : "");
}

static void
on_submitted(void *arg, const struct ingest_answer *a, const struct err *e)
{
	static const char *const key[] = { "header", "idempotency-key", NULL };
	const struct posting *p = arg;
	if (a)
		reply_accepted(p, a);
	else if (e->kind == ERR_INVALID)
		call_invalid(p->c, key, "%s", e->text);
	else if (e->kind == ERR_NOT_FOUND)
		call_not_found(p->c);
	else
		call_fail(p->c, e);
}

/* ---- the request ---- */

/* The key's row is written by the append itself, with the event (message_append_keyed.sql). */
static int
read_key(struct call *c, struct ingest_event *ev)
{
	struct str key = http_header_get(c->rq, "idempotency-key");
	if (!key.p)
		return 0;
	if (key.n == 0 || key.n > KEY_MAX) {
		call_fail_with(
		    c, ERR_BAD_REQUEST, "Idempotency-Key: 1 to %d bytes expected", KEY_MAX);
		return -1;
	}
	const struct str whose[] = { ev->org, STR("POST msg"), ev->app_ref, key };
	fingerprint(whose, ARRAY_LEN(whose), ev->key);
	fingerprint(&c->rq->body, 1, ev->body);
	ev->has_key = true;
	return 0;
}

static void
refuse(const struct posting *p)
{
	if (!p->in.overdue)
		metric_add(METRIC_PAYLOAD_REFUSED, 1);
	call_invalid(p->c, p->check.loc, "%s", p->check.reason);
}

static void
on_found(void *arg, const struct ingest_answer *a, const struct err *e)
{
	if (a || e)
		on_submitted(arg, a, e);
	else
		refuse(arg);
}

/* What is refused now may have been accepted when it was posted first: schemas change, and times
 * come. The promise of its key, or eventId, is stronger. */
static void
submit(void *arg)
{
	struct posting *p = arg;
	struct call *c = p->c;
	struct ingest_event *ev = &p->in.event;
	ev->org = str_of(c->token.org);
	ev->app_ref = c->params[0];
	if (read_key(c, ev))
		return;
	if (!p->check.loc)
		ingest_submit(c->parts->ingest, ev, on_submitted, p);
	else if (ev->has_key || ev->event_id.p)
		ingest_find(c->parts->ingest, ev, on_found, p);
	else
		refuse(p);
}

static void
check(struct posting *p)
{
	static const char *const time[] = { "body", "deliverAt", NULL };
	p->check = (struct payload_check){ .in = &p->in };
	if (p->in.overdue) {
		p->check.loc = time;
		p->check.reason = p->in.overdue->msg;
	}
	if (p->check.loc || !p->c->parts->schemas)
		submit(p);
	else
		payload_check(p->c, &p->check, 1, submit, p);
}

static struct posting *
posting_new(struct call *c)
{
	struct posting *p = arena_alloc(c->arena, sizeof(*p));
	p->c = c;
	p->with_content = true;
	if (call_query_bool(c, "with_content", &p->with_content) || message_in_read(c, &p->in))
		return NULL;
	return p;
}

/* The application is there now; what was read is read again (c->state was another's). */
static void
on_application(struct call *c)
{
	struct posting *p = posting_new(c);
	if (p)
		check(p);
}

void
api_message_create(struct call *c)
{
	struct posting *p = posting_new(c);
	if (!p)
		return;
	if (p->in.application.p)
		app_in_ensure_text(c, p->in.application, on_application);
	else
		check(p);
}
