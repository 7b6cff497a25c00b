/* What an endpoint subscribes to (subscription.h). */
#include "api/subscription.h"

#include "policy/name.h"
#include "statements.h"

#define EVENT_TYPES_MAX 1000
#define CHANNELS_MAX    10

void
subscription_read(struct fields *f, struct subscription *ret)
{
	static const struct name_rule event_types = { name_valid, 0, EVENT_TYPES_MAX };
	static const struct name_rule channels = { name_channel_valid, 1, CHANNELS_MAX };
	field_names(f, "eventTypes", "filterTypes", &event_types, &ret->event_types);
	field_names(f, "channels", NULL, &channels, &ret->channels);
}

static void
arg_names(struct pg_args *a, const struct names *names)
{
	if (names->n)
		pg_arg_texts(a, names->name, names->n);
	else
		pg_arg_null(a);
}

void
subscription_arg(struct pg_args *a, const struct subscription *s)
{
	arg_names(a, &s->event_types);
	arg_names(a, &s->channels);
}

void
subscription_check(struct call *c, const struct subscription *s, call_fn fn)
{
	struct pg_args *a = call_args(c);
	pg_arg_text(a, str_of(c->token.org));
	pg_arg_texts(a, s->event_types.name, s->event_types.n);
	call_query_one(c, &stmt_event_types_unknown, a, fn);
}

bool
subscription_refused(struct call *c, const struct pg_result *r)
{
	static const char *const loc[] = { "body", "eventTypes", NULL };
	if (pg_rows(r->res[0]) == 0)
		return false;
	call_invalid(c, loc, "there is no event type %.*s", STR_FMT(pg_str(r->res[0], 0, 0)));
	return true;
}

static void
put_texts_or_null(struct jw *j, const char *key, const struct str *texts, int n)
{
	jw_key(j, key);
	if (n == 0) {
		jw_null(j);
		return;
	}
	jw_open_array(j);
	for (int i = 0; i < n; i++)
		jw_text(j, texts[i]);
	jw_close_array(j);
}

void
subscription_put(struct jw *j, const struct str *event_types, int nevent_types,
    const struct str *channels, int nchannels)
{
	put_texts_or_null(j, "eventTypes", event_types, nevent_types);
	put_texts_or_null(j, "filterTypes", event_types, nevent_types);
	put_texts_or_null(j, "channels", channels, nchannels);
}
