/* POST /app/{app}/msg/batch: many events in one request, a result for each, in their order.
 *
 *   split (policy/split.h) ─> message_in_take ─┬─> refused: its result
 *                                              └─> ingest, all in one list ─> its result
 *   the last result ─> the answer
 *
 * 1. A result is the status and the body that POST /msg would have answered for the item alone, but
 *    with no more of the message than the producer does not know.
 * 2. What is accepted is stored before the answer. A body that is broken somewhere is refused as a
 *    whole before anything of it is stored.
 * 3. When nothing was stored and trying again may help, or there is no such application, the
 *    request fails as a whole.
 * 4. With an Idempotency-Key the key is tied to the body first (key_pin), then each item is stored
 *    under a key of its own, made of the request's and the item's place: so a repetition finds what
 *    was stored and stores what was not.
 * 5. An item that is refused now (its type's schema is another one, its time has come) but has a
 *    name is asked about (ingest_find): its result is that of the first time, when there was one.
 */
#include <string.h>
#include <sys/queue.h>

#include "base/metric.h"

#include "api/app_in.h"
#include "api/handlers.h"
#include "api/message_in.h"
#include "api/payload_check.h"
#include "policy/split.h"
#include "rest/idempotency.h"
#include "rest/reply.h"

/* Why an item is refused. */
struct refusal {
	enum err_kind kind;
	const char *const *loc; /* of ERR_INVALID */
	const char *type;
	const char *text;
};

/* One item; in the call's arena. */
struct item {
	struct batch *batch;
	struct message_in in;
	int64_t id; /* when it was accepted */
	bool replayed;
	const struct refusal *refusal; /* NULL: accepted */
	bool unsure; /* refused, unless it is the repetition of one that was not */
	STAILQ_ENTRY(item) entry;
};

struct batch {
	struct call *c;
	int n;
	STAILQ_HEAD(, item) items;
	struct str application;       /* the first that an item has; {NULL, 0}: none */
	int good;                     /* items that are submitted */
	struct payload_check *checks; /* of those */
	int unsure;                   /* that are asked about */
	int left;                     /* of both, without a result yet */
	int accepted, replayed;       /* replayed: of those accepted */
	bool failed;                  /* failure is set */
	struct err failure;           /* the first that is not the item's own fault */
};

/* ---- the answer --------------------------------------------------------------------------- */

static void
put_accepted(struct jw *j, const struct item *it)
{
	jw_put_i64(j, "status", 202);
	jw_put_id(j, "id", ID_MESSAGE, it->id);
	jw_put_text_or_null(j, "eventId", it->in.event.event_id);
	jw_put_text(j, "eventType", it->in.event.event_type);
	jw_put_time(j, "timestamp", id_time(it->id));
	if (it->replayed)
		jw_put_bool(j, "replayed", true);
}

static void
put_refused(struct jw *j, const struct refusal *r)
{
	jw_put_i64(j, "status", err_status(r->kind));
	if (r->kind != ERR_INVALID) {
		jw_put_text(j, "code", str_of(err_code(r->kind)));
		jw_put_text(j, "detail", str_of(r->text));
		return;
	}
	jw_key(j, "detail");
	jw_open_array(j);
	call_put_problem(j, r->loc, r->type, r->text);
	jw_close_array(j);
}

static void
reply_results(const struct batch *b)
{
	struct jw *j = call_json(b->c);
	const struct item *it;
	jw_open_object(j);
	jw_put_i64(j, "accepted", b->accepted);
	jw_put_i64(j, "refused", b->n - b->accepted);
	jw_key(j, "data");
	jw_open_array(j);
	STAILQ_FOREACH(it, &b->items, entry)
	{
		jw_open_object(j);
		if (it->refusal)
			put_refused(j, it->refusal);
		else
			put_accepted(j, it);
		jw_close_object(j);
	}
	jw_close_array(j);
	jw_close_object(j);
	jw_end(j);
	struct str body = { j->out->data, j->out->len };
	bool all = b->replayed && b->replayed == b->accepted;
	reply_send(b->c, 202, body, all ? "idempotency-replayed: true\r\n" : "");
}

static void
reply(const struct batch *b)
{
	if (b->accepted || !b->failed)
		reply_results(b);
	else if (b->failure.kind == ERR_NOT_FOUND)
		call_not_found(b->c);
	else
		call_fail(b->c, &b->failure);
}

/* ---- results ------------------------------------------------------------------------------ */

static void
refuse_at(
    struct item *it, enum err_kind kind, const char *const *loc, const char *type, const char *text)
{
	struct arena *a = it->batch->c->arena;
	struct refusal *r = arena_alloc(a, sizeof(*r));
	*r = (struct refusal){
		.kind = kind, .loc = loc, .type = type, .text = arena_strdup(a, text)
	};
	it->refusal = r;
}

static void
refuse(struct item *it, enum err_kind kind, const char *place, const char *field, const char *type,
    const char *text)
{
	const char **loc = arena_zalloc(it->batch->c->arena, 3 * sizeof(*loc));
	loc[0] = place;
	loc[1] = field;
	refuse_at(it, kind, loc, type, text);
}

static void
refuse_fault(struct item *it, const struct message_fault *fault)
{
	const char **loc = arena_zalloc(it->batch->c->arena, 4 * sizeof(*loc));
	loc[0] = "body";
	loc[1] = fault->field;
	loc[2] = fault->part;
	refuse_at(it, ERR_INVALID, loc, "value_error", fault->msg);
}

static void
note_failure(struct batch *b, const struct err *e)
{
	if (b->failed || (e->kind != ERR_NOT_FOUND && err_status(e->kind) < 500))
		return;
	b->failed = true;
	b->failure = *e;
}

static void
on_submitted(void *arg, const struct ingest_answer *a, const struct err *e)
{
	struct item *it = arg;
	struct batch *b = it->batch;
	if (a) {
		it->refusal = NULL;
		it->id = a->msg_id;
		it->replayed = a->replayed;
		b->accepted++;
		b->replayed += a->replayed;
	} else if (e->kind == ERR_NOT_FOUND) {
		refuse(it, e->kind, NULL, NULL, NULL, "Entity not found");
		note_failure(b, e);
	} else {
		refuse(
		    it, e->kind, "header", "idempotency-key", "value_error", call_detail(b->c, e));
		note_failure(b, e);
	}
	if (--b->left == 0)
		reply(b);
}

static void
count_unfit(const struct item *it)
{
	if (!it->in.overdue)
		metric_add(METRIC_PAYLOAD_REFUSED, 1);
}

/* A refused one that was perhaps accepted when it was posted first (message.c): what it is called
 * by tells. */
static void
doubt(struct item *it)
{
	struct batch *b = it->batch;
	it->unsure = it->in.event.event_id.p || http_header_get(b->c->rq, "idempotency-key").p;
	if (it->unsure)
		b->unsure++;
	else
		count_unfit(it);
}

static void
on_found(void *arg, const struct ingest_answer *a, const struct err *e)
{
	struct item *it = arg;
	if (a || e) {
		on_submitted(it, a, e);
		return;
	}
	count_unfit(it);
	if (--it->batch->left == 0)
		reply(it->batch);
}

/* ---- the request -------------------------------------------------------------------------- */

static bool
is_ndjson(struct str type)
{
	static const char *const names[] = { "application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-jsonlines" };
	struct str name;
	if (!str_split(&type, ';', &name))
		return false; /* there is none */
	name = str_trim(name);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_nocase(name, str_of(names[i])))
			return true;
	return false;
}

static struct item *
item_new(struct batch *b)
{
	struct item *it = arena_alloc(b->c->arena, sizeof(*it));
	it->batch = b;
	it->replayed = false;
	it->refusal = NULL;
	it->unsure = false;
	STAILQ_INSERT_TAIL(&b->items, it, entry);
	b->n++;
	return it;
}

static void
take_item(struct batch *b, const struct slice *s)
{
	struct item *it = item_new(b);
	struct message_fault fault;
	if (message_in_take(s, b->c->arena, loop_wall(b->c->parts->loop), &it->in, &fault)) {
		refuse_fault(it, &fault);
		return;
	}
	if (!b->application.p)
		b->application = it->in.application;
	if (it->in.overdue) {
		refuse_fault(it, it->in.overdue);
		doubt(it);
	} else {
		b->good++;
	}
}

static int
read_items(struct batch *b)
{
	static const char *const body[] = { "body", NULL };
	struct call *c = b->c;
	struct split split;
	struct slice s;
	struct err e;
	const int64_t max = c->parts->config->batch_max;
	split_begin(&split, c->rq->body, is_ndjson(http_header_get(c->rq, "content-type")));
	for (;;) {
		enum split_step step = split_next(&split, &s, &e);
		if (step == SPLIT_END)
			return 0;
		if (step == SPLIT_BROKEN) {
			call_invalid_type(c, body, "value_error.jsondecode", "%s", e.text);
			return -1;
		}
		if (b->n == max) {
			call_fail_with(c, ERR_TOO_LARGE, "a batch may have %lld events at most",
			    (long long)max);
			return -1;
		}
		if (step == SPLIT_ITEM)
			take_item(b, &s);
		else
			refuse(item_new(b), ERR_INVALID, "body", NULL, "value_error.jsondecode",
			    e.text);
	}
}

/* NULL when the call was answered. */
static struct batch *
batch_read(struct call *c)
{
	struct batch *b = arena_zalloc(c->arena, sizeof(*b));
	b->c = c;
	STAILQ_INIT(&b->items);
	return read_items(b) ? NULL : b;
}

/* The item's own key, and what ties it to this request. */
static void
derive_key(struct ingest_event *ev, struct str key, int place, const unsigned char *body)
{
	char digits[STR_I64_SIZE];
	const struct str whose[] = { ev->org, STR("POST msg/batch"), ev->app_ref, key,
		str_from_i64(place, digits) };
	fingerprint(whose, ARRAY_LEN(whose), ev->key);
	memcpy(ev->body, body, FINGERPRINT_SIZE);
	ev->has_key = true;
}

static void
submit(struct call *c)
{
	struct batch *b = c->state;
	struct str key = http_header_get(c->rq, "idempotency-key");
	unsigned char body[FINGERPRINT_SIZE];
	struct ingest_item *list = arena_alloc(c->arena, sizeof(*list) * (size_t)(b->good + 1));
	struct item *it;
	int n = 0, place = 0;
	if (key.p)
		fingerprint(&c->rq->body, 1, body);
	b->left = b->good + b->unsure;
	STAILQ_FOREACH(it, &b->items, entry)
	{
		struct ingest_event *ev = &it->in.event;
		place++;
		if (it->refusal && !it->unsure)
			continue;
		ev->org = str_of(c->token.org);
		ev->app_ref = c->params[0];
		if (key.p)
			derive_key(ev, key, place, body);
		if (it->unsure)
			ingest_find(c->parts->ingest, ev, on_found, it);
		else
			list[n++] = (struct ingest_item){ ev, it };
	}
	if (n)
		ingest_submit_list(c->parts->ingest, list, n, on_submitted);
}

/* A key is tied to what is stored under it; where nothing is to be stored, it stays free. */
static void
proceed(struct batch *b)
{
	b->c->state = b;
	if (b->good)
		key_pin(b->c, submit);
	else if (b->unsure)
		submit(b->c);
	else
		reply(b);
}

/* ---- payloads against schemas --------------------------------------------------------------- */

static void
on_checked(void *arg)
{
	struct batch *b = arg;
	const struct payload_check *check = b->checks;
	struct item *it;
	STAILQ_FOREACH(it, &b->items, entry)
	{
		if (it->refusal)
			continue;
		if (check->loc) {
			refuse_at(it, ERR_INVALID, check->loc, "value_error", check->reason);
			b->good--;
			doubt(it);
		}
		check++;
	}
	proceed(b);
}

static void
check_payloads(struct batch *b)
{
	struct item *it;
	int n = 0;
	if (!b->c->parts->schemas || b->good == 0) {
		proceed(b);
		return;
	}
	b->checks = arena_zalloc(b->c->arena, sizeof(*b->checks) * (size_t)b->good);
	STAILQ_FOREACH(it, &b->items, entry)
	{
		if (!it->refusal)
			b->checks[n++].in = &it->in;
	}
	payload_check(b->c, b->checks, n, on_checked, b);
}

/* The application is there now; what was read is read again (c->state was another's). */
static void
on_application(struct call *c)
{
	struct batch *b = batch_read(c);
	if (b)
		check_payloads(b);
}

void
api_message_batch(struct call *c)
{
	if (ingest_pending(c->parts->ingest) >= c->parts->config->queue_max) {
		call_fail_with(c, ERR_UNAVAILABLE, "the service is busy; try again");
		return;
	}
	struct batch *b = batch_read(c);
	if (!b)
		return;
	if (b->application.p)
		app_in_ensure_text(c, b->application, on_application);
	else
		check_payloads(b);
}
