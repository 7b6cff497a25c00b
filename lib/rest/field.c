/* Members of a JSON body as typed values (field.h). */
#include "rest/field.h"

#include <assert.h>
#include <stdio.h>

#include "policy/name.h"

#define TEXT_CONTROL_MAX 8 /* control characters that texts may not hold: up to this one */

static void
begin(struct fields *f, struct call *c)
{
	*f = (struct fields){ .c = c, .object = c->body, .problems = call_json(c) };
	jw_open_object(f->problems);
	jw_key(f->problems, "detail");
	jw_open_array(f->problems);
}

void
fields_begin(struct fields *f, struct call *c, enum body_kind kind)
{
	begin(f, c);
	f->kind = kind;
}

void
fields_begin_inside(struct fields *f, struct call *c, const char *inside, const json_t *object)
{
	begin(f, c);
	f->kind = BODY_WHOLE;
	f->inside = inside;
	f->object = object;
}

int
fields_end(struct fields *f)
{
	jw_close_array(f->problems);
	jw_close_object(f->problems);
	if (f->nproblems == 0)
		return 0;
	call_reply_json(f->c, 422, f->problems);
	return -1;
}

void
fields_arg_given(const struct fields *f, struct pg_args *a)
{
	pg_arg_texts(a, f->given, f->ngiven);
}

bool
fields_has(const struct fields *f, const char *name)
{
	for (int i = 0; i < f->ngiven; i++)
		if (str_eq(f->given[i], str_of(name)))
			return true;
	return false;
}

void
fields_give(struct fields *f, const char *name)
{
	assert(f->ngiven < FIELDS_MAX);
	f->given[f->ngiven++] = str_of(name);
}

/* item: the text by which clients know an item of a list, or NULL. */
static void PRINTF(4, 0)
    put_problem(struct fields *f, const char *name, const char *item, const char *fmt, va_list ap)
{
	const char *loc[5] = { "body" };
	int n = 1;
	if (f->inside)
		loc[n++] = f->inside;
	loc[n++] = name;
	loc[n] = item;
	char msg[256];
	vsnprintf(msg, sizeof(msg), fmt, ap);
	call_put_problem(f->problems, loc, "value_error", msg);
	f->nproblems++;
}

void
field_problem(struct fields *f, const char *name, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_problem(f, name, NULL, fmt, ap);
	va_end(ap);
}

void
field_problem_at(struct fields *f, const char *name, size_t item, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_problem(f, name, arena_printf(f->c->arena, "[%zu]", item), fmt, ap);
	va_end(ap);
}

/* ---- finding a member ---- */

enum found {
	FOUND_NOTHING, /* the default or the present value stands */
	FOUND_NULL,
	FOUND_VALUE,
};

struct member {
	enum found found;
	const char *name; /* as the caller spelled it */
	const json_t *v;
	/* What stands there under the other name, too, and does not count; it must be as good. */
	const char *other_name;
	const json_t *other;
};

/* Looks a member up and notes that it is to be written. Under two names the one with a value
 * counts. */
static struct member
find(struct fields *f, const char *name, const char *alias)
{
	struct member m = { FOUND_VALUE, name, json_object_get(f->object, name), NULL, NULL };
	const json_t *other = alias ? json_object_get(f->object, alias) : NULL;
	if (other && (!m.v || json_is_null(m.v))) {
		m.name = alias;
		m.v = other;
	} else if (other && !json_is_null(other)) {
		m.other_name = alias;
		m.other = other;
	}
	if (m.v || f->kind == BODY_WHOLE)
		fields_give(f, name);
	if (!m.v)
		m.found = FOUND_NOTHING;
	else if (json_is_null(m.v))
		m.found = FOUND_NULL;
	return m;
}

/* The same where null has no meaning. */
static struct member
find_value(struct fields *f, const char *name)
{
	struct member m = find(f, name, NULL);
	if (m.found == FOUND_NULL)
		field_problem(f, name, "may not be null");
	return m;
}

/* ---- texts ---- */

static struct str
json_str(const json_t *v)
{
	return (struct str){ json_string_value(v), json_string_length(v) };
}

static bool
has_controls(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= TEXT_CONTROL_MAX)
			return true;
	return false;
}

static void
take_text(struct fields *f, const struct member *m, size_t min, size_t max, struct str *ret)
{
	struct str s = json_str(m->v);
	if (!json_is_string(m->v))
		field_problem(f, m->name, "must be a text");
	else if (s.n < min || s.n > max)
		field_problem(f, m->name, "must have %zu to %zu bytes", min, max);
	else if (has_controls(s))
		field_problem(f, m->name, "may not hold control characters");
	else
		*ret = s;
}

void
field_text(struct fields *f, const char *name, size_t min, size_t max, struct str *ret)
{
	struct member m = find_value(f, name);
	if (m.found == FOUND_VALUE)
		take_text(f, &m, min, max, ret);
	else if (m.found == FOUND_NOTHING && f->kind == BODY_WHOLE && !ret->p)
		field_problem(f, name, "is required");
}

void
field_text_or_null(struct fields *f, const char *name, size_t max, struct str *ret)
{
	struct member m = find(f, name, NULL);
	if (m.found == FOUND_NULL)
		*ret = (struct str){ NULL, 0 };
	else if (m.found == FOUND_VALUE)
		take_text(f, &m, 0, max, ret);
}

static void
take_word(struct fields *f, const struct member *m, const char *const *words, struct str *ret)
{
	for (int i = 0; json_is_string(m->v) && words[i]; i++) {
		if (!str_eq(json_str(m->v), str_of(words[i])))
			continue;
		*ret = str_of(words[i]);
		return;
	}
	const char *list = words[0];
	for (int i = 1; words[i]; i++)
		list = arena_printf(f->c->arena, "%s or %s", list, words[i]);
	field_problem(f, m->name, "must be %s", list);
}

void
field_word(struct fields *f, const char *name, const char *const *words, struct str *ret)
{
	struct member m = find_value(f, name);
	if (m.found == FOUND_VALUE)
		take_word(f, &m, words, ret);
}

void
field_word_or_null(struct fields *f, const char *name, const char *const *words, struct str *ret)
{
	struct member m = find(f, name, NULL);
	if (m.found == FOUND_NULL)
		*ret = (struct str){ NULL, 0 };
	else if (m.found == FOUND_VALUE)
		take_word(f, &m, words, ret);
}

void
field_uid(struct fields *f, enum id_kind kind, struct str *ret)
{
	int before = f->nproblems;
	field_text_or_null(f, "uid", NAME_MAX_LEN, ret);
	if (f->nproblems == before && ret->p && !name_uid_valid(kind, *ret))
		field_problem(f, "uid",
		    "must be 1 to %d of a-z A-Z 0-9 - _ . and may not start with %s", NAME_MAX_LEN,
		    id_prefix(kind));
}

/* ---- numbers ---- */

void
field_bool(struct fields *f, const char *name, bool *ret)
{
	struct member m = find_value(f, name);
	if (m.found != FOUND_VALUE)
		return;
	if (json_is_boolean(m.v))
		*ret = json_is_true(m.v);
	else
		field_problem(f, name, "must be true or false");
}

static void
take_int(
    struct fields *f, const char *name, const json_t *v, int64_t min, int64_t max, int64_t *ret)
{
	int64_t number = json_integer_value(v);
	if (!json_is_integer(v) || number < min || number > max)
		field_problem(f, name, "must be an integer from %lld to %lld", (long long)min,
		    (long long)max);
	else
		*ret = number;
}

void
field_int(struct fields *f, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	struct member m = find(f, name, NULL);
	if (m.found == FOUND_VALUE)
		take_int(f, m.name, m.v, min, max, ret);
	else if (m.found == FOUND_NULL && f->kind == BODY_PATCH)
		field_problem(f, name, "may not be null");
}

void
field_int_or_null(
    struct fields *f, const char *name, const char *alias, int64_t min, int64_t max, int64_t *ret)
{
	struct member m = find(f, name, alias);
	int64_t unused;
	if (m.found == FOUND_NULL)
		*ret = 0;
	else if (m.found == FOUND_VALUE)
		take_int(f, m.name, m.v, min, max, ret);
	if (m.other)
		take_int(f, m.other_name, m.other, min, max, &unused);
}

/* ---- times ---- */

static void
take_time(struct fields *f, const struct member *m, struct wall *ret)
{
	if (!json_is_string(m->v) || wall_from_text(json_str(m->v), ret))
		field_problem(f, m->name, "must be a time as RFC 3339 has it");
}

void
field_time(struct fields *f, const char *name, struct wall *ret)
{
	struct member m = find_value(f, name);
	if (m.found == FOUND_VALUE)
		take_time(f, &m, ret);
	else if (m.found == FOUND_NOTHING && f->kind == BODY_WHOLE && !ret->us)
		field_problem(f, name, "is required");
}

void
field_time_or_null(struct fields *f, const char *name, struct wall *ret)
{
	struct member m = find(f, name, NULL);
	if (m.found == FOUND_VALUE)
		take_time(f, &m, ret);
	else if (m.found == FOUND_NULL)
		*ret = (struct wall){ 0 };
}

void
field_delays(struct fields *f, const char *name, int max, int64_t max_ms, struct delays *ret)
{
	struct member m = find(f, name, NULL);
	if (m.found != FOUND_VALUE) {
		ret->n = m.found == FOUND_NULL ? -1 : ret->n;
		return;
	}
	size_t n = json_array_size(m.v);
	if (!json_is_array(m.v) || n > (size_t)max) {
		field_problem(f, name, "must be a list of at most %d numbers of seconds", max);
		return;
	}
	int64_t *ms = arena_alloc(f->c->arena, sizeof(*ms) * n);
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(m.v, i);
		double delay = json_number_value(item) * 1000;
		if (!json_is_number(item) || !(delay >= 0 && delay <= (double)max_ms)) {
			field_problem_at(f, name, i, "must be a number from 0 to %lld (seconds)",
			    (long long)max_ms / 1000);
			return;
		}
		ms[i] = (int64_t)(delay + 0.5);
	}
	*ret = (struct delays){ (int)n, ms };
}

/* ---- lists and maps ---- */

static bool
is_among(const struct names *names, struct str s)
{
	for (int i = 0; i < names->n; i++)
		if (str_eq(names->name[i], s))
			return true;
	return false;
}

static void
take_names(struct fields *f, const char *name, const json_t *v, const struct name_rule *rule,
    struct names *ret)
{
	size_t n = json_array_size(v);
	if (!json_is_array(v) || n < (size_t)rule->min || n > (size_t)rule->max) {
		field_problem(f, name, "must be a list of %d to %d names", rule->min, rule->max);
		return;
	}
	struct names names = { 0, arena_alloc(f->c->arena, sizeof(struct str) * n) };
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(v, i);
		if (!json_is_string(item) || !rule->valid(json_str(item))) {
			field_problem_at(
			    f, name, i, "must be a name, of characters that it may have");
			return;
		}
		if (!is_among(&names, json_str(item)))
			names.name[names.n++] = json_str(item);
	}
	*ret = names;
}

void
field_names(struct fields *f, const char *name, const char *alias, const struct name_rule *rule,
    struct names *ret)
{
	struct member m = find(f, name, alias);
	struct names unused;
	if (m.found == FOUND_NULL)
		ret->n = 0;
	else if (m.found == FOUND_VALUE)
		take_names(f, m.name, m.v, rule, ret);
	if (m.other)
		take_names(f, m.other_name, m.other, rule, &unused);
}

const json_t *
field_object_or_null(struct fields *f, const char *name)
{
	struct member m = find(f, name, NULL);
	if (m.found != FOUND_VALUE)
		return NULL;
	if (json_is_object(m.v))
		return m.v;
	field_problem(f, name, "must be an object");
	return NULL;
}

/* Texts as others can read them: many a reader's text ends at a NUL. */
static bool
is_map_of_texts(const json_t *v)
{
	if (!json_is_object(v))
		return false;
	void *at = json_object_iter((json_t *)(uintptr_t)v);
	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
		struct str text = json_str(json_object_iter_value(at));
		if (!text.p || memchr(text.p, '\0', text.n))
			return false;
	}
	return true;
}

void
field_metadata(struct fields *f, struct str *ret)
{
	struct member m = find(f, "metadata", NULL);
	if (m.found == FOUND_NULL)
		*ret = STR("{}");
	if (m.found != FOUND_VALUE)
		return;
	if (!is_map_of_texts(m.v)) {
		field_problem(f, "metadata", "must be an object of texts without NUL");
		return;
	}
	char text[FIELD_METADATA_MAX];
	size_t n = json_dumpb(m.v, text, sizeof(text), JSON_COMPACT);
	if (n > sizeof(text))
		field_problem(f, "metadata", "may have %d bytes at most", FIELD_METADATA_MAX);
	else
		*ret = arena_str(f->c->arena, (struct str){ text, n });
}
