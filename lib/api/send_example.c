/* POST /app/{app}/endpoint/{endpoint}/send-example: a real message, of this application, that goes
 * to this endpoint alone, whatever its filter says. Its payload is an example of the event type's
 * newest schema; "svix.ping" is a type that is always there. */
#include "api/endpoint_ref.h"
#include "api/handlers.h"
#include "api/message_out.h"
#include "ingest/ingest.h"
#include "policy/example.h"
#include "policy/name.h"
#include "rest/field.h"
#include "statements.h"
#include "store/endpoint.h"
#include "store/event_type.h"

#define PING         "svix.ping"
#define PING_PAYLOAD "{\"success\":true}"
#define INDEX_MAX    1000000

struct example_sending {
	struct call *c;
	struct ingest_event event;
	int64_t index;
};

/* ---- the answer --------------------------------------------------------------------------- */

static void
on_submitted(void *arg, const struct ingest_answer *a, const struct err *e)
{
	const struct example_sending *s = arg;
	struct call *c = s->c;
	if (!a) {
		if (e->kind == ERR_NOT_FOUND)
			call_not_found(c);
		else
			call_fail(c, e);
		return;
	}
	const struct message_out m = {
		.id = a->msg_id,
		.event_type = a->event_type,
		.with_content = true,
		.payload = a->payload,
		.payload_is_object = true,
	};
	struct jw *j = call_json(c);
	jw_open_object(j);
	message_put_fields(j, &m);
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

/* ---- the message -------------------------------------------------------------------------- */

/* Answers and returns -1 when there is nothing to be sent. */
static int
find_payload(struct call *c, struct example_sending *s, const PGresult *r)
{
	static const char *const index[] = { "body", "exampleIndex", NULL };
	struct event_type_row t;
	if (str_eq(s->event.event_type, STR(PING))) {
		s->event.payload = STR(PING_PAYLOAD);
		return 0;
	}
	if (!pg_rows(r)) {
		call_not_found(c);
		return -1;
	}
	event_type_row_read(r, 0, c->arena, &t);
	switch (example_find(t.schemas, s->index, &s->event.payload)) {
	case EXAMPLE_FOUND:
		s->event.payload = arena_str(c->arena, s->event.payload);
		return 0;
	case EXAMPLE_TOO_FEW:
		call_invalid(c, index, "there are not so many examples");
		return -1;
	case EXAMPLE_NONE:
		call_fail_code(
		    c, 400, "invalid_scheme", "The event type has no schema with an example");
		return -1;
	case EXAMPLE_NO_OBJECT:
		call_fail_code(c, 400, "invalid_scheme", "The example is no object");
		return -1;
	}
	return -1;
}

static void
on_found(struct call *c, const struct pg_result *r)
{
	struct example_sending *s = c->state;
	struct endpoint_row e;
	if (!pg_rows(r->res[0])) {
		call_not_found(c);
		return;
	}
	endpoint_row_read(r->res[0], 0, c->arena, &e);
	if (endpoint_refuses(c, e.disabled, e.unverified))
		return;
	if (find_payload(c, s, r->res[1]))
		return;
	s->event.only_endpoint = e.id;
	ingest_submit(c->parts->ingest, &s->event, on_submitted, s);
}

static void
ask(struct call *c, const struct example_sending *s)
{
	struct pg_args *a = call_args(c);
	pg_arg_text(a, s->event.org);
	pg_arg_text(a, s->event.event_type);
	pg_arg_null(a);
	const struct pg_call calls[] = { { &stmt_endpoint_get, endpoint_args(c) },
		{ &stmt_event_type_get, a } };
	call_query_db(c, calls, ARRAY_LEN(calls), on_found);
}

void
api_endpoint_send_example(struct call *c)
{
	struct example_sending *s = arena_zalloc(c->arena, sizeof(*s));
	struct fields f;
	if (call_body(c))
		return;
	s->c = c;
	s->event.org = str_of(c->token.org);
	s->event.app_ref = c->params[0];
	fields_begin(&f, c, BODY_WHOLE);
	field_text(&f, "eventType", 1, NAME_MAX_LEN, &s->event.event_type);
	if (s->event.event_type.p && !name_valid(s->event.event_type))
		field_problem(
		    &f, "eventType", "must be 1 to %d of a-z A-Z 0-9 - _ .", NAME_MAX_LEN);
	field_int_or_null(&f, "exampleIndex", NULL, 0, INDEX_MAX, &s->index);
	if (fields_end(&f))
		return;
	c->state = s;
	ask(c, s);
}
