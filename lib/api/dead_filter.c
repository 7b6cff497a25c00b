/* Filters of dead letters (dead_filter.h). */
#include "api/dead_filter.h"

#include "policy/name.h"

#define CLASS_MAX 5

bool
ref_is_given(const struct ref *ref)
{
	return ref->id != 0 || ref->uid.p;
}

/* ---- from a query ---- */

static struct str
query_either(struct call *c, const char *name, const char *other)
{
	struct str value = call_query(c, name);
	return value.p ? value : call_query(c, other);
}

static int
read_reason(struct str text, int *ret)
{
	enum dead_reason reason;
	if (dead_reason_from_text(text, &reason))
		return -1;
	*ret = (int)reason;
	return 0;
}

int
dead_filter_from_query(struct call *c, const struct log_list *l, struct dead_filter *ret)
{
	*ret = (struct dead_filter){ .above = l->above,
		.below = l->below,
		.ntypes = l->ntypes,
		.class = l->class };
	memcpy(ret->types, l->types, sizeof(ret->types[0]) * (size_t)l->ntypes);
	struct str app = query_either(c, "app_id", "appId");
	struct str endpoint = query_either(c, "endpoint_id", "endpointId");
	struct str reason = call_query(c, "reason");
	if (app.p)
		ret->app = call_ref(ID_APP, app);
	if (endpoint.p)
		ret->endpoint = call_ref(ID_ENDPOINT, endpoint);
	if (!reason.p || read_reason(reason, &ret->reason) == 0)
		return 0;
	call_invalid_query(c, "reason", "is none of the reasons there are");
	return -1;
}

/* ---- from JSON ---- */

static struct str
text_of(const json_t *v)
{
	return (struct str){ json_string_value(v), json_string_length(v) };
}

static int
json_ref(const json_t *v, enum id_kind kind, struct ref *ret)
{
	if (!json_is_string(v))
		return -1;
	*ret = call_ref(kind, text_of(v));
	return 0;
}

static int
json_time(const json_t *v, struct wall *ret)
{
	return json_is_string(v) ? wall_from_text(text_of(v), ret) : -1;
}

/* Whether there is one is asked later, and the task is refused when there is not. */
static int
read_app(const json_t *v, struct dead_filter *f)
{
	return json_ref(v, ID_APP, &f->app);
}

/* What can name none is refused: the filter must not become one that selects everything. */
static int
read_endpoint(const json_t *v, struct dead_filter *f)
{
	if (json_ref(v, ID_ENDPOINT, &f->endpoint) || !name_valid(text_of(v)))
		return -1;
	return f->endpoint.id < 0 ? -1 : 0;
}

static int
read_types(const json_t *v, struct dead_filter *f)
{
	if (!json_is_array(v) || json_array_size(v) > LOG_TYPES_MAX)
		return -1;
	f->ntypes = 0;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *type = json_array_get(v, i);
		if (!json_is_string(type) || !name_valid(text_of(type)))
			return -1;
		f->types[f->ntypes++] = text_of(type);
	}
	return 0;
}

static int
read_json_reason(const json_t *v, struct dead_filter *f)
{
	return json_is_string(v) ? read_reason(text_of(v), &f->reason) : -1;
}

static int
read_class(const json_t *v, struct dead_filter *f)
{
	int64_t class = json_integer_value(v);
	if (!json_is_integer(v) || class < 0 || class % 100 || class / 100 > CLASS_MAX)
		return -1;
	f->class = class / 100;
	return 0;
}

static int
read_before(const json_t *v, struct dead_filter *f)
{
	struct wall before;
	if (json_time(v, &before))
		return -1;
	f->below = log_below(before);
	return 0;
}

static int
read_after(const json_t *v, struct dead_filter *f)
{
	struct wall after;
	if (json_time(v, &after))
		return -1;
	f->above = log_above(after);
	return 0;
}

int
dead_filter_from_json(
    const json_t *object, struct wall now, struct dead_filter *ret, const char **ret_field)
{
	/* The names of the query are taken too: a name that is not known selects everything. */
	static const struct {
		const char *name;
		int (*read)(const json_t *v, struct dead_filter *f);
	} members[] = {
		{ "appId", read_app },
		{ "app_id", read_app },
		{ "endpointId", read_endpoint },
		{ "endpoint_id", read_endpoint },
		{ "eventTypes", read_types },
		{ "event_types", read_types },
		{ "reason", read_json_reason },
		{ "statusCodeClass", read_class },
		{ "status_code_class", read_class },
		{ "before", read_before },
		{ "after", read_after },
	};
	*ret = (struct dead_filter){ .above = -1, .below = log_below(now), .class = -1 };
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *v = json_object_get(object, members[i].name);
		*ret_field = members[i].name;
		if (v && !json_is_null(v) && members[i].read(v, ret))
			return -1;
	}
	return 0;
}

/* ---- to JSON ---- */

static void
put_ref(struct jw *j, const char *key, enum id_kind kind, const struct ref *ref)
{
	if (ref->uid.p)
		jw_put_text(j, key, ref->uid);
	else if (ref->id > 0)
		jw_put_id(j, key, kind, ref->id);
}

void
dead_filter_put(struct jw *j, const struct dead_filter *f)
{
	jw_open_object(j);
	put_ref(j, "appId", ID_APP, &f->app);
	put_ref(j, "endpointId", ID_ENDPOINT, &f->endpoint);
	if (f->ntypes) {
		jw_key(j, "eventTypes");
		jw_open_array(j);
		for (int i = 0; i < f->ntypes; i++)
			jw_text(j, f->types[i]);
		jw_close_array(j);
	}
	if (f->reason)
		jw_put_text(j, "reason", str_of(dead_reason_to_text((enum dead_reason)f->reason)));
	if (f->class >= 0)
		jw_put_i64(j, "statusCodeClass", f->class * 100);
	jw_put_time(j, "before", id_time(f->below));
	if (f->above >= 0)
		jw_put_time(j, "after", (struct wall){ id_time(f->above + 1).us - USEC_PER_MS });
	jw_close_object(j);
}

/* ---- arguments ---- */

static void
arg_small_or_null(struct pg_args *a, bool given, int64_t v)
{
	if (given)
		pg_arg_int2(a, (int16_t)v);
	else
		pg_arg_null(a);
}

void
dead_filter_arg(struct pg_args *a, const struct dead_filter *f)
{
	call_arg_ref(a, &f->endpoint);
	if (f->ntypes)
		pg_arg_texts(a, f->types, f->ntypes);
	else
		pg_arg_null(a);
	arg_small_or_null(a, f->reason != 0, f->reason);
	arg_small_or_null(a, f->class >= 0, f->class);
}

void
dead_filter_arg_all(struct pg_args *a, struct str org, const struct dead_filter *f)
{
	pg_arg_text(a, org);
	pg_arg_int8(a, f->above);
	pg_arg_int8(a, f->below);
	dead_filter_arg(a, f);
}
