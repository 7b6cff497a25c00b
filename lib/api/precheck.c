/* /app/{app}/msg/precheck/active: whether a message would go to anybody, or be kept for somebody
 * who polls. It is matched as the message would be (lib/ingest), by the endpoints as they are in
 * the database now. */
#include "api/handlers.h"
#include "ingest/ingest.h"
#include "policy/name.h"
#include "rest/field.h"

/* A message that is asked about; in the call's arena. */
struct question {
	struct str event_type;
	int nchannels;
	struct str channels[INGEST_CHANNELS_MAX];
};

static bool
fits(const struct filter *f, const struct question *q)
{
	return filter_match(f, q->event_type, q->channels, q->nchannels);
}

static bool
is_active(const struct cat_app *app, const struct question *q)
{
	for (int i = 0; i < app->nendpoints; i++)
		if (!app->endpoints[i].disabled && fits(&app->endpoints[i].filter, q))
			return true;
	for (int i = 0; i < app->npolls; i++)
		if (fits(&app->polls[i].filter, q))
			return true;
	return false;
}

static void
on_app(void *arg, const struct cat_app *app, const struct err *e)
{
	struct call *c = arg;
	if (!app && e->kind == ERR_NOT_FOUND) {
		call_not_found(c);
		return;
	}
	if (!app) {
		call_fail(c, e);
		return;
	}
	struct jw *j = call_json(c);
	jw_open_object(j);
	jw_put_bool(j, "active", is_active(app, c->state));
	jw_close_object(j);
	call_reply_json(c, 200, j);
}

static void
answer(struct call *c, struct question *q)
{
	c->state = q;
	catalogue_load(c->parts->catalogue, str_of(c->token.org), c->params[0], on_app, c);
}

/* ---- asked with a body ---- */

static void
read_body(struct fields *f, struct question *q)
{
	static const struct name_rule rule = { name_channel_valid, 1, INGEST_CHANNELS_MAX };
	struct names channels = { 0 };
	field_text(f, "eventType", 1, NAME_MAX_LEN, &q->event_type);
	if (q->event_type.p && !name_valid(q->event_type))
		field_problem(f, "eventType", "has characters that it may not have");
	field_names(f, "channels", NULL, &rule, &channels);
	for (int i = 0; i < channels.n; i++)
		q->channels[i] = channels.name[i];
	q->nchannels = channels.n;
}

void
api_message_precheck(struct call *c)
{
	struct question *q = arena_zalloc(c->arena, sizeof(*q));
	struct fields f;
	if (call_body(c))
		return;
	fields_begin(&f, c, BODY_WHOLE);
	read_body(&f, q);
	if (fields_end(&f) == 0)
		answer(c, q);
}

/* ---- asked with a query ---- */

void
api_message_precheck_get(struct call *c)
{
	struct question *q = arena_zalloc(c->arena, sizeof(*q));
	q->event_type = call_query(c, "eventType");
	if (!q->event_type.p)
		q->event_type = call_query(c, "event_type");
	if (!q->event_type.p || !name_valid(q->event_type)) {
		call_invalid_query(
		    c, "eventType", "must be 1 to %d of a-z A-Z 0-9 - _ .", NAME_MAX_LEN);
		return;
	}
	q->nchannels = call_query_list(c, "channels", q->channels, INGEST_CHANNELS_MAX);
	if (q->nchannels < 0)
		return;
	for (int i = 0; i < q->nchannels; i++) {
		if (name_channel_valid(q->channels[i]))
			continue;
		call_invalid_query(
		    c, "channels", "name %d has characters that it may not have", i + 1);
		return;
	}
	answer(c, q);
}
