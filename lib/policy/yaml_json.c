/* YAML as JSON (yaml_json.h), from the events of libyaml. The values that are open are a stack, so
 * that depth costs no C stack. */
#include "policy/yaml_json.h"

#include <string.h>
#include <yaml.h>

#include "base/attr.h"

struct open_value {
	json_t *value; /* an object or a list; owned by the one below it, the first by the reader */
	json_t *key;   /* of an object: the one whose value comes next, or NULL */
};

struct reader {
	yaml_parser_t parser;
	json_t *root;
	int depth;
	struct open_value open[YAML_DEPTH_MAX];
	struct err *e;
};

static int
refuse(struct reader *r, const yaml_event_t *event, const char *what)
{
	return err_set(r->e, ERR_INVALID, "line %zu: %s", event->start_mark.line + 1, what);
}

/* ---- scalars ---- */

static bool
is_one_of(struct str s, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(s, str_of(*words)))
			return true;
	return false;
}

/* What JSON takes for a number is one; a leading '+' and a bare point are YAML's. */
static json_t *
number_of(struct str s)
{
	json_error_t wrong;
	char digits[64];
	size_t n = 0;
	if (s.n && s.p[0] == '+')
		s = (struct str){ s.p + 1, s.n - 1 };
	if (s.n == 0 || s.n + 2 > sizeof(digits) || !strchr("-.0123456789", s.p[0]))
		return NULL;
	if (s.p[0] == '.')
		digits[n++] = '0';
	memcpy(digits + n, s.p, s.n);
	n += s.n;
	if (digits[n - 1] == '.')
		digits[n++] = '0';
	return json_loadb(digits, n, JSON_DECODE_ANY, &wrong);
}

static json_t *
scalar_of(const yaml_event_t *event)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };
	struct str s = { (const char *)event->data.scalar.value, event->data.scalar.length };
	if (event->data.scalar.plain_implicit) {
		if (is_one_of(s, nulls))
			return json_null();
		if (is_one_of(s, yes) || is_one_of(s, no))
			return json_boolean(is_one_of(s, yes));
		json_t *number = number_of(s);
		if (number)
			return number;
	}
	return json_stringn(s.p, s.n);
}

/* ---- the tree ---- */

/* Takes the value. */
static int
put(struct reader *r, const yaml_event_t *event, json_t *v)
{
	if (!v)
		return refuse(r, event, "is no valid text");
	if (r->depth == 0) {
		r->root = v;
		return 0;
	}
	struct open_value *top = &r->open[r->depth - 1];
	if (json_is_array(top->value)) {
		json_array_append_new(top->value, v);
		return 0;
	}
	const char *key = json_string_value(top->key);
	if (strlen(key) != json_string_length(top->key)) {
		json_decref(v);
		return refuse(r, event, "a NUL stands in a key");
	}
	json_object_set_new(top->value, key, v);
	json_decref(top->key);
	top->key = NULL;
	return 0;
}

static bool
awaits_key(const struct reader *r)
{
	const struct open_value *top = r->depth ? &r->open[r->depth - 1] : NULL;
	return top && json_is_object(top->value) && !top->key;
}

static int
take_scalar(struct reader *r, const yaml_event_t *event)
{
	if (!awaits_key(r))
		return put(r, event, scalar_of(event));
	json_t *key =
	    json_stringn((const char *)event->data.scalar.value, event->data.scalar.length);
	if (!key)
		return refuse(r, event, "a key is no valid text");
	r->open[r->depth - 1].key = key;
	return 0;
}

static int
take_start(struct reader *r, const yaml_event_t *event, json_t *v)
{
	if (awaits_key(r) || r->depth == YAML_DEPTH_MAX) {
		json_decref(v);
		return refuse(r, event, awaits_key(r) ? "a key is no text" : "is nested too deep");
	}
	if (put(r, event, v))
		return -1;
	r->open[r->depth++] = (struct open_value){ .value = v };
	return 0;
}

static bool
has_foreign_tag(const yaml_event_t *event)
{
	const char *tag = event->type == YAML_SCALAR_EVENT ? (const char *)event->data.scalar.tag
			  : event->type == YAML_SEQUENCE_START_EVENT
			      ? (const char *)event->data.sequence_start.tag
			  : event->type == YAML_MAPPING_START_EVENT
			      ? (const char *)event->data.mapping_start.tag
			      : NULL;
	return tag && strncmp(tag, "tag:yaml.org,2002:", 18) != 0;
}

static int
take_event(struct reader *r, const yaml_event_t *event)
{
	if (has_foreign_tag(event))
		return refuse(r, event, "has a tag that JSON has no value for");
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return take_start(r, event, json_array());
	case YAML_MAPPING_START_EVENT:
		return take_start(r, event, json_object());
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(r, event, "aliases are not taken");
	case YAML_DOCUMENT_START_EVENT:
		return r->root ? refuse(r, event, "a second document") : 0;
	default:
		return 0;
	}
}

/* ---- the whole ---- */

static int
read_all(struct reader *r)
{
	for (;;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&r->parser, &event))
			return err_set(r->e, ERR_INVALID, "line %zu: is no YAML",
			    r->parser.problem_mark.line + 1);
		bool last = event.type == YAML_STREAM_END_EVENT;
		int failed = take_event(r, &event);
		yaml_event_delete(&event);
		if (failed || last)
			return failed;
	}
}

int
yaml_parse(struct str text, json_t **ret, struct err *e)
{
	struct reader r = { .e = e };
	if (!yaml_parser_initialize(&r.parser))
		return err_set(e, ERR_INTERNAL, "libyaml");
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.p, text.n);
	int failed = read_all(&r);
	yaml_parser_delete(&r.parser);
	for (int i = 0; i < r.depth; i++)
		json_decref(r.open[i].key);
	if (!failed && !r.root)
		failed = err_set(e, ERR_INVALID, "there is no document");
	if (failed)
		json_decref(r.root);
	else
		*ret = r.root;
	return failed;
}
