/* Checking payloads (payload_check.h).
 *
 *   from the first that is not judged yet: its schema is known ─> judged
 *                                          is not ─> read with the other unknown ones ─> go on
 * there
 *
 * All payloads of a request share the steps of one, so that a batch does not hold the worker up for
 * longer than an event can. A payload that takes more counts as one that does not fit. */
#include "api/payload_check.h"

#include <stdio.h>

#include "base/log.h"
#include "base/metric.h"

#include "statements.h"
#include "store/event_schemas.h"

#define READ_MAX  500          /* schemas read at once */
#define LOOK_MAX  1000         /* payloads looked at for them */
#define LOG_EVERY USEC_PER_SEC /* of a worker */

struct checking {
	struct call *c;
	struct payload_check *list;
	int n, at;
	int64_t steps;
	void (*then)(void *arg);
	void *arg;
	int ntypes; /* being read */
	struct str *types;
};

/* ---- what does not fit ---- */

static struct {
	usec_t next;
	int64_t more;
} logged; /* of this worker */

static void
tell_log(struct call *c, const struct message_in *in, const struct schema_finding *f)
{
	usec_t now = loop_now(c->parts->loop);
	if (now < logged.next) {
		logged.more++;
		return;
	}
	const char *place = "";
	for (int i = 0; i < f->n; i++)
		place = arena_printf(c->arena, "%s/%s", place, f->loc[i]);
	LOG_WARN(PAYLOAD_UNFIT, KV("app", c->params[0]), KV("event_type", in->event.event_type),
	    KV("place", place), KV("reason", (const char *)f->reason), KV("more", logged.more));
	logged.next = now + LOG_EVERY;
	logged.more = 0;
}

/* "body", the member it stood in, and the place in it. */
static const char *const *
full_loc(struct arena *a, const struct message_in *in, const struct schema_finding *f)
{
	const char **loc = arena_alloc(a, sizeof(*loc) * (size_t)(f->n + 4));
	int n = 0;
	loc[n++] = "body";
	if (in->raw_payload) {
		loc[n++] = "transformationsParams";
		loc[n++] = "rawPayload";
	} else {
		loc[n++] = "payload";
	}
	for (int i = 0; i < f->n; i++)
		loc[n++] = arena_strdup(a, f->loc[i]);
	loc[n] = NULL;
	return loc;
}

static void
unfit(struct checking *k, struct payload_check *p, const struct schema_finding *f)
{
	tell_log(k->c, p->in, f);
	if (k->c->parts->config->payload_validation == VALIDATION_WARN) {
		metric_add(METRIC_PAYLOAD_WARNED, 1);
		return;
	}
	p->reason = arena_strdup(k->c->arena, f->reason);
	p->loc = full_loc(k->c->arena, p->in, f);
}

/* ---- judging ---- */

static json_t *
parse(struct str text)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
	json_error_t wrong;
	json_t *v = json_loadb(text.n ? text.p : "", text.n, flags, &wrong);
	if (!v && json_error_code(&wrong) == json_error_numeric_overflow)
		v = json_loadb(text.p, text.n, flags | JSON_DECODE_INT_AS_REAL, &wrong);
	return v;
}

static void
judge(struct checking *k, struct payload_check *p, const struct schema *schema)
{
	struct schema_finding f = { .n = 0 };
	json_t *v = parse(p->in->event.payload);
	if (!v) { /* a raw payload of another kind, or 1e999 */
		snprintf(f.reason, sizeof(f.reason), "is no JSON that can be checked");
		unfit(k, p, &f);
		return;
	}
	if (schema_judge(schema, v, &k->steps, &f) != SCHEMA_VALID)
		unfit(k, p, &f);
	json_decref(v);
}

/* ---- reading schemas ---- */

static void go_on(struct checking *k);

static void
on_read(struct call *c, const struct pg_result *r)
{
	struct checking *k = c->state;
	event_schemas_take(c->parts->schemas, str_of(c->token.org), k->types, k->ntypes, r->res[0],
	    loop_now(c->parts->loop));
	go_on(k);
}

static bool
is_listed(const struct checking *k, struct str type)
{
	for (int i = 0; i < k->ntypes; i++)
		if (str_eq(k->types[i], type))
			return true;
	return false;
}

/* What this one needs, and others behind it. */
static void
read_schemas(struct checking *k)
{
	struct call *c = k->c;
	struct str org = str_of(c->token.org);
	const struct schema *known;
	int end = k->n - k->at > LOOK_MAX ? k->at + LOOK_MAX : k->n;
	int max = end - k->at < READ_MAX ? end - k->at : READ_MAX;
	k->ntypes = 0;
	k->types = arena_alloc(c->arena, sizeof(*k->types) * (size_t)max);
	for (int i = k->at; i < end && k->ntypes < max; i++) {
		struct str type = k->list[i].in->event.event_type;
		if (i > k->at &&
		    (is_listed(k, type) || event_schemas_find(c->parts->schemas, org, type,
					       loop_now(c->parts->loop), &known)))
			continue;
		k->types[k->ntypes++] = type;
	}
	struct pg_args *a = call_args(c);
	event_schemas_args(c->parts->schemas, org, k->types, k->ntypes, c->arena, a);
	c->state = k;
	call_query_one(c, &stmt_event_type_schemas, a, on_read);
}

static void
go_on(struct checking *k)
{
	struct call *c = k->c;
	for (; k->at < k->n; k->at++) {
		struct payload_check *p = &k->list[k->at];
		const struct schema *schema = NULL;
		if (!event_schemas_find(c->parts->schemas, str_of(c->token.org),
			p->in->event.event_type, loop_now(c->parts->loop), &schema)) {
			read_schemas(k);
			return;
		}
		if (schema)
			judge(k, p, schema);
	}
	k->then(k->arg);
}

void
payload_check(struct call *c, struct payload_check *list, int n, void (*then)(void *arg), void *arg)
{
	struct checking *k = arena_alloc(c->arena, sizeof(*k));
	*k = (struct checking){
		.c = c, .list = list, .n = n, .steps = SCHEMA_STEPS_MAX, .then = then, .arg = arg
	};
	go_on(k);
}
