/* The filters of replays (replay_filter.h). */
#include "api/replay_filter.h"

void
replay_filter_range(struct replay_filter *f)
{
	f->above = id_floor(f->since) - 1;
	f->below = id_floor((struct wall){ f->until.us + USEC_PER_MS });
}

void
replay_filter_put(struct jw *j, const struct replay_filter *f)
{
	jw_open_object(j);
	jw_put_id(j, "endpointId", ID_ENDPOINT, f->endpoint_id);
	jw_put_time(j, "since", f->since);
	jw_put_time(j, "until", f->until);
	if (f->ntypes) {
		jw_key(j, "eventTypes");
		jw_open_array(j);
		for (int i = 0; i < f->ntypes; i++)
			jw_text(j, f->types[i]);
		jw_close_array(j);
	}
	if (f->channel.p)
		jw_put_text(j, "channel", f->channel);
	if (f->tag.p)
		jw_put_text(j, "tag", f->tag);
	if (f->status >= 0)
		jw_put_i64(j, "status", f->status);
	if (f->class >= 0)
		jw_put_i64(j, "statusCodeClass", f->class * 100);
	jw_close_object(j);
}

/* ---- from JSON ---- */

static struct str
text_of(const json_t *v)
{
	return (struct str){ json_string_value(v), json_string_length(v) };
}

static int
read_time(const json_t *object, const char *name, struct wall *ret)
{
	const json_t *v = json_object_get(object, name);
	return json_is_string(v) ? wall_from_text(text_of(v), ret) : -1;
}

/* endpoint_replay.c takes no more of them than there is room for. Even so: this is a row of the
 * database, which another version may have written. */
static int
read_types(const json_t *list, struct replay_filter *f)
{
	if (json_array_size(list) > LOG_TYPES_MAX)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++)
		f->types[f->ntypes++] = text_of(json_array_get(list, i));
	return 0;
}

int
replay_filter_from_json(const json_t *object, struct replay_filter *ret)
{
	const json_t *status = json_object_get(object, "status");
	const json_t *class = json_object_get(object, "statusCodeClass");
	struct str endpoint = text_of(json_object_get(object, "endpointId"));
	*ret = (struct replay_filter){
		.channel = text_of(json_object_get(object, "channel")),
		.tag = text_of(json_object_get(object, "tag")),
		.status = status ? json_integer_value(status) : -1,
		.class = class ? json_integer_value(class) / 100 : -1,
	};
	if (!endpoint.p || id_from_text(ID_ENDPOINT, endpoint, &ret->endpoint_id) ||
	    read_time(object, "since", &ret->since) || read_time(object, "until", &ret->until) ||
	    read_types(json_object_get(object, "eventTypes"), ret))
		return -1;
	replay_filter_range(ret);
	return 0;
}

/* ---- arguments ---- */

static void
arg_small_or_null(struct pg_args *a, int64_t v)
{
	if (v >= 0)
		pg_arg_int2(a, (int16_t)v);
	else
		pg_arg_null(a);
}

void
replay_filter_arg(struct pg_args *a, const struct replay_filter *f, enum replay_which which)
{
	pg_arg_int8(a, f->endpoint_id);
	pg_arg_int2(a, (int16_t)which);
	if (f->ntypes)
		pg_arg_texts(a, f->types, f->ntypes);
	else
		pg_arg_null(a);
	pg_arg_text(a, f->channel);
	arg_small_or_null(a, f->status);
	arg_small_or_null(a, f->class);
	pg_arg_text(a, f->tag);
}
