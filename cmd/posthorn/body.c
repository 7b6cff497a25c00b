/* From options to JSON. How an option is written follows from its type in flags.def; no command
 * builds its body by hand unless a value comes from elsewhere. */
#include "body.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

#include "input.h"
#include "policy/name.h"
#include "policy/slice.h"
#include "printable.h"
#include "rest.h"

typedef int put_fn(struct jw *j, const struct args *a, enum flag f, struct err *e);

static int
put_switch(struct jw *j, const struct args *a, enum flag f, struct err *e UNUSED)
{
	jw_put_bool(j, flag_specs[f].field, args_has(a, f));
	return 0;
}

static int
put_text(struct jw *j, const struct args *a, enum flag f, struct err *e UNUSED)
{
	jw_put_text(j, flag_specs[f].field, str_of(args_text(a, f)));
	return 0;
}

/* Options of this type that have a field are secrets. */
static int
put_input(struct jw *j, const struct args *a, enum flag f, struct err *e)
{
	struct str text;
	if (input_secret(flag_specs[f].name, args_text(a, f), a->arena, &text, e))
		return -1;
	jw_put_text(j, flag_specs[f].field, text);
	return 0;
}

static int
put_int(struct jw *j, const struct args *a, enum flag f, struct err *e UNUSED)
{
	jw_put_i64(j, flag_specs[f].field, args_int(a, f, 0));
	return 0;
}

static int
put_list(struct jw *j, const struct args *a, enum flag f, struct err *e UNUSED)
{
	jw_key(j, flag_specs[f].field);
	jw_open_array(j);
	for (int i = 0; i < a->arg[f].n; i++)
		jw_text(j, str_of(a->arg[f].text[i]));
	jw_close_array(j);
	return 0;
}

/* KEY=VALUE … as {"KEY": "VALUE"}. */
static int
put_pairs(struct jw *j, const struct args *a, enum flag f, struct err *e)
{
	jw_key(j, flag_specs[f].field);
	jw_open_object(j);
	for (int i = 0; i < a->arg[f].n; i++) {
		struct str value = str_of(a->arg[f].text[i]), key;
		str_split(&value, '=', &key);
		if (!value.p || key.n == 0)
			return err_set(e, ERR_USAGE, "--%s takes KEY=VALUE", flag_specs[f].name);
		jw_put_text(j, arena_strndup(a->arena, key.p, key.n), value);
	}
	jw_close_object(j);
	return 0;
}

/* The server's rules, told before it is asked. The value may be a secret and is not quoted. */
int
body_put_headers(struct jw *j, const struct args *a, struct err *e)
{
	for (int i = 0; i < a->arg[FLAG_HEADER].n; i++) {
		struct str value = str_of(a->arg[FLAG_HEADER].text[i]), name;
		str_split(&value, ':', &name);
		if (!value.p)
			return err_set(e, ERR_USAGE, "--header takes 'NAME: VALUE'");
		const char *refused = name_header_refused(name);
		value = str_trim(value);
		if (!refused && !name_header_value_valid(value))
			refused = "its value may not be sent";
		if (refused)
			return err_set(e, ERR_INVALID, "--header %s: %s",
			    printable_line(a->arena, name, 60), refused);
		jw_put_text(j, arena_strndup(a->arena, name.p, name.n), value);
	}
	return 0;
}

/* 'NAME: VALUE' … as {"NAME": "VALUE"}. */
static int
put_headers(struct jw *j, const struct args *a, enum flag f, struct err *e)
{
	jw_key(j, flag_specs[f].field);
	jw_open_object(j);
	if (body_put_headers(j, a, e))
		return -1;
	jw_close_object(j);
	return 0;
}

/* A JSON number without sign and exponent. */
static bool
is_number(struct str s)
{
	struct str rest = s, whole;
	str_split(&rest, '.', &whole);
	bool fraction = rest.p != NULL;
	if (whole.n == 0 || (whole.n > 1 && whole.p[0] == '0') || (fraction && rest.n == 0))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && s.p + i != whole.p + whole.n)
			return false;
	return s.n <= 20;
}

static int
put_numbers(struct jw *j, const struct args *a, enum flag f, struct err *e)
{
	struct str rest = str_of(args_text(a, f)), item;
	jw_key(j, flag_specs[f].field);
	jw_open_array(j);
	while (str_split(&rest, ',', &item)) {
		item = str_trim(item);
		if (!is_number(item))
			return err_set(e, ERR_USAGE, "--%s takes numbers with commas between",
			    flag_specs[f].name);
		jw_raw(j, item);
	}
	jw_close_array(j);
	return 0;
}

static put_fn *const put_by_type[] = {
	[FLAG_SWITCH] = put_switch,
	[FLAG_TEXT] = put_text,
	[FLAG_INPUT] = put_input,
	[FLAG_INT] = put_int,
	[FLAG_TIME] = put_text,
	[FLAG_LIST] = put_list,
	[FLAG_PAIRS] = put_pairs,
	[FLAG_HEADERS] = put_headers,
	[FLAG_NUMBERS] = put_numbers,
};

int
body_put_flags(struct jw *j, const struct args *a, struct err *e)
{
	for (int f = 0; f < FLAG_COUNT; f++)
		if (args_has(a, f) && flag_specs[f].field)
			if (put_by_type[flag_specs[f].type](j, a, f, e))
				return -1;
	return 0;
}

/* The values of a list with commas between; a single value as it is. */
static const char *
joined(const struct args *a, enum flag f)
{
	const char *text = a->arg[f].text[0];
	for (int i = 1; i < a->arg[f].n; i++)
		text = arena_printf(a->arena, "%s,%s", text, a->arg[f].text[i]);
	return text;
}

const char *
body_query(const struct args *a, const char *path, flag_set except)
{
	for (int f = 0; f < FLAG_COUNT; f++) {
		const struct flag_spec *s = &flag_specs[f];
		if (!args_has(a, f) || !s->query || except >> f & 1)
			continue;
		const char *value = s->type == FLAG_SWITCH ? "true" : joined(a, f);
		path = rest_query(a->arena, path, s->query, value);
	}
	return path;
}

flag_set
body_flags(void)
{
	flag_set set = 0;
	for (int f = 0; f < FLAG_COUNT; f++)
		if (flag_specs[f].field)
			set |= (flag_set)1 << f;
	return set;
}

/* jansson tells line and column, which people need; slice_object tells bytes, and accepts numbers
 * of any size. So the second decides and the first explains. */
static int
explain_json(const char *option, struct str text, struct err *e)
{
	json_error_t why;
	json_t *root = json_loadb(text.p, text.n, JSON_DECODE_ANY, &why);
	if (root) {
		json_decref(root);
		return err_set(e, ERR_INVALID, "--%s is not a single JSON value", option);
	}
	return err_set(
	    e, ERR_INVALID, "--%s is not JSON: line %d, column %d", option, why.line, why.column);
}

int
body_check_json(
    const char *option, struct str text, bool object_only, struct str *ret, struct err *e)
{
	/* As the one member of an object: exactly what it will be in the request. */
	struct buf b;
	struct slice *s = mem_alloc(sizeof(*s));
	struct err ignored;
	buf_init(&b, text.n + 16);
	buf_adds(&b, "{\"v\":");
	buf_add(&b, text.p, text.n);
	buf_addc(&b, '}');
	int rc = slice_object((struct str){ b.data, b.len }, s, &ignored) || s->n != 1;
	if (rc)
		rc = explain_json(option, text, e);
	else if (object_only && s->member[0].kind != SLICE_OBJECT)
		rc = err_set(e, ERR_INVALID, "--%s must be a JSON object", option);
	else
		*ret = (struct str){ text.p + (s->member[0].value.p - b.data - 5),
			s->member[0].value.n };
	buf_free(&b);
	free(s);
	return rc;
}
